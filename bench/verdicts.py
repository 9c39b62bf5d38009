"""What was thought of the end of an utterance, and what other patience would have made of it.

    looks = verdicts(run.result, 0, utterance)     # of the first utterance of a session
    commit_at(looks, patience=0.7)                 # ms after the end of speech: had it waited only 70 % as long

Every `end_point` event tells how long it had been quiet and how long would be waited as things looked then. Whoever is
more or less patient by a factor commits when the silence has lasted `patience` times that. So one run gives a whole
curve. Two things it cannot know: looks that would have come after the real commit (as it looked last stands in for
them), and answers that were ready because there was more time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.options import Utterance
from device.converse.rehearsal import Result
from device.dialogue.events import EndPoint, to_ms


@dataclass(frozen=True, slots=True)
class Look:
    """One `end_point` event; `at_ms` after the end of speech."""

    at_ms: float
    silence_ms: float
    wait_ms: float
    finished: float | None
    wording: str
    verdict: str
    sentence_end: float | None = None


def verdicts(result: Result, index: int, said: Utterance) -> list[Look]:
    """The looks at utterance `index` of a session, in order."""
    start = result.placed[index]
    until = result.placed.get(index + 1)
    end_ms = to_ms(start + said.speech_end)
    return [
        Look(to_ms(e.sample) - end_ms, e.silence_ms, e.wait_ms, e.finished, e.wording, e.verdict, e.sentence_end)
        for e in result.events
        if isinstance(e, EndPoint) and e.sample >= start and (until is None or e.sample < until)
    ]


def commit_at(looks: Sequence[Look], patience: float = 1.0) -> float | None:
    """When the turn would have been committed, in ms after the end of speech; None: nothing was looked at."""
    for n, look in enumerate(looks):
        voice_end_ms = look.at_ms - look.silence_ms
        at_ms = voice_end_ms + max(look.silence_ms, patience * look.wait_ms)
        if n + 1 == len(looks) or at_ms < looks[n + 1].at_ms:
            return at_ms
    return None


@dataclass(frozen=True, slots=True)
class Ending:
    """How one utterance ended; times in ms after its end of speech."""

    file: str
    commits_ms: tuple[float, ...]
    first_sound_ms: float | None
    looks: tuple[Look, ...]

    def commit_ms(self, patience: float = 1.0) -> float | None:
        """Of the last turn that it became, or when that would have been."""
        return self._moved(-1, patience) if self.commits_ms else None

    def sound_ms(self, patience: float = 1.0) -> float | None:
        """When something was first heard, or would have been: it moves with the first commit."""
        if self.first_sound_ms is None or not self.commits_ms:
            return self.first_sound_ms
        return self._moved(0, patience) + self.first_sound_ms - self.commits_ms[0]

    def _moved(self, turn: int, patience: float) -> float:
        """The commit of its first (0) or last (-1) turn; what came between the decision and it still would."""
        real, looks = self.commits_ms[turn], _by_turn(self.looks)
        decided = commit_at(looks[turn]) if looks else None
        supposed = commit_at(looks[turn], patience) if looks else None
        if patience == 1.0 or decided is None or supposed is None:
            return real
        return supposed + max(0.0, real - decided)


def _by_turn(looks: Sequence[Look]) -> list[list[Look]]:
    """The looks that led to each commit; what comes behind the last is not among them."""
    out: list[list[Look]] = []
    rest: list[Look] = []
    for look in looks:
        rest.append(look)
        if look.verdict == "commit":
            out.append(rest)
            rest = []
    return out


def wrongly_begun(ending: Ending, within_ms: float, patience: float = 1.0) -> bool:
    """Was an unfinished utterance answered within so much of its end of speech?"""
    at_ms = ending.sound_ms(patience)
    return at_ms is not None and at_ms <= within_ms


def quickly_committed(ending: Ending, within_ms: float, patience: float = 1.0) -> bool:
    """Was a finished utterance committed within so much of its end of speech, and not cut off?"""
    sound_ms = ending.sound_ms(patience)
    if sound_ms is not None and sound_ms < 0:
        return False
    at_ms = ending.commit_ms(patience)
    return at_ms is not None and at_ms <= within_ms
