"""Is this pause the end of the turn? Three layers: the silence, the words, the sound of the voice.

    end = TurnEnd(TurnEndPolicy())
    end.pause(offset_sample)                        # it went quiet
    if end.judgement_due(now): ...                  # ask the turn model, then:
    end.judged(0.97); end.worded(Wording.QUESTION, 0.9); end.expected(0.4)
    end.wait_ms                                     # so much silence will end the turn, as it looks now

Silence alone cannot tell a pause to think from the end: it only sets the limits. The turn model hears whether the
sentence came to its end; it is asked at the first short pause and again while it lasts, and its verdicts count alike.
The words can forbid an end ("turn on the"), and shorten the longest wait; how probable a sentence's end is behind them,
a language model says, and that is added to the verdicts as odds are. Sans-IO.

What the thresholds rest on: Smart Turn v3.2 on the recordings of `eot` and `turns.tsv`, 200 ms after the voice: from
0.5 up are 87 % of the complete utterances and 19 % of those that stop to think; from 0.9 up, 72 % and 16 %; 60 ms
after the voice from 0.9 up, 60 % and 9 %. Of pauses behind whole words that last, and of which it and the language
model are undecided (0.3 to 0.5), 600 ms in place of 950 and 1,300 answer 12 of 83 finished speakers sooner and cut off
2 of 1,635 who go on (420 clips, each pause with its real length; the same from 0.2 to 0.35). Doubtful words wait for
the same 600 ms where the recogniser closed them with a mark and the voice sounds finished: of the same clips 60 in
place of 64 finished speakers wait for more than 0.9 s, and nobody more is cut off (500 ms: one; with those that were
left open: one). After 480 ms it takes 44
% of those that stop to think for an end: a verdict that changes so late tells of the silence and not of the voice, so
it is not asked then. The language model tells commands from their beginnings, but nothing of words that were misheard,
so its say goes with the recogniser's belief in them. Nor has it seen every sentence: behind "What's the date" it saw an
end with 0.00001, which outvoted any verdict. From a hundredth down it tells no more, so its no is worth a factor of 15
at most: of the 420 clips 64 in place of 71 finished speakers wait for more than 0.9 s, 38 in place of 36 of the 47 of
`eot` are answered within 0.5 s, and 173 in place of 177 who go on are cut off (0.007 to 0.03 give the same).
(`nearfield bench end-points`, `hesitations`; `--set turn.sentence_end_weight=0`)
"""

import math
from dataclasses import dataclass
from typing import Literal

from device.dialogue.events import EndPoint
from device.dialogue.wording import Wording
from models.protocols import SAMPLE_RATE_HZ

_HOLDS_BACK = (Wording.UNFINISHED, Wording.DICTATING, Wording.LONE)
_SOUNDS_WHOLE = (Wording.QUESTION, Wording.STATEMENT)
_LEAST = 1e-3  # of a probability: what is below it tells no more
_LEAST_END = 1e-2  # ... of a sentence's end, by a small language model (see above)


def _log_odds(probability: float) -> float:
    held = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(held / (1 - held))


@dataclass(frozen=True, slots=True)
class TurnEndPolicy:
    """So much silence ends a turn. Times in ms since the voice ended."""

    sure: float = 0.9  #: from this probability on the turn model is believed at once,
    likely: float = 0.5  #: from this one on after a moment
    sure_silence_ms: float = 200.0
    likely_silence_ms: float = 320.0
    unready_silence_ms: float = 450.0  #: at most, in place of these two, while nothing of the answer can sound
    disputed_silence_ms: float = 950.0  #: sound and words disagree, or the words are doubtful and open
    unsure_silence_ms: float = 1300.0  #: the model says that it goes on; the words are a whole sentence
    undecided_silence_ms: float = 1500.0  #: nothing says that it is over, or a number is being dictated
    longest_silence_ms: float = 2000.0  #: the words cannot be all
    plain_silence_ms: float = 600.0  #: ... is doubtful and whole; no turn model, or it is undecided about a whole one
    trusted: float = 0.8  #: from this probability on whole words are believed against the turn model
    doubtful: float = 0.25  #: below this one words say nothing,
    doubtful_open: float = 0.4  #: ... and below this one where the recogniser left them open
    sentence_weight: float = 1.5  #: of what the language model expects behind the words; the turn model's is 1
    sentence_neutral: float = 0.05  #: so probable an end of a sentence speaks neither for it nor against
    possible: float = 0.3  #: below this the pause is for one within a sentence, and nothing is prepared
    opinion_silence_ms: float = 160.0  #: ... until it was quiet for so long; so long its opinion is waited for at most
    judge_at_ms: tuple[float, ...] = (0.0, 240.0)  #: it is asked when it was quiet for so long


class TurnEnd:
    """One turn's pauses, one after the other."""

    def __init__(self, policy: TurnEndPolicy, *, with_model: bool) -> None:
        """`with_model`: there is a turn model that `judged` will tell of."""
        self._policy = policy
        self._with_model = with_model
        self.least_wait_ms = 0.0  #: the speaker pauses so long in the middle of a turn (`speaker_pauses.py`)
        self._offset_sample: int | None = None
        self._asked = 0  # how often, in this pause
        self._verdicts: list[float] = []  # of the turn model on this pause
        self._wording: Wording | None = None
        self._sure_of_words = 1.0
        self._sentence_end: float | None = None
        self.unready = False  #: could nothing of the answer sound yet, were the turn over now?

    def pause(self, offset_sample: int) -> None:
        """It is quiet since `offset_sample`."""
        self._offset_sample = offset_sample
        self._asked = 0
        self._verdicts = []
        self._wording = None
        self._sentence_end = None

    def go_on(self) -> None:
        """It was only a pause."""
        self._offset_sample = None

    def judgement_due(self, now: int) -> bool:
        """Is the turn model to be asked now? Counts as asked when it says so."""
        at_ms = self._policy.judge_at_ms
        if not self._with_model or self._asked >= len(at_ms) or self.silence_ms(now) < at_ms[self._asked]:
            return False
        if self._offset_sample is None or (self._belief or 0.0) >= self._policy.sure:
            return False  # it is sure already: asked again it would only be in the way of the answer
        self._asked += 1
        return True

    def judged(self, finished: float) -> None:
        """The turn model's probability that the turn is over."""
        self._verdicts.append(finished)

    def unjudged(self) -> None:
        """The turn model failed: the rest of this turn goes without."""
        self._with_model = False

    def worded(self, wording: Wording, probability: float) -> None:
        """How the transcript of all that was said ends, and how sure the recogniser is of it."""
        self._wording = wording
        self._sure_of_words = probability

    def expected(self, sentence_end: float | None) -> None:
        """A language model's probability that a sentence ends behind the last word; None: not known of these words."""
        self._sentence_end = sentence_end

    def silence_ms(self, now: int) -> float:
        """How long it has been quiet; 0 when it is not."""
        if self._offset_sample is None:
            return 0.0
        return max(0, now - self._offset_sample) * 1000 / SAMPLE_RATE_HZ

    def within_a_sentence(self, now: int) -> bool:
        """Is this, by the turn model, only a gap in the middle of a sentence? Also while it has not answered yet."""
        if not self._with_model or self.silence_ms(now) >= self._policy.opinion_silence_ms:
            return False
        return not self._verdicts or self._verdicts[-1] < self._policy.possible

    @property
    def believed(self) -> bool:
        """Does this pause sound like the end: the turn model is for it, and the words are not against it?"""
        likely = (self._belief or 0.0) >= self._policy.likely
        return self._offset_sample is not None and likely and self._wording not in _HOLDS_BACK

    @property
    def _belief(self) -> float | None:
        """How probable it is that the turn is over: the turn model's verdicts on this pause, and what a language model
        makes of the words as far as the recogniser believes them; None: there is no verdict."""
        if not self._verdicts:
            return None
        policy, odds = self._policy, sum(map(_log_odds, self._verdicts)) / len(self._verdicts)
        if self._sentence_end is not None:
            credit = (self._sure_of_words - policy.doubtful) / max(policy.trusted - policy.doubtful, _LEAST)
            against_neutral = math.log((self._sentence_end + _LEAST_END) / (policy.sentence_neutral + _LEAST_END))
            odds += policy.sentence_weight * min(max(credit, 0.0), 1.0) * against_neutral
        return 1 / (1 + math.exp(-odds))

    @property
    def wait_ms(self) -> float:
        """The silence that ends the turn, as it looks now."""
        policy = self._policy
        if self._wording is Wording.UNFINISHED:
            return policy.longest_silence_ms
        if self._wording in _HOLDS_BACK:
            return policy.undecided_silence_ms
        least_ms = max(self.least_wait_ms, self._doubtful_wait_ms if self._doubtful else 0.0)
        return min(max(self._wait_ms(), least_ms), policy.longest_silence_ms)

    @property
    def _doubtful_wait_ms(self) -> float:
        """The least wait behind words that say nothing. Their mark says something: with the voice it is believed."""
        policy = self._policy
        if self.believed and self._wording in _SOUNDS_WHOLE:
            return min(self._plain_ms, policy.disputed_silence_ms)
        return policy.disputed_silence_ms

    @property
    def _doubtful(self) -> bool:
        """There are words, and they say nothing: whatever they are, they are not answered in a hurry."""
        policy = self._policy
        limit = policy.doubtful_open if self._wording is Wording.OPEN else policy.doubtful
        return self._wording is not None and self._sure_of_words < limit

    def _wait_ms(self) -> float:
        policy, finished = self._policy, self._belief
        if finished is None:
            # asked, but not answered yet (it may have failed): the answer will be there before the time is up
            return policy.plain_silence_ms
        whole = self._wording in _SOUNDS_WHOLE and not self._doubtful
        trusted = whole and self._sure_of_words >= policy.trusted
        if finished >= policy.likely:
            # who goes on before anything sounds was not cut off: to listen until then costs nobody any time
            at_most_ms = policy.unready_silence_ms if self.unready else 0.0
            return max(at_most_ms, policy.sure_silence_ms if finished >= policy.sure else policy.likely_silence_ms)
        if not whole:
            return policy.undecided_silence_ms
        goes_on_ms = policy.disputed_silence_ms if trusted else policy.unsure_silence_ms
        if finished < policy.possible:
            return goes_on_ms
        # it is undecided, and the words are all there: as if it had not been asked
        return min(self._plain_ms, goes_on_ms)

    @property
    def _plain_ms(self) -> float:
        """The wait by the silence alone, where there is a turn model: never less than behind a likely end."""
        return max(self._policy.plain_silence_ms, self._policy.likely_silence_ms)

    def at_the_longest(self, now: int) -> bool:
        """Has it been quiet for as long as is waited at most?"""
        return self.silence_ms(now) >= self._policy.longest_silence_ms

    def over(self, now: int) -> Literal["complete", "silence"] | None:
        """The turn is over, for this reason; None: not yet, or it is not quiet."""
        if self._offset_sample is None or self.silence_ms(now) < self.wait_ms:
            return None
        return "complete" if self.believed else "silence"

    def told(self, now: int, turn: int, verdict: Literal["commit", "wait", "nothing"]) -> EndPoint:
        """What is thought now, for the trace."""
        finished = round(self._verdicts[-1], 3) if self._verdicts else None
        wording = "" if self._wording is None else str(self._wording)
        ends = None if self._sentence_end is None else round(self._sentence_end, 3)
        return EndPoint(
            now, turn, verdict, round(self.silence_ms(now), 1), finished, wording, round(self.wait_ms, 1), ends
        )
