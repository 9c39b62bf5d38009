"""What the recogniser got wrong is put right where there is no doubt, and asked about."""
# ruff: noqa: ARG001 - only the signature of these skills counts

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skill_kit import loaded

from device.skills.skill import skill
from device.skills.skillset import Skillset
from device.skills.slips import Slips, distance


@skill
def order(drink: str, cups: int = 1) -> str:
    """Order a drink."""
    return drink


@skill(read_only=True)
def weather() -> str:
    """Tell the weather."""
    return "Fine."


@skill(confirm="Lock the {door}?")
def lock(door: str) -> str:
    """Lock a door."""
    return door


@skill
def note(text: str) -> str:
    """Write something down."""
    return text


TEXT = """\
intents:
  order: {data: [{sentences: ["(give|get) me [a|an] {drink} [with milk]", "give me {cups} cups of {drink}"]}]}
  weather: {data: [{sentences: ["[tell me] what the weather is like"]}]}
  lock: {data: [{sentences: ["lock the {door}"]}]}
  note: {data: [{sentences: ["write down {text}"]}]}
lists:
  drink: {values: [coffee, {in: "ice[d] mocha", out: iced mocha}, toffee latte]}
  door: {values: [front door, back door]}
  cups: {range: {from: 1, to: 9}}
  text: {wildcard: true}
"""


@pytest.fixture(scope="module")
def skills(tmp_path_factory: pytest.TempPathFactory) -> Skillset:
    kit = loaded(tmp_path_factory.mktemp("sentences"), TEXT, order, weather, lock, note)
    assert not kit.complaints
    return kit


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("Give me a mocca with milk.", None),  # "mocha" needs to be iced
        ("Give me an iced mocka.", "Did you mean: Give me an iced mocha?"),
        ("Give me a diced mocha with milk", "Did you mean: Give me a iced mocha with milk?"),
        ("Give me a coffee with silk.", None),  # another first letter
        ("Give me a cofee with milc.", "Did you mean: Give me a coffee with milk?"),
        ("Give me a cofee wiht milc.", None),  # three words amiss
        ("Give me fife cups of coffee", None),  # a number is not guessed
        ("Lock the frond door", "Lock the front door?"),
        ("Tell me what the wether is like", ""),  # it changes nothing
        ("Book the flight door", None),
        ("Rite down wether", None),  # what a wildcard takes in is nobody's slip
        ("Cofee", None),
    ],
)
def test_a_word_amiss(skills: Skillset, said: str, question: str | None) -> None:
    meaning = skills.fast_path.interpret(said)
    assert (meaning.question if meaning else None) == question


def test_as_they_were_said_nothing_is_asked(skills: Skillset) -> None:
    for text in ("Give me an ice mocha.", "Give me five cups of coffee", "what the weather is like"):
        assert skills.fast_path.interpret(text).question == ""  # type: ignore[union-attr]


def test_only_the_nearest_and_only_if_there_is_one(skills: Skillset) -> None:
    slips = Slips(skills.sentences)
    assert slips.repaired("give me coffe") == "give me coffee"
    assert slips.repaired("give me coffee") is None
    assert slips.repaired("") is None
    assert slips.repaired("lock the xyzzy door") is None


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_distance(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    assert distance(a + "x", b + "x") == distance(a, b)


def test_distance_of_words() -> None:
    assert [distance("kitten", "sitting"), distance("", "abc"), distance("flaw", "lawn")] == [3, 3, 2]
