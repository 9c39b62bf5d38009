"""What is wrong in a file of sentences is told with its line, and the rest is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field
from skill_kit import from_files, loaded

from device.skills.skill import skill
from device.skills.skillset import Skillset, load_skillset


@skill
def brew(cups: Annotated[int, Field(ge=1, le=12)] = 1) -> str:
    """Brew coffee."""
    return f"{cups}."


@skill
def note(text: str) -> str:
    """Write something down."""
    return text


GOOD = """\
intents:
  brew:
    data:
      - sentences:
          - brew [me] [some] coffee
          - brew {cups} cups
lists:
  cups: {range: {from: 1, to: 20}}
"""


def complaints(skills: Skillset) -> list[str]:
    return [str(complaint).partition("some.yaml")[2] for complaint in skills.complaints]


def test_nothing_to_complain_of(tmp_path: Path) -> None:
    skills = loaded(tmp_path, GOOD, brew)
    assert complaints(skills) == []
    assert skills.fast_path.interpret("Brew two cups.").arguments == {"cups": 2}  # type: ignore[union-attr]
    assert skills.sentences.texts["brew"] == ["brew [me] [some] coffee", "brew {cups} cups"]


BLOCK = "intents:\n  brew:\n    data:\n      - sentences:\n          - brew coffee\n"


@pytest.mark.parametrize(
    ("added", "told"),
    [
        pytest.param(
            "          - (brew\n", ":7: it does not parse (Unable to find end of group ')'): (brew", id="open"
        ),
        pytest.param("          - brew {}\n", ":7: it does not parse (Text is too short): brew {}", id="empty list"),
        pytest.param("          - brew {beans}\n", ":7: there is no list {beans}: brew {beans}", id="no such list"),
        pytest.param("          - brew <quickly>\n", ":7: there is no rule <quickly>", id="no such rule"),
        pytest.param(
            "          - make {1..9:mugs}\n",
            ":7: 'mugs' is no argument of skill 'brew' (it has: cups): make {1..9:mugs}",
            id="no such argument",
        ),
        pytest.param("          - on\n", ":7: a sentence is a text: put True in quotes", id="yaml's own truth"),
        pytest.param("          - ''\n", ":7: an empty sentence", id="empty"),
        pytest.param("        slots: {mugs: 2}\n", None, id="slot"),
        pytest.param("        slots: {cups: many}\n", None, id="slot of another type"),
        pytest.param("        requires_context: {area: x}\n", None, id="unknown key"),
        pytest.param("        response: other\n", None, id="other response"),
        pytest.param("  grind:\n    data: []\n", ":7: there is no skill 'grind'", id="no such skill"),
        pytest.param("lists:\n  x: {}\n", ":8: list {x} needs 'values:', 'range:' or 'wildcard: true'", id="no list"),
        pytest.param("lists:\n  x: {range: {from: 5, to: 1}}\n", ":8: list {x}: from 5 is more than to 1", id="range"),
        pytest.param(
            "lists:\n  x: {range: {from: 1, to: 900000}}\n",
            ":8: list {x}: 900,000 numbers in words are too many; 'words: false', or a step",
            id="long range",
        ),
        pytest.param("lists:\n  x: {values: [off]}\n", ":8: list {x}: ", id="a value that is no text"),
        pytest.param("lists: [1]\n", ":7: 'lists' must be a mapping (name: ...)", id="no mapping"),
        pytest.param("expansion_rules:\n  a: x <b>\n  b: <a>\n", ":8: rule <", id="rules in a circle"),
        pytest.param("expansion_rules:\n  a: (\n", ":8: rule <a>: it does not parse", id="broken rule"),
        pytest.param("colour: red\n", ":7: 'colour' is unknown here", id="unknown part"),
        pytest.param("responses:\n  intents:\n    tea: {default: x}\n", ":9: there is no skill 'tea'", id="response"),
        pytest.param(
            "responses:\n  intents:\n    brew:\n      default: |\n        Well,\n        {{ slots.beans }}.\n",
            ":12: response of 'brew': slots.beans: the skill has no argument of that name",
            id="response: argument",
        ),
        pytest.param(
            "responses:\n  intents:\n    brew: {default: '{{ 1 | loudly }}'}\n",
            ":9: response of 'brew': No filter named 'loudly'.",
            id="response: filter",
        ),
        pytest.param(
            "responses:\n  intents:\n    brew: {default: '{% if %}'}\n",
            ":9: response of 'brew': ",
            id="response: syntax",
        ),
        pytest.param(
            "responses:\n  intents:\n    brew: {default: '{{ user }}'}\n",
            ":9: response of 'brew': 'user' is unknown; there are slots.NAME and result.NAME",
            id="response: name",
        ),
        pytest.param("responses:\n  intents:\n    brew: {one: x}\n", ":9: response 'one': there is but one", id="key"),
        pytest.param("responses:\n  intents:\n    brew: {default: 5}\n", ":9: a response is a text", id="number"),
    ],
)
def test_what_is_wrong_is_left_out(tmp_path: Path, added: str, told: str | None) -> None:
    second = "      - sentences: [brew tea]\n" if added.startswith("        ") and told is None else ""
    skills = loaded(tmp_path, BLOCK + second + added, brew)
    assert complaints(skills), "no complaint"
    if told is not None:
        assert complaints(skills)[0].startswith(told)
    assert skills.fast_path.interpret("Brew coffee.") is not None
    assert skills.fast_path.interpret("Brew tea.") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("intents: [\n", ":3: not YAML: ", id="open bracket"),
        pytest.param("a:\n\t- b\n", ":3: not YAML: found character '\\t'", id="tab"),
        pytest.param("intents: {}\nintents: {}\n", ":3: 'intents' is here twice", id="twice"),
        pytest.param("lists: &a {x: 1}\nrules: *a\n", ":2: anchors", id="anchor"),
        pytest.param(
            "lists: !!python/object:os.system x\n", ":2: not YAML: could not determine a constructor", id="tag"
        ),
        pytest.param("1: x\n", ":2: a key must be text", id="key"),
        pytest.param("x: \x07\n", ":2: not YAML: special characters are not allowed", id="bell"),
        pytest.param("x: " + "[" * 5000, ":1: not YAML: too deep", id="deep"),
        pytest.param("x: y\n" * 300_000, ": is larger than 1,000,000 bytes", id="large"),
    ],
)
def test_no_yaml(tmp_path: Path, text: str, told: str) -> None:
    assert complaints(loaded(tmp_path, text, brew))[0].startswith(told)


def test_whole_files(tmp_path: Path) -> None:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    files = [
        write("empty.yaml", b""),
        write("list.yaml", b"- a\n"),
        write("latin.yaml", b"language: en\nx: caf\xe9\n"),
        write("mute.yaml", b"intents: {}\n"),
        tmp_path / "absent.yaml",
        write("de.yaml", b"language: de\nintents: {unknown: {}}\n"),
        write("good.yaml", b"language: en-GB\n" + GOOD.encode()),
    ]
    skills = from_files(files, brew)
    assert [str(complaint).partition(f"{tmp_path}/")[2] for complaint in skills.complaints] == [
        "empty.yaml: holds no sentences: it must begin with 'language:'",
        "list.yaml: holds no sentences: it must begin with 'language:'",
        "latin.yaml: is not UTF-8: byte 19",
        "mute.yaml:1: needs a language, such as 'language: en'",
        "absent.yaml: cannot be read: no such file or directory",
    ]
    assert skills.fast_path.interpret("brew coffee") is not None


def test_a_file_sees_its_own_lists_first_and_then_everybodys(tmp_path: Path) -> None:
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text("language: en\n" + text)
        return tmp_path / name

    few = write("few.yaml", "lists: {cups: {range: {from: 1, to: 2}}}\nexpansion_rules: {of: cups of coffee}\n")
    own = write("own.yaml", GOOD.replace("brew {cups} cups", "brew {cups} <of>"))
    other = write("other.yaml", "intents: {brew: {data: [{sentences: ['cook {cups} <of>']}]}}\n")
    skills = from_files([few, own, other], brew)
    assert not skills.complaints
    interpret = skills.fast_path.interpret
    assert interpret("brew three cups of coffee") is not None
    assert interpret("cook three cups of coffee") is None
    assert interpret("cook two cups of coffee") is not None


@pytest.mark.parametrize("sentence", ["{text}", "[note] {text}", "(note|) {text} [please]"])
def test_a_sentence_that_would_mean_anything(tmp_path: Path, sentence: str) -> None:
    text = f"intents: {{note: {{data: [{{sentences: ['{sentence}', 'note down {{text}}']}}]}}}}\n"
    skills = loaded(tmp_path, text + "lists: {text: {wildcard: true}}\n", note)
    assert complaints(skills) == [
        f":2: anything that is said could mean it: words beside the wildcard must be needed: {sentence}"
    ]
    assert skills.fast_path.interpret("Hello there") is None
    assert skills.fast_path.interpret("Note down hello there") is not None


def test_an_argument_that_nothing_gives(tmp_path: Path) -> None:
    skills = loaded(tmp_path, "intents: {note: {data: [{sentences: [note that]}]}}\n", note)
    assert complaints(skills) == [":2: skill 'note' needs 'text', and nothing gives it: note that"]


def test_the_owners_response_has_the_last_word(tmp_path: Path, write_skill: Callable[[str, str], Path]) -> None:
    write_skill("tea.py", "@skill\ndef steep() -> str:\n    'Make tea.'\n    return ''\n")
    (tmp_path / "a.yaml").write_text("language: en\nresponses: {intents: {steep: {default: First.}}}\n")
    (tmp_path / "b.yml").write_text(
        "language: en\nintents: {steep: {data: [{sentences: [make tea]}]}}\nresponses: {intents: {steep: Second.}}\n"
    )
    (tmp_path / "_draft.yaml").write_text("nonsense")
    skills = load_skillset(tmp_path, filters={})
    assert [c for c in skills.complaints if str(tmp_path) in c.where] == []
    assert skills.fast_path.interpret("Make tea.").says == "Second."  # type: ignore[union-attr]
