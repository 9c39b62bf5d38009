"""Which words of a growing transcript will stay: two decodes in a row agree on them.

    heard = LocalAgreement()
    heard.add("turn on the live", 16_000, probability=0.9)               # stable: ""
    heard.add("Turn on the living room lights", 32_000, probability=0.9)  # stable: "Turn on the"

LocalAgreement-2 of Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (IJCNLP-AACL
2023): what two successive decodes of growing audio have in common from the beginning on is stable. Words are compared
without case, marks and the way numbers are written, because a recogniser changes its mind about those at every decode.
Three rules are added, each because whisper-tiny.en needs it (figures: `bench/agreement.py`):

- Only words that the recogniser is sure of become stable: `LEAST_OF_A_WORD`, or where it tells nothing of its words
  `LEAST_PROBABILITY` of the whole. When it guesses it guesses the same once more. And decodes that cover nearly the
  same audio (`APART_SAMPLES`) are one opinion.
- The last word of a text is not trusted while the speaker goes on, agreed or not: the audio may end within it, and two
  decodes of the same half of a word agree on the wrong word ("light", "light", "lighting"). A decode made in a pause
  (`paused`) ends between words, and there it is.
- What took two decodes takes two to be retracted, which agree on what it should be, in a pause as well. One alone is
  often a slip that the next one takes back. (An answer is made of the newest decode, whatever was stable.) Followed at
  once in pauses, 12 of 781 stable words of 112 recordings were taken back, like this 5 of 774 (`bench streaming`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from models.protocols import SAMPLE_RATE_HZ

#: A decode less probable than this (geometric mean of its tokens, `Transcript.probability`) has no say. Stable words of
#: whisper-tiny.en that were retracted on 64 recordings, decoded every 600 ms, from 0 / 0.6 / 0.75 / 0.8 up: 3.1 / 1.1 /
#: 0.8 / 0.0 %, with 2.4 / 2.9 / 4.3 / 6.1 words not stable yet. Without it, decodes 1.8 s apart: 1.0 %, and 5.1 words.
#: On 27 of librispeech_other (8 of them among those 64) with 0 / 0.6 / 0.75 / 0.8: 3.6 / 2.8 / 1.3 / 0.0 %.
LEAST_PROBABILITY = 0.8
#: A word less probable than this (its least token) ends what is stable, however often it is heard. Of the decodes of a
#: conversation on read_misc, ha_commands_en and 14 of librispeech_other: from 0.5 / 0.6 / 0.7 up 365 / 301 / 222 words
#: became stable before the end, none of which was retracted; by the rule above 243, and none. On two utterances of 64 s
#: with 0.5 / 0.55 / 0.6: 13 / 8 / 2.3 % of some 350; by the rule above 25 % of 452.
LEAST_OF_A_WORD = 0.6
#: ... and a decode less probable than this has no say even then.
LEAST_PROBABILITY_WITH_WORDS = 0.5
#: Decodes are two opinions when the later one has heard so much more: 400 ms, a word.
APART_SAMPLES = 4 * SAMPLE_RATE_HZ // 10
_DECODES_KEPT = 16
_DRIFT_WORDS = 3  # so many words more or fewer may come of what is retracted

_ATOM = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*|%")
_UNITS = {word: value for value, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen".split()
)}  # fmt: skip
_TENS = {word: 20 + 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_SAME = {"%": "percent", "okay": "ok"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known after a decode. `text` begins with `stable`, letter by letter."""

    text: str  #: the newest transcript
    stable: str  #: the words of it that two decodes agree on
    retracted_words: int = 0  #: words that were stable before this decode and are no longer

    @property
    def tail(self) -> str:
        """The words that may still change."""
        return self.text[len(self.stable) :].lstrip()


@dataclass(frozen=True, slots=True)
class _Word:
    """A word as it is compared, and where it ends in the text."""

    form: str
    end: int


@dataclass(frozen=True, slots=True)
class _Decode:
    at: int  # how far the audio reached
    words: list[_Word]

    @property
    def forms(self) -> list[str]:
        return [word.form for word in self.words]


class LocalAgreement:
    """The stable prefix of one utterance; `reset` it for the next. Sans-IO."""

    def __init__(self, apart_samples: int = APART_SAMPLES, least_probability: float = LEAST_PROBABILITY) -> None:
        """`apart_samples`: decodes count as two when the later one covers so much more audio. `least_probability`: one
        less probable has no say."""
        self._apart_samples = apart_samples
        self._least_probability = least_probability
        self.reset()

    def reset(self) -> None:
        """The next text belongs to another utterance."""
        self._text = ""  # begins with the stable one
        self._stable = ""
        self._forms: list[str] = []  # of the stable words
        self._decodes: list[_Decode] = []  # the newest, oldest first: as many as it takes to agree

    def add(
        self,
        text: str,
        covered_sample: int | None = None,
        *,
        paused: bool = False,
        probability: float = 1.0,
        word_probabilities: Sequence[float] = (),
    ) -> Agreement:
        """A decode of all audio of the utterance up to `covered_sample` said `text`.

        `covered_sample`: None: each decode is far enough from the one before. `paused`: the audio ends between words.
        `probability`: as the recogniser tells it; what is not probable is shown, but changes no stable word.
        `word_probabilities`: of the last words of `text` (as white space parts them); (): not known. A text without
        words is no evidence (a decode that was dropped as a phantom): everything stays as it was.
        """
        text = text.strip()
        words = _compared(text)
        if not words:
            return Agreement(self._text, self._stable)
        at = self._apart_samples + (self._decodes[-1].at if self._decodes else 0)
        decode = _Decode(at if covered_sample is None else covered_sample, words)
        least = LEAST_PROBABILITY_WITH_WORDS if word_probabilities else self._least_probability
        sure = probability >= least
        rivals = self._rivals(decode) if sure else []
        retracted = self._retract(text, decode, rivals)
        trusted = min(len(words) if paused else len(words) - 1, self._believed(text, words, word_probabilities))
        self._extend(text, decode, rivals, trusted=trusted)
        return Agreement(self._text, self._stable, retracted)

    def _believed(self, text: str, words: list[_Word], probabilities: Sequence[float]) -> int:
        """So many words from the beginning on that are stable already, or probable."""
        spoken = reversed(list(re.finditer(r"\S+", text)))  # from the end: of what is frozen nothing is told
        known = zip(spoken, reversed(probabilities), strict=False)
        doubted = [at.span() for at, probability in known if probability < LEAST_OF_A_WORD]
        for number, word in enumerate(words[len(self._forms) :], start=len(self._forms)):
            if any(start < word.end <= end for start, end in doubted):
                return number
        return len(words)

    def _rivals(self, decode: _Decode) -> list[_Decode]:
        """The decodes that have to agree with `decode`; none while none is old enough. Forgets what is older."""
        old = [i for i, each in enumerate(self._decodes) if decode.at - each.at >= self._apart_samples]
        if old:
            del self._decodes[: old[-1]]
        rivals = list(self._decodes) if old else []
        self._decodes = [*self._decodes[-_DECODES_KEPT:], decode]
        return rivals

    def _retract(self, text: str, decode: _Decode, rivals: list[_Decode]) -> int:
        """Follow `decode` where it contradicts the stable words and its rivals say the same. How many changed?"""
        matched, end = _aligned(self._forms, decode.words)
        changed = len(self._forms) - matched
        forms = decode.forms[:end]
        same = all(rival.forms[:end] == forms and rival.forms[: len(self._forms)] != self._forms for rival in rivals)
        if forms == self._forms or not same or not rivals:
            return 0
        self._forms = forms
        self._stable = text[: decode.words[end - 1].end] if end else ""
        return changed

    def _extend(self, text: str, decode: _Decode, rivals: list[_Decode], *, trusted: int) -> None:
        """What the decodes say behind the stable words: as far as they agree it is stable too."""
        _, end = _aligned(self._forms, decode.words)
        tail = decode.forms[end:]
        agreed = min(len(tail), max(0, trusted - end)) if rivals else 0
        for rival in rivals:
            other = rival.forms[_aligned(self._forms, rival.words)[1] :]
            agreed = min(agreed, _common(tail, other))
        self._forms += tail[:agreed]
        if decode.forms[: len(self._forms)] == self._forms:  # in the newest spelling
            whole = len(self._forms) == len(decode.words)
            cut = len(text) if whole else decode.words[len(self._forms) - 1].end if self._forms else 0
            self._stable, self._text = text[:cut], text
            return
        # `decode` is alone in contradicting a stable word: that one stays, and what is behind it is taken over
        start = decode.words[end - 1].end if end else 0
        split = decode.words[end + agreed - 1].end if agreed else start
        self._stable = _behind(self._stable, text[start:split])
        self._text = _behind(self._stable, text[split:])


def same_words(a: str, b: str) -> bool:
    """Do both say the same, whatever the case, the marks and the way numbers are written ("10", "ten")?"""
    return [word.form for word in _compared(a)] == [word.form for word in _compared(b)]


def taken_back(stable: str, text: str) -> int:
    """How many words of `stable` are not in `text`, which counts, in their place."""
    forms = [word.form for word in _compared(stable)]
    return len(forms) - _aligned(forms, _compared(text))[0]


def _common(a: list[str], b: list[str]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def _aligned(stable: list[str], words: list[_Word]) -> tuple[int, int]:
    """How many of the stable words `words` has too, in their order, and how many words those take up in it."""
    forms = [word.form for word in words[: len(stable) + _DRIFT_WORDS]]
    same = _common(stable, forms)
    if same == len(stable):
        return same, same
    blocks = SequenceMatcher(a=stable, b=forms, autojunk=False).get_matching_blocks()
    matched = sum(block.size for block in blocks)
    # what is not matched at the end was replaced word for word, as far as anybody can tell
    last = next((block for block in reversed(blocks) if block.size), None)
    if last is None:
        return 0, min(len(stable), len(forms))
    return matched, min(len(forms), last.b + last.size + len(stable) - last.a - last.size)


def _behind(stable: str, tail: str) -> str:
    """`tail` put behind the stable words."""
    tail = tail.strip(" ,.…-") if not tail.strip(" ,.…-?!") else tail.lstrip(" ,.…-")
    return f"{stable} {tail}".strip() if tail else stable


def _compared(text: str) -> list[_Word]:
    """The words of `text`: lower case, no marks, "twelve-ounce" as two, "forty two" as "42"."""
    words: list[_Word] = []
    tens = False  # the last word was "forty": a unit may follow
    for match in _ATOM.finditer(text.lower().replace("’", "'")):
        atom = match.group()
        unit = _UNITS.get(atom)
        if tens and unit is not None and 0 < unit < 10:
            words[-1] = _Word(str(int(words[-1].form) + unit), match.end())
            tens = False
            continue
        tens = atom in _TENS
        words.append(
            _Word(str(_TENS[atom] if tens else unit if unit is not None else _SAME.get(atom, atom)), match.end())
        )
    return words
