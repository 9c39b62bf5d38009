"""Is a pause the end of the turn? The rules one by one, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.turn_end import TurnEnd, TurnEndPolicy
from device.dialogue.wording import Wording

MS = 16
RULES = TurnEndPolicy()


def wait_ms(
    finished: float | None,
    wording: Wording | None,
    least_wait_ms: float = 0.0,
    *,
    before: float | None = None,
    probability: float = 0.7,
    sentence_end: float | None = None,
) -> float:
    """`before`: an earlier verdict on the same pause; `probability`: of the words; `sentence_end`: behind them."""
    end = TurnEnd(RULES, with_model=True)
    end.least_wait_ms = least_wait_ms
    end.pause(0)
    for verdict in (before, finished):
        if verdict is not None:
            end.judged(verdict)
    if wording is not None:
        end.worded(wording, probability)
    end.expected(sentence_end)
    return end.wait_ms


@pytest.mark.parametrize(
    ("finished", "wording", "expected"),
    [
        (0.97, Wording.STATEMENT, RULES.sure_silence_ms),
        (0.97, None, RULES.sure_silence_ms),
        (0.97, Wording.OPEN, RULES.sure_silence_ms),
        (0.97, Wording.UNFINISHED, RULES.longest_silence_ms),
        (0.97, Wording.LONE, RULES.undecided_silence_ms),
        (0.97, Wording.DICTATING, RULES.undecided_silence_ms),
        (0.7, Wording.QUESTION, RULES.likely_silence_ms),
        (0.7, Wording.UNFINISHED, RULES.longest_silence_ms),
        (0.49, Wording.QUESTION, RULES.plain_silence_ms),
        (RULES.possible, Wording.STATEMENT, RULES.plain_silence_ms),
        (0.29, Wording.STATEMENT, RULES.unsure_silence_ms),
        (0.49, Wording.OPEN, RULES.undecided_silence_ms),
        (0.05, Wording.QUESTION, RULES.unsure_silence_ms),
        (0.05, Wording.STATEMENT, RULES.unsure_silence_ms),
        (0.05, Wording.OPEN, RULES.undecided_silence_ms),
        (0.05, None, RULES.undecided_silence_ms),
        (None, Wording.QUESTION, RULES.plain_silence_ms),
        (None, Wording.UNFINISHED, RULES.longest_silence_ms),
        (None, None, RULES.plain_silence_ms),
    ],
)
def test_so_long_is_waited(finished: float | None, wording: Wording | None, expected: float) -> None:
    assert wait_ms(finished, wording) == expected


@pytest.mark.parametrize(
    ("finished", "wording", "probability", "expected"),
    [
        (0.97, Wording.STATEMENT, 0.2, RULES.plain_silence_ms),  # sound and mark agree, whatever the words were
        (RULES.likely, Wording.QUESTION, 0.1, RULES.plain_silence_ms),
        (0.49, Wording.STATEMENT, 0.2, RULES.undecided_silence_ms),
        (0.97, Wording.OPEN, 0.39, RULES.disputed_silence_ms),
        (None, Wording.STATEMENT, 0.2, RULES.disputed_silence_ms),  # nothing but words that say nothing
        (0.97, Wording.STATEMENT, 0.39, RULES.sure_silence_ms),
        (0.97, Wording.UNFINISHED, 0.2, RULES.longest_silence_ms),
        (0.05, Wording.QUESTION, 0.2, RULES.undecided_silence_ms),
        (0.05, Wording.QUESTION, 0.9, RULES.disputed_silence_ms),
        (0.4, Wording.QUESTION, 0.9, RULES.plain_silence_ms),
        (0.4, Wording.QUESTION, 0.2, RULES.undecided_silence_ms),
        (0.05, Wording.OPEN, 0.9, RULES.undecided_silence_ms),
    ],
)
def test_words_count_as_much_as_the_recogniser_believes_them(
    finished: float | None, wording: Wording, probability: float, expected: float
) -> None:
    assert wait_ms(finished, wording, probability=probability) == expected


def test_the_verdicts_on_one_pause_count_alike() -> None:
    assert wait_ms(0.8, Wording.STATEMENT, before=0.6) == RULES.likely_silence_ms
    assert wait_ms(0.6, Wording.STATEMENT, before=0.3) == RULES.plain_silence_ms
    assert wait_ms(0.4, Wording.STATEMENT, before=0.1) == RULES.unsure_silence_ms
    assert wait_ms(0.4, Wording.STATEMENT, before=0.1, probability=0.9) == RULES.disputed_silence_ms, (
        "the words are sure"
    )
    assert wait_ms(0.97, Wording.STATEMENT, before=0.3) == RULES.likely_silence_ms
    assert wait_ms(0.99, Wording.STATEMENT, before=0.8) == RULES.sure_silence_ms


@pytest.mark.parametrize(
    ("finished", "sentence_end", "probability", "expected"),
    [
        (0.95, 0.3, 0.9, RULES.sure_silence_ms),
        (0.95, 0.02, 0.9, RULES.likely_silence_ms),
        (0.95, 0.0, 0.76, RULES.likely_silence_ms),  # "What's the date?": a small model knows no such sentence
        (0.85, 0.0, 0.76, RULES.plain_silence_ms),
        (0.7, 0.0, 0.76, RULES.unsure_silence_ms),
        (0.95, 0.0, 0.25, RULES.sure_silence_ms),  # words that were hardly understood
        (0.3, 0.3, 0.9, RULES.likely_silence_ms),
        (0.3, 0.3, 0.25, RULES.plain_silence_ms),
        (0.29, 0.3, 0.25, RULES.unsure_silence_ms),
        (0.7, RULES.sentence_neutral, 0.9, RULES.likely_silence_ms),
        (0.02, 0.3, 0.7, RULES.unsure_silence_ms),  # nothing alone is enough
        (0.0, 1.0, 0.9, RULES.disputed_silence_ms),
        (1.0, 0.0, 0.9, RULES.sure_silence_ms),  # nor is a "never" of the one enough against the other
    ],
)
def test_what_is_expected_behind_the_words_counts_as_far_as_they_are_believed(
    finished: float, sentence_end: float, probability: float, expected: float
) -> None:
    assert wait_ms(finished, Wording.QUESTION, probability=probability, sentence_end=sentence_end) == expected


@pytest.mark.parametrize(("finished", "ready"), [(0.95, RULES.sure_silence_ms), (0.7, RULES.likely_silence_ms)])
def test_as_long_as_nothing_could_sound_it_listens_on(finished: float, ready: float) -> None:
    end = TurnEnd(RULES, with_model=True)
    end.pause(0)
    end.judged(finished)
    end.worded(Wording.QUESTION, 0.9)
    end.unready = True
    assert end.wait_ms == RULES.unready_silence_ms
    end.unready = False
    assert end.wait_ms == ready


def test_what_was_denied_in_one_pause_does_not_count_in_the_next() -> None:
    end = TurnEnd(RULES, with_model=True)
    end.pause(0)
    end.judged(0.1)
    end.go_on()
    end.pause(1000 * MS)
    end.judged(0.6)
    assert end.wait_ms == RULES.likely_silence_ms


def test_who_pauses_long_is_waited_for_but_not_for_ever() -> None:
    assert wait_ms(0.97, Wording.STATEMENT, 700) == 700
    assert wait_ms(0.97, Wording.STATEMENT, 5000) == RULES.longest_silence_ms


def test_the_turn_is_over_when_it_was_quiet_for_so_long() -> None:
    end = TurnEnd(RULES, with_model=True)
    assert end.over(10**9) is None, "it is not quiet"
    end.pause(1000 * MS)
    end.judged(0.95)
    assert end.over(1199 * MS) is None
    assert end.over(1200 * MS) == "complete"
    end.go_on()
    assert end.over(9000 * MS) is None
    end.pause(2000 * MS)
    assert end.over(2590 * MS) is None, "what was thought of the pause before does not count"
    assert end.over(2600 * MS) == "silence"


def test_the_turn_model_is_asked_at_the_first_pause_and_again_while_it_lasts() -> None:
    end = TurnEnd(RULES, with_model=True)
    assert not end.judgement_due(5000 * MS)
    for start in (1000, 4000):
        end.pause(start * MS)
        asked = [t - start for t in range(start, start + 2000, 10) if end.judgement_due(t * MS)]
        assert asked == list(RULES.judge_at_ms)
        end.go_on()


def test_without_a_turn_model_nobody_is_asked() -> None:
    end = TurnEnd(RULES, with_model=False)
    end.pause(0)
    assert not any(end.judgement_due(t * MS) for t in range(0, 3000, 10))
    assert end.over(600 * MS) == "silence"


@given(
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.sampled_from(Wording)),
    st.floats(0, 5000),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_the_surer_the_sooner_and_always_at_last(
    finished: float | None, wording: Wording | None, least: float, surer: float | None
) -> None:
    wait = wait_ms(finished, wording, least)
    assert RULES.sure_silence_ms <= wait <= RULES.longest_silence_ms
    if finished is not None and surer is not None and surer >= finished:
        assert wait_ms(surer, wording, least) <= wait


@pytest.mark.parametrize(("plain_ms", "probability", "expected"), [
    (100.0, 0.9, RULES.likely_silence_ms),
    (700.0, 0.9, 700.0),
    (1800.0, 0.9, RULES.disputed_silence_ms),
    (1800.0, 0.5, RULES.unsure_silence_ms),
])  # fmt: skip
def test_undecided_waits_neither_less_than_likely_nor_more_than_unlikely(
    plain_ms: float, probability: float, expected: float
) -> None:
    """`end_silence_ms` of a file that was written for a device without a turn model."""
    end = TurnEnd(TurnEndPolicy(plain_silence_ms=plain_ms), with_model=True)
    end.pause(0)
    end.judged(0.4)
    end.worded(Wording.STATEMENT, probability)
    assert end.wait_ms == expected


@pytest.mark.parametrize(
    ("plain_ms", "expected"), [(100.0, RULES.likely_silence_ms), (1800.0, RULES.disputed_silence_ms)]
)
def test_doubtful_words_wait_neither_less_than_likely_ones_nor_more_than_open_ones(
    plain_ms: float, expected: float
) -> None:
    """The same file: what is doubtful and whole lies between its neighbours too."""
    end = TurnEnd(TurnEndPolicy(plain_silence_ms=plain_ms), with_model=True)
    end.pause(0)
    end.judged(0.97)
    end.worded(Wording.STATEMENT, 0.2)
    assert end.wait_ms == expected


def test_who_waits_for_longer_anyway_does_not_wait_less_for_the_answer() -> None:
    """`likely_silence_ms = 800` of a file that knows nothing of `unready_silence_ms`."""
    end = TurnEnd(TurnEndPolicy(likely_silence_ms=800.0), with_model=True)
    end.pause(0)
    end.judged(0.7)
    end.unready = True
    assert end.wait_ms == 800.0
