"""Loops of a small model are found, speech is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from models.loop_guard import MAX_PERIOD_TOKENS, MIN_LOOP_TOKENS, LoopGuard, loop_period, loop_start


def test_the_same_sentence_twice() -> None:
    sentence = list(range(10))
    assert loop_period([99, *sentence, *sentence]) == 10
    assert loop_start([99, *sentence, *sentence]) == 11


def test_one_token_many_times() -> None:
    assert loop_period([7] * (MIN_LOOP_TOKENS - 1)) == 0
    assert loop_period([7] * MIN_LOOP_TOKENS) == 1


def test_short_repetitions_are_speech() -> None:
    assert loop_period([1, 2, 1, 2, 1, 2]) == 0  # no, no, no
    assert loop_period([]) == 0


def test_the_loop_must_be_at_the_end() -> None:
    assert loop_period([*range(10), *range(10), 99]) == 0


@given(
    st.lists(st.integers(0, 1000), max_size=30),
    st.lists(st.integers(0, 1000), min_size=1, max_size=MAX_PERIOD_TOKENS, unique=True),
)
def test_every_loop_stops_in_time(before: list[int], cycle: list[int]) -> None:
    guard = LoopGuard()
    for token in before:
        guard.add(token)
    rounds = max(2, -(-MIN_LOOP_TOKENS // len(cycle)))
    assert any(guard.add(token) for _ in range(rounds) for token in cycle)


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=200))
def test_without_repetition_there_is_no_loop(tokens: list[int]) -> None:
    guard = LoopGuard()
    assert not any(guard.add(token) for token in tokens)


@given(st.lists(st.integers(0, 3), max_size=100))
def test_the_start_lies_behind_one_whole_round(tokens: list[int]) -> None:
    start = loop_start(tokens)
    period = loop_period(tokens)
    assert (start is None) == (period == 0)
    if start is not None:
        assert start >= period
        assert all(tokens[i] == tokens[i - period] for i in range(start, len(tokens)))
