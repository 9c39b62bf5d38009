"""Which words of a growing transcript will stay: two decodes in a row agree on them.

    heard = LocalAgreement()
    heard.add("turn on the live")               # stable: ""
    heard.add("Turn on the living room lights")  # stable: "Turn on the"

LocalAgreement-2 of Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System" (IJCNLP-AACL
2023): what two successive decodes of growing audio have in common from the beginning on is stable. Words are compared
without case, marks and the way numbers are written, because a recogniser changes its mind about those at every decode.

The last word of a text is not trusted while the speaker goes on, agreed or not: the audio may end within it, and two
decodes of the same half of a word agree on the wrong word ("light", "light", "lighting"). A decode made in a pause
(`paused`) ends between words, and there it is.
"""

import re
from dataclasses import dataclass

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


class LocalAgreement:
    """The stable prefix of one utterance; `reset` it for the next. Sans-IO."""

    def __init__(self) -> None:
        self._text = ""
        self._words: list[_Word] = []
        self._stable = 0  # words of `_words`

    def add(self, text: str, *, paused: bool = False) -> Agreement:
        """A decode of all audio of the utterance so far said `text`. `paused`: that audio ends in silence.

        A text without words is no evidence (a decode that was dropped as a phantom): everything stays as it was.
        """
        text = text.strip()
        words = _compared(text)
        if not words:
            return self._agreement(0)
        agreed = _common(self._words, words)
        kept = min(self._stable, agreed)
        retracted = self._stable - kept
        trusted = len(words) if paused else len(words) - 1
        # what was stable stays so, even where a newer text ends with it
        self._stable = max(kept, min(agreed, trusted))
        self._text, self._words = text, words
        return self._agreement(retracted)

    def reset(self) -> None:
        """The next text belongs to another utterance."""
        self._text, self._words, self._stable = "", [], 0

    def _agreement(self, retracted: int) -> Agreement:
        if not self._stable:
            return Agreement(self._text, "", retracted)
        whole = self._stable == len(self._words)
        end = len(self._text) if whole else self._words[self._stable - 1].end
        return Agreement(self._text, self._text[:end], retracted)


def same_words(a: str, b: str) -> bool:
    """Do both say the same, whatever the case, the marks and the way numbers are written ("10", "ten")?"""
    return [word.form for word in _compared(a)] == [word.form for word in _compared(b)]


def _common(a: list[_Word], b: list[_Word]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x.form != y.form), min(len(a), len(b)))


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
