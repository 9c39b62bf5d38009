"""Where a clause may be cut: by the lengths of its phonemes, before there is any sound."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clause_parts import FIRST_SAMPLES, MAX_GROWTH, ClauseWords, growth_at
from models.protocols import Mark, joined
from models.word_marks import Size

MS = 16


def clause(text: str, *, sentences: list[str] | None = None) -> ClauseWords:
    """Every letter is a phoneme."""
    said = sentences or [text]
    return ClauseWords(text, sizes=[Size(len(w), 1) for w in text.split()], sentences=[list(s) for s in said])


def ends(text: str, each: int = 50 * MS) -> list[float]:
    return [float(each * (i + 1)) for i in range(len(text))]


def parts_of(
    text: str, growth: float, each: int = 50 * MS, begins: float = 0.0, earlier: int = 0, *, within: bool = True
) -> list[tuple[str, int]]:
    """The words of each part, and the sample at which it ends."""
    words, given, done, out = clause(text), 0.0, 0, []
    asked = {"before": 0, "begins": begins, "earlier": earlier, "growth": growth, "within_words": within}
    while cut := words.cut(ends(text, each), given=given, **asked):  # type: ignore[arg-type]
        out.append((" ".join(text.split()[done : cut.words]), cut.sample))
        assert cut.sample > given
        given, done = cut.sample, cut.words
    return [*out, (" ".join(text.split()[done:]), each * len(text))]


def cuts(text: str, growth: float, each: int = 50 * MS, begins: float = 0.0, earlier: int = 0) -> list[str]:
    return [words for words, _ in parts_of(text, growth, each, begins, earlier)]


@pytest.mark.parametrize(
    ("text", "growth", "parts"),
    [
        ("one two three four five six", 4.0, ["one two", "three four five six"]),  # 350 ms, then all that is left
        ("unfortunately I do not know that", 4.0, ["unfortunately", "I do not know that"]),  # never without a word
        ("one", 4.0, ["one"]),
        ("one two", 4.0, ["one two"]),  # behind "one" there are 150 ms: too little
        ("seven one", 4.0, ["seven one"]),  # 200 ms are not worth it
        ("one two three four five six seven", 1.0, ["one two", "three", "four five", "six seven"]),
        ("one two three four five six", 0.0, ["one two three four five six"]),
    ],
)
def test_the_first_part_is_short_and_the_next_ones_grow(text: str, growth: float, parts: list[str]) -> None:
    assert cuts(text, growth) == parts


def test_the_silence_before_the_first_word_does_not_count() -> None:
    text = "one two six ten two"
    assert parts_of(text, 4.0)[0] == ("one two", 350 * MS)
    assert parts_of(text, 4.0, begins=200 * MS)[0] == ("one two six", 550 * MS)


def test_what_would_be_much_longer_begins_within_a_word_which_belongs_to_the_next_part() -> None:
    assert parts_of("a thousand years", 4.0) == [("a", 300 * MS), ("thousand years", 800 * MS)]
    assert parts_of("a thunderstorm", 4.0) == [("a", 300 * MS), ("thunderstorm", 700 * MS)]
    assert parts_of("one thirty three", 4.0) == [("one", 300 * MS), ("thirty three", 800 * MS)]
    assert parts_of("one fifty three", 4.0) == [("one", 300 * MS), ("fifty three", 750 * MS)]
    assert parts_of("one two three", 4.0) == [("one two", 350 * MS), ("three", 650 * MS)], "50 ms are not worth it"
    assert parts_of("thunderstorm", 4.0) == [("thunderstorm", 600 * MS)]


def test_where_audio_takes_long_the_first_part_ends_behind_a_word() -> None:
    assert parts_of("one thirty three", 4.0, within=False) == [("one thirty", 500 * MS), ("three", 800 * MS)]
    assert parts_of("a thunderstorm", 4.0, within=False) == [("a thunderstorm", 700 * MS)]


def test_behind_a_sentence_that_sounds_the_next_one_comes_in_larger_parts() -> None:
    text = "one two three four five six seven"
    assert cuts(text, 4.0, earlier=2000 * MS) == [text]
    assert cuts(text, 1.0, earlier=600 * MS) == ["one two", "three four five", "six seven"]


@given(
    st.lists(st.text("abcdefg", min_size=1, max_size=12), min_size=1, max_size=25).map(" ".join),
    st.floats(0.0, 5.0),
    st.integers(10, 4000),
    st.integers(0, 50_000),
)
def test_whatever_is_said_the_parts_are_the_whole(text: str, growth: float, each: int, earlier: int) -> None:
    parts = parts_of(text, growth, each, earlier=earlier)
    assert " ".join(words for words, _ in parts) == text
    assert all(words for words, _ in parts)
    if len(parts) > 1 and not earlier:
        assert parts[0][1] >= FIRST_SAMPLES


@given(
    st.lists(st.text("abcd", min_size=1, max_size=6), min_size=1, max_size=12).map(" ".join),
    st.lists(st.integers(1, 11), max_size=4),
    st.integers(1, 500),
)
def test_the_marks_of_the_parts_are_those_of_the_whole(text: str, at_words: list[int], each: int) -> None:
    words = clause(text)
    at = [int(e) for e in ends(text, each)]
    pcm = np.arange(len(text) * each, dtype=np.int64).astype(np.int16)
    whole = words.marks(at, len(pcm))
    parts, first, begins = [], 0, 0
    for last in sorted({n for n in at_words if n < words.words} | {words.words}):
        until = whole[last - 1].samples
        # known by then are the phonemes up to the cut only
        known = words.marks([e for e in at if e <= until], until)
        parts.append(words.part(first, last, pcm[begins:until], known, begins=begins))
        first, begins = last, until
    whole_again = joined(parts)
    assert whole_again.text == text
    assert whole_again.marks == whole
    assert np.array_equal(whole_again.pcm, pcm)
    for part in parts:
        assert part.marks[-1] == Mark(len(part.text), len(part.pcm))
        assert all(a.chars < b.chars and a.samples <= b.samples for a, b in pairwise(part.marks))


def test_words_that_end_with_a_sentence() -> None:
    words = clause("Yes. It is.", sentences=["Yes.", "It is."])
    assert words.words_within(4) == 1
    assert words.words_within(3) is None
    assert words.words_within(10) == 3


def test_a_dash_goes_with_the_word_before_it() -> None:
    """It has no phonemes: its end is that of the word before it, and nothing may come between the two."""
    text = "onetwothree - four five six"
    words = ClauseWords(
        text,
        sizes=[Size(len(w.strip("-")), int(w != "-")) for w in text.split()],
        sentences=[list("onetwothree four five six")],
    )
    cut = words.cut(ends("onetwothree four five six"), before=0, begins=0, given=0, earlier=0, growth=4)
    assert cut is not None
    assert cut.words == 2


def test_a_voice_that_is_too_slow_is_not_cut() -> None:
    """What sounds must last until the next part is made."""
    assert growth_at(0.02) == growth_at(0.0) == MAX_GROWTH
    assert 1.0 < growth_at(0.25) < MAX_GROWTH
    assert growth_at(0.8) == 0.0
    factors = np.linspace(0.01, 2, 50)
    assert all(growth_at(f) * f <= 0.5 + 1e-9 for f in factors)
