"""The cut of a long chat: what stays, what goes, and that its beginning holds still."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat_window import TEMPLATE_TOKENS, fit
from models.errors import ModelRunError
from models.protocols import Message

SYSTEM = Message("system", "be brief")


def words(text: str) -> int:
    return len(text.split())


def chat(turns: int, length: int = 12) -> list[Message]:
    out = [SYSTEM]
    for i in range(turns):
        out += [Message("user", f"question{i} " + "w " * length), Message("assistant", f"answer{i} " + "w " * length)]
    return out


def size(messages: list[Message]) -> int:
    return sum(words(m.text) + TEMPLATE_TOKENS for m in messages)


def test_a_short_chat_stays_whole() -> None:
    assert fit(chat(3), count=words, budget_tokens=1000) == chat(3)


def test_no_messages() -> None:
    assert fit([], count=words, budget_tokens=100) == []


def test_whole_turns_go_and_the_persona_stays() -> None:
    kept = fit(chat(40), count=words, budget_tokens=400)
    assert kept[0] == SYSTEM
    assert kept[1].role == "user"
    assert kept[-1] == chat(40)[-1]
    assert size(kept) <= 400


def test_the_beginning_holds_still_for_many_turns() -> None:
    """Every change of the beginning costs a whole prompt; cutting just enough would change it every turn."""
    starts = [fit(chat(n), count=words, budget_tokens=800)[1].text.split()[0] for n in range(1, 60)]
    changes = sum(a != b for a, b in pairwise(starts))
    assert 0 < changes <= 8


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 40)), min_size=1, max_size=60), st.integers(300, 500))
def test_the_cut_does_not_move_with_a_short_question(turns: list[tuple[int, int]], budget: int) -> None:
    """It moves behind an answer: what is prefilled then is what the next reply begins with."""
    said = [SYSTEM]
    for n, (question, answer) in enumerate(turns):
        asked = [*said, Message("user", f"q{n} " + "w " * question)]
        before = fit(said, count=words, budget_tokens=budget)
        now = fit(asked, count=words, budget_tokens=budget)
        assert now[: len(before)] == before
        said = [*asked, Message("assistant", f"a{n} " + "w " * answer)]


def test_the_last_question_loses_its_front() -> None:
    long = Message("user", " ".join(f"w{i}" for i in range(500)))
    kept = fit([SYSTEM, long], count=words, budget_tokens=100)
    assert kept[0] == SYSTEM
    assert kept[1].text.endswith("w498 w499")
    assert size(kept) <= 100


def test_a_persona_that_leaves_no_room() -> None:
    with pytest.raises(ModelRunError, match="persona") as failure:
        fit([Message("system", "w " * 90), Message("user", "hi")], count=words, budget_tokens=100)
    assert "shorten" in failure.value.hint


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.integers(0, 60)), max_size=40),
    st.integers(80, 400),
)
def test_what_is_kept_fits_and_is_the_end(shape: list[tuple[str, int]], budget: int) -> None:
    rest = [Message(role, " ".join(f"m{i}" for _ in range(n))) for i, (role, n) in enumerate(shape)]  # type: ignore[arg-type]
    kept = fit([SYSTEM, *rest], count=words, budget_tokens=budget)
    assert kept[0] == SYSTEM
    tail = rest[len(rest) - len(kept) + 1 :]
    assert [m.role for m in kept[1:]] == [m.role for m in tail]
    texts = [size([m]) - TEMPLATE_TOKENS for m in kept[1:]]
    assert all(k.text == t.text or words(t.text) > n for k, t, n in zip(kept[1:], tail, texts, strict=True))
