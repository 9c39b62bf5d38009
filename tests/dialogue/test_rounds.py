"""A model that turns in circles is heard once or twice, people's own repetitions are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.rounds import Rounds, without_rounds


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("thank you thank you thank you thank you", "thank you thank you"),
        ("Thank you. Thank you. Thank you.", "Thank you. Thank you."),
        ("No, no, no, no, it is not.", "No, no, it is not."),
        ("I am here. I am here. I am here. I am", "I am here. I am here. I am"),
        ("bye bye", "bye bye"),
        ("one one one two", "one one two"),
        ("Dial 1 1 1 now.", "Dial 1 1 1 now."),
        ("a b c", "a b c"),
        ("", ""),
    ],
)
def test_within_a_clause(text: str, heard: str) -> None:
    assert without_rounds(text) == heard


def test_over_clauses() -> None:
    rounds = Rounds()
    said = ["I am a voice assistant.", "How can I help?", "I am a voice assistant!", "How can I help?", "Yes."]
    assert [rounds.fresh(c) for c in said] == [said[0], said[1], "", "", "Yes."]


def test_a_short_one_twice() -> None:
    rounds = Rounds()
    assert [rounds.fresh("Thank you.") for _ in range(5)] == ["Thank you."] * 2 + [""] * 3


@given(st.lists(st.sampled_from(["a", "b", "c", "7"]), max_size=30))
def test_it_only_ever_leaves_out(words: list[str]) -> None:
    left = without_rounds(" ".join(words)).split()
    rest = iter(words)
    assert all(word in rest for word in left)
    assert set(left) == set(words)


@given(st.lists(st.integers(0, 10**6).map(lambda n: f"w{n}x"), unique=True, max_size=30))
def test_without_repetition_nothing_is_lost(words: list[str]) -> None:
    assert without_rounds(" ".join(words)).split() == words
