"""From tokens to what one breath can say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.clauses import ClausePolicy, ClauseSplitter


def split(text: str, size: int = 4, policy: ClausePolicy | None = None) -> list[str]:
    splitter = ClauseSplitter(policy or ClausePolicy(first_min_chars=12))
    out: list[str] = []
    for i in range(0, len(text), size):
        out += splitter.feed(text[i : i + size])
    return out + splitter.finish()


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("The capital of France is Paris.", ["The capital of France is Paris."]),
        ("Yes. It does.", ["Yes.", "It does."]),
        ("Well, pi is 3.14159 or so. Good?", ["Well, pi is 3.14159 or so.", "Good?"]),
        ("It costs $1,000.50 at 5:30 p.m. on weekdays.", ["It costs $1,000.50 at 5:30 p.m. on weekdays."]),
        ("Meet at 5 p.m. Bring a coat.", ["Meet at 5 p.m.", "Bring a coat."]),
        ("Dr. Smith met Mr. Jones. They talked.", ["Dr. Smith met Mr. Jones.", "They talked."]),
        ("J. K. Rowling wrote it. I read it.", ["J. K. Rowling wrote it.", "I read it."]),
        ("So am I. And you?", ["So am I.", "And you?"]),
        ("Fruit, e.g. apples, is good. Eat it.", ["Fruit, e.g. apples,", "is good.", "Eat it."]),
        ("See example.org for more. Bye!", ["See example.org for more.", "Bye!"]),
        ("Wait... what? Really?!", ["Wait...", "what?", "Really?!"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("Of course, I can help you with that, gladly.", ["Of course, I can help you with that,", "gladly."]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("1. Fill the kettle.\n2. Boil it.", ["Fill the kettle.", "Boil it."]),
        ("- **Tea**: hot\n- *Milk*: cold\n", ["Tea: hot", "Milk: cold"]),
        ("Here:\n```python\nprint('x. y')\n```\nThat is all.", ["Here:", "That is all."]),
        ("Sure! 🎉 Let's go 🚀", ["Sure!", "Let's go"]),
        ("", []),
        ("🙂🙂", []),
        ("...", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 5, 1000])
def test_where_a_clause_ends(text: str, clauses: list[str], size: int) -> None:
    assert split(text, size) == clauses


def test_a_clause_is_out_as_soon_as_its_end_is_sure() -> None:
    splitter = ClauseSplitter(ClausePolicy())
    assert splitter.feed("The answer is Paris.") == []
    assert splitter.feed(" ") == ["The answer is Paris."]
    assert splitter.feed("Ask Dr. ") == []
    assert splitter.feed("Who.\n") == ["Ask Dr. Who."]


def test_a_comma_ends_the_first_clause_sooner_than_a_later_one() -> None:
    policy = ClausePolicy(first_min_chars=8, min_chars=30)
    text = "In short, it rains, it pours, and it never stops at all, my friend."
    assert split(text, policy=policy) == ["In short,", "it rains, it pours, and it never stops at all,", "my friend."]


def test_a_text_without_marks_is_cut_between_words() -> None:
    clauses = split("word " * 100, policy=ClausePolicy(max_chars=40))
    assert all(len(c) <= 40 for c in clauses)
    assert " ".join(clauses).split() == ["word"] * 100


def test_a_word_without_end_is_cut_too() -> None:
    clauses = split("a" * 1000, policy=ClausePolicy(max_chars=100))
    assert max(len(c) for c in clauses) <= 100
    assert "".join(clauses) == "a" * 1000


@given(st.text(alphabet="abc XY.,!?;:-\n\"'()*_`#123|[]~", max_size=300), st.integers(1, 7), st.integers(1, 50))
def test_the_pieces_a_text_comes_in_do_not_matter(text: str, size: int, other: int) -> None:
    def words(clauses: list[str]) -> list[str]:
        return " ".join(clauses).split()

    assert words(split(text, size)) == words(split(text, other))


@given(st.lists(st.sampled_from(["one", "two", "Three", "4.5", "six,", "seven.", "Eight!", "nine"]), max_size=60))
def test_no_word_is_lost_or_doubled(words: list[str]) -> None:
    assert " ".join(split(" ".join(words))).split() == words


@given(st.text(max_size=400), st.integers(1, 9))
def test_any_text_is_survived_and_bounded(text: str, size: int) -> None:
    for clause in split(text, size, ClausePolicy(max_chars=60)):
        assert clause.strip() == clause != ""
        assert len(clause) <= 60 or " " not in clause[:60]
        assert "```" not in clause
        assert "**" not in clause


@pytest.mark.parametrize("size", [1, 3, 5, 1000])
@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Sure, I can help. Good.", ["Sure,", "I can help.", "Good."]),
        ("The capital of France is Paris.", ["The capital of France is Paris."]),
        (
            "A green leaf does the work by which light is made.",
            ["A green leaf does the work", "by which light is made."],
        ),
        (
            "The sky looks blue to all of us because sunlight is scattered by the air.",
            ["The sky looks blue to all of us", "because sunlight is scattered by the air."],
        ),
        (
            "It is the house of the man of the moon of the town of York.",
            ["It is the house of the man of the moon of the town of York."],
        ),
    ],
)
def test_a_long_first_clause_ends_where_a_phrase_begins(text: str, clauses: list[str], size: int) -> None:
    assert split(text, size, ClausePolicy()) == clauses


class Dry:
    """Nothing ever comes in time."""

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:  # noqa: ARG002
        return False

    def runs_dry(self, chars: int) -> bool:  # noqa: ARG002
        return True


def test_where_nothing_comes_in_time_text_is_gathered_but_never_lost() -> None:
    text = "Sure, it is here. " + "It goes on and on without an end, " * 8
    splitter = ClauseSplitter(ClausePolicy(), Dry())
    clauses = [*splitter.feed(text), *splitter.finish()]
    assert " ".join(clauses).split() == text.split()
    assert len(clauses[0]) > 80
    assert all(len(clause) <= 100 for clause in clauses)
