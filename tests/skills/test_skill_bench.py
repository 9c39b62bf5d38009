"""Skills without a microphone; the example of docs/skills.md does what it says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device.skills.testing import SkillBench, TestServices

DOCS = Path(__file__).resolve().parents[2] / "docs" / "skills.md"


@pytest.fixture
def coffee(tmp_path: Path) -> Path:
    """A folder with the files that the documentation shows."""
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    for name, (kind, text) in zip(("coffee.py", "coffee.yaml", "test_coffee.py"), blocks, strict=True):
        assert kind == ("yaml" if name.endswith("yaml") else "python")
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_example_of_the_documentation(coffee: Path) -> None:
    test = (coffee / "test_coffee.py").read_text(encoding="utf-8")
    space: dict[str, object] = {"__file__": str(coffee / "test_coffee.py")}
    exec(compile(test, "test_coffee.py", "exec"), space)
    space["test_coffee"]()  # type: ignore[operator]
    skill = (coffee / "coffee.py").read_text(encoding="utf-8").partition("@skill")[2]
    assert len(skill.strip().splitlines()) <= 10


def test_a_bench(tmp_path: Path) -> None:
    (tmp_path / "clock.py").write_text(
        "from device.skills.skill import Context, skill\n"
        "@skill(confirm='Really?')\n"
        "def mark(context: Context) -> str:\n"
        "    'Note the time.'\n"
        "    context.state.put('last', context.now.isoformat())\n"
        "    return f'{context.now:%H:%M}, {context.services.get(int)}.'\n"
    )
    (tmp_path / "clock.yaml").write_text("language: en\nintents: {mark: {data: [{sentences: [mark the time]}]}}\n")
    skills = SkillBench(tmp_path, services={int: 5})
    assert skills.say("Mark the time.") == "Really?"
    assert skills.state("clock").all() == {}
    assert skills.do(skills.understand("Mark the time.")).say == "12:00, 5."  # type: ignore[arg-type]
    skills.now = datetime(2026, 5, 6, 7, 8, tzinfo=UTC)
    assert skills.call("mark").say == "07:08, 5."
    assert skills.state("clock").get("last") == "2026-05-06T07:08:00+00:00"
    assert SkillBench(tmp_path).call("mark").say == "I can't do that here: there is no int."
    with pytest.raises(AssertionError, match="no sentence fits: 'Good night'"):
        skills.say("Good night")


def test_lent_services() -> None:
    assert TestServices({str: "x"}).get(str) == "x"
