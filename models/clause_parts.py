"""Where the words of a clause end in its audio, and where the clause may be cut so that its beginning sounds early.

    clause = ClauseWords("The lamp is on.", sizes=sizes, sentences=[phonemes])
    place = clause.cut(ends, given=0, growth=2.5)       # Cut: behind so many words, at this sample; None: no cut
    clause.part(0, 2, pcm, marks, begins=0)             # Speech of the first two words

All of it is known from the phonemes and their lengths, before a sample has been made. Pure logic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.protocols import SAMPLE_RATE_HZ, Int16s, Mark, Speech
from models.word_marks import Size, Timeline, word_ends, word_marks, word_places

#: What is shorter does not hold until the rest is made: that takes 100 ms, and longer beside the language model.
FIRST_SAMPLES = 300 * SAMPLE_RATE_HZ // 1000
#: So much less to make is worth a cut within a word ...
_WORTH_SAMPLES = 80 * SAMPLE_RATE_HZ // 1000
#: ... where audio is made in less than this share of its length (alone 0.05 to 0.07 on two x86-64 cores): beside other
#: programs 300 ms were not always enough.
QUICK = 0.1
#: It does not pay to keep back less than this.
_LEAST_REST_SAMPLES = 250 * SAMPLE_RATE_HZ // 1000
#: The next part is at most so many times as long as all before it: what sounds holds until it is made, also while
#: other programs keep the cores busy and it takes twice as long as it used to.
MAX_GROWTH = 2.5
#: Of the time that what was given sounds, so much is counted on for making the next part.
_SHARE_OF_TIME = 0.4
#: With less growth than this a clause in parts would falter: it is made whole.
_LEAST_GROWTH = 1.0


def growth_at(real_time_factor: float) -> float:
    """How much longer than all before it a part may be, when audio takes this share of its length to make; 0: none."""
    growth = min(MAX_GROWTH, _SHARE_OF_TIME / max(real_time_factor, 1e-6))
    return growth if growth >= _LEAST_GROWTH else 0.0


@dataclass(frozen=True, slots=True)
class Cut:
    """A part ends at `sample` of the sentence, and has the first `words` words of the clause.

    Maybe the sound of one more begins in it: that belongs to the next part, for it is not heard before that sounds.
    """

    words: int
    sample: int
    within_word: bool = False


class ClauseWords:
    """The words of one clause. Its phonemes come in one or more sentences (or breaths)."""

    def __init__(self, text: str, *, sizes: Sequence[Size], sentences: Sequence[Sequence[str]]) -> None:
        """`sizes`: one a word (see `word_marks`)."""
        self.text = text
        self._sizes = sizes
        self._breaks = _breaks(sentences)
        self._phonemes = sum(len(sentence) for sentence in sentences)
        self._word_ends = word_ends(text)
        self._places = word_places(sizes, breaks=self._breaks, phonemes=self._phonemes)

    @property
    def words(self) -> int:
        return len(self._word_ends)

    def words_within(self, phonemes: int) -> int | None:
        """How many words the first `phonemes` say; None when no word ends with the last of them."""
        return max((n for n, place in enumerate(self._places, start=1) if place == phonemes), default=None)

    def cut(
        self,
        ends: Sequence[float] | npt.NDArray[np.float64],
        *,
        before: int,
        begins: float,
        given: float,
        earlier: int,
        growth: float,
        within_words: bool = False,
    ) -> Cut | None:
        """The end of the next part within a sentence; None: there is no good one, the rest of it is one part.

        `ends`: sample at which each phoneme of the sentence ends; `before`: phonemes of the clause before it;
        `begins`: sample at which its first one begins; `given`: end of the part before, 0 if there is none;
        `earlier`: samples of the clause that were given before this sentence. `within_words`: the first part may end
        within one.
        """
        if growth <= 0 or not len(ends):
            return None
        so_far = earlier + max(0.0, given - begins)
        most = so_far * growth
        if so_far > 0 and ends[-1] - given <= most:
            return None
        breaks = set(self._breaks)
        cuts = []
        for words, place in enumerate(self._places, start=1):
            at = place - before
            # several words of the text may end at one place: the last of them counts
            if place in breaks and 0 < at < len(ends) and place not in self._places[words:]:
                cuts.append(Cut(words, int(ends[at - 1])))
        cuts = [c for c in cuts if c.sample > max(given, begins) and ends[-1] - c.sample >= _LEAST_REST_SAMPLES]
        if so_far <= 0:
            return _first(cuts, int(begins) + FIRST_SAMPLES, int(ends[-1]), within_words=within_words)
        return max(
            (c for c in cuts if c.sample - given <= most), key=lambda c: c.sample, default=cuts[0] if cuts else None
        )

    def marks(self, ends: Sequence[int], samples: int) -> tuple[Mark, ...]:
        """One mark a word. `ends`: of the phonemes so far, in the audio of the clause; later words end with it."""
        known = [*ends, *[samples] * (self._phonemes - len(ends))]
        return word_marks(self.text, sizes=self._sizes, timeline=Timeline(known, self._breaks), samples=samples)

    def part(self, first: int, last: int, pcm: Int16s, marks: Sequence[Mark], begins: int, begun: int = 0) -> Speech:
        """The words `first` to `last` (exclusive), `pcm` being their audio, which begins at sample `begins`.

        `begun`: samples before that in which the first of them begins.
        """
        chars = self._word_ends[first - 1] if first else 0
        rest = self.text[chars:] if last == self.words else self.text[chars : self._word_ends[last - 1]]
        skipped = chars + (len(rest) - len(rest.lstrip()) if first else 0)
        rest = rest.lstrip() if first else rest
        within = [
            Mark(m.chars - skipped, min(max(m.samples - begins, 0), pcm.size))
            for m in marks[first : max(first, last - 1)]
        ]
        return Speech(rest, pcm, (*within, Mark(len(rest), pcm.size)), begun)


def _first(cuts: Sequence[Cut], at: int, end: int, *, within_words: bool) -> Cut | None:
    """The first part ends behind a word, at `at` or later; or at `at` within a word, where that makes it much shorter.

    `end`: of the sentence. None: it is one part.
    """
    later = next((c for c in cuts if c.sample >= at), None)
    before = [c.words for c in cuts if c.sample < at]
    much = end - at >= _LEAST_REST_SAMPLES if later is None else later.sample - at >= _WORTH_SAMPLES
    return Cut(before[-1], at, within_word=True) if within_words and before and much else later


def _breaks(sentences: Sequence[Sequence[str]]) -> list[int]:
    """Indices of the phonemes before which a word ends."""
    breaks: list[int] = []
    count = 0
    for i, phonemes in enumerate(sentences):
        if i > 0:
            breaks.append(count)
        gap = True  # a space that follows another, or begins the sentence, ends no word
        for phoneme in phonemes:
            if phoneme == " " and not gap:
                breaks.append(count)
            if phoneme.isalpha() or phoneme == " ":
                gap = phoneme == " "
            count += 1
        if gap and breaks and breaks[-1] != 0:
            breaks.pop()  # the sentence ended in a space: the break is that of the sentence
    return breaks
