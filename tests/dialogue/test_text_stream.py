"""How the text of an answer comes."""

import pytest

from device.dialogue.pace import Pace
from device.dialogue.text_stream import TextStream

MS = 16  # samples


def test_its_speed_is_that_of_what_came_behind_the_first_piece() -> None:
    text = TextStream(Pace(), asked=100 * MS)
    assert text.piece("The capital of France", 150 * MS)
    assert not text.piece("is Paris.", 250 * MS)
    assert text.chars_per_ms is None  # 9 characters tell nothing
    assert not text.piece(" It lies on the Seine.", 350 * MS)
    assert text.chars_per_ms == pytest.approx(31 / 200)


def test_what_is_to_come_is_expected_from_the_newest_piece_or_from_when_it_was_asked_for() -> None:
    pace = Pace()
    assert TextStream(pace, asked=100 * MS).expected(20) is None  # nobody has waited for a first piece yet
    first = TextStream(pace, asked=100 * MS)
    first.piece("The", 160 * MS)
    since, left_ms = first.expected(20) or (0, 0.0)
    assert (since, left_ms) == (160 * MS, pytest.approx(pace.text_ms(20)))
    since, from_asked_ms = TextStream(pace, asked=900 * MS).expected(20) or (0, 0.0)
    assert (since, from_asked_ms) == (900 * MS, pytest.approx(60 + pace.text_ms(20)))


def test_what_nobody_asked_a_model_for_is_not_expected_from_one() -> None:
    pace = Pace()
    pace.first_token(60 * MS)
    assert TextStream(pace, asked=0).expected(20) is None


def test_it_stalls_once_after_half_a_second_and_no_more_when_it_goes_on() -> None:
    text = TextStream(Pace(), asked=0)
    text.piece("The", 0)
    assert [text.stalls(at * MS) for at in (499, 500, 600)] == [False, True, False]
    assert text.stalled
    text.piece(" capital", 700 * MS)
    assert not text.stalled


def test_the_next_answer_knows_what_this_one_took() -> None:
    pace = Pace()
    text = TextStream(pace, asked=0)
    text.piece("The", 0)
    text.piece(" capital of France is Paris.", 1000 * MS)
    text.ended()
    assert pace.text_ms(28) == pytest.approx(1000 * 1.3)
