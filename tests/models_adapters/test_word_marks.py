"""Marks: which sample belongs to which word."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.protocols import Mark
from models.word_marks import Size, Timeline, split_words, word_marks


def evenly(phonemes: int, step: int = 100) -> list[int]:
    return [step * (i + 1) for i in range(phonemes)]


def test_one_word_of_speech_for_each_word_of_text() -> None:
    timeline = Timeline(evenly(12), breaks=[3, 7])
    marks = word_marks("one little word", sizes=[Size(3, 1), Size(4, 1), Size(5, 1)], timeline=timeline, samples=1500)
    assert marks == (Mark(3, 300), Mark(10, 700), Mark(15, 1500))


def test_a_number_is_several_words_of_speech() -> None:
    timeline = Timeline(evenly(20), breaks=[3, 8, 11])
    marks = word_marks("the 42 lamps", sizes=[Size(3, 1), Size(8, 2), Size(9, 1)], timeline=timeline, samples=2000)
    assert marks == (Mark(3, 300), Mark(6, 1100), Mark(12, 2000))


def test_merged_words_are_divided_by_share() -> None:
    timeline = Timeline(evenly(40), breaks=[20])
    sizes = [Size(20, 1), Size(10, 1), Size(10, 1)]
    marks = word_marks("elephants of the", sizes=sizes, timeline=timeline, samples=4000)
    assert marks == (Mark(9, 2000), Mark(12, 3000), Mark(16, 4000))


def test_a_dash_takes_no_time() -> None:
    timeline = Timeline(evenly(8), breaks=[4])
    marks = word_marks("hello — world", sizes=[Size(4, 1), Size(0, 0), Size(4, 1)], timeline=timeline, samples=900)
    assert marks == (Mark(5, 400), Mark(7, 400), Mark(13, 900))


def test_space_around_the_text_belongs_to_the_last_mark() -> None:
    marks = word_marks("  hi there ", sizes=[Size(2, 1), Size(4, 1)], timeline=Timeline(evenly(6), [2]), samples=700)
    assert marks == (Mark(4, 200), Mark(11, 700))


@given(st.data())
def test_marks_rise(data: st.DataObject) -> None:
    text = data.draw(st.text(alphabet=" ab4—\n", min_size=1, max_size=60).filter(str.strip))
    words = split_words(text)
    sizes = data.draw(
        st.lists(st.builds(Size, st.integers(0, 9), st.integers(0, 3)), min_size=len(words), max_size=len(words))
    )
    ends = sorted(data.draw(st.lists(st.integers(0, 5000), max_size=60)))
    breaks = sorted(data.draw(st.sets(st.integers(1, max(1, len(ends))), max_size=12)))
    samples = data.draw(st.integers(0, 6000))
    marks = word_marks(text, sizes=sizes, timeline=Timeline(ends, breaks), samples=samples)
    assert len(marks) == len(words)
    assert marks[-1] == Mark(len(text), samples)
    for before, after in pairwise(marks):
        assert before.chars < after.chars
        assert 0 <= before.samples <= after.samples
