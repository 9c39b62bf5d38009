"""`nearfield skills list|try` and `nearfield chat` have the skills of the persona that is configured, as `run` has."""

import io
import json
from pathlib import Path

import pytest

from device.cli.main import run_command

Capture = pytest.CaptureFixture[str]

PERSONA = """\
answers = "echo"
skills = ["no_such_skill"]
"""
SKILLS = """\
from pathlib import Path

from device.persona import Persona
from device.skills.skill import Context, Result, skill

@skill(confirm='Polish the {thing}?')
def polish(context: Context, thing: str) -> Result:
    'Polish something.'
    count = (context.state.get('polished') or 0) + 1
    context.state.put('polished', count)
    persona = context.services.get(Persona)
    Path(persona.source).with_name('polished').write_text(thing)
    return Result(f'The {thing} shines.')

@skill(read_only=True)
def how_much(context: Context) -> str:
    'How much was polished.'
    return f"{context.state.get('polished') or 0} so far."
"""
SENTENCES = """\
language: en
intents:
  polish: {data: [{sentences: ['polish the {thing}']}]}
  how_much: {data: [{sentences: ['how much have you polished']}]}
lists: {thing: {values: [silver, shoes]}}
"""


@pytest.fixture
def butler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a persona with skills of its own, which is the one that is configured."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    folder = tmp_path / "butler"
    (folder / "skills").mkdir(parents=True)
    (folder / "persona.toml").write_text(PERSONA)
    (folder / "skills" / "polish.py").write_text(SKILLS)
    (folder / "skills" / "polish.yaml").write_text(SENTENCES)
    config = tmp_path / "nearfield.toml"
    config.write_text(f'persona = "{folder / "persona.toml"}"\n')
    monkeypatch.setenv("NEARFIELD_CONFIG", str(config))
    return folder


def typed(monkeypatch: pytest.MonkeyPatch, capsys: Capture, *lines: str) -> list[str]:
    """What `chat` answers to each."""
    text = "".join(line + "\n" for line in lines).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run_command(["chat", "--json"]) == 0
    return [json.loads(line)["reply"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("butler")
def test_list_has_what_the_persona_may_do_and_no_more(capsys: Capture) -> None:
    assert run_command(["skills", "list", "--json"]) == 0
    names = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert {"polish", "how_much"} <= names
    assert "set_timer" not in names


@pytest.mark.usefixtures("butler")
def test_another_persona_has_others(capsys: Capture) -> None:
    assert run_command(["skills", "list", "--json", "--set", "persona=assistant"]) == 0
    names = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert "polish" not in names
    assert "set_timer" in names


@pytest.mark.usefixtures("butler")
def test_where_skills_are_switched_off_there_are_none(capsys: Capture) -> None:
    assert run_command(["skills", "list", "--json", "--set", "skills.enabled=false"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("butler")
def test_what_is_wrong_with_the_persona_is_shown_by_its_own_command(capsys: Capture) -> None:
    assert run_command(["skills", "list"]) == 0
    assert "1 complaint; 'nearfield personas check" in capsys.readouterr().out  # it names one that is not there


def test_try_understands_and_does_what_the_persona_can(butler: Path, capsys: Capture) -> None:
    assert run_command(["skills", "try", "Polish the silver."]) == 0
    assert "asks      Polish the silver?" in capsys.readouterr().out
    assert not (butler / "polished").exists()
    assert run_command(["skills", "try", "Polish the silver.", "--do"]) == 0
    assert "says      The silver shines." in capsys.readouterr().out
    assert (butler / "polished").read_text() == "silver"


def test_the_configured_folder_is_the_owners(butler: Path, capsys: Capture) -> None:
    owner = butler.parent / "owner"
    owner.mkdir()
    (owner / "coffee.py").write_text(
        "from device.skills.skill import skill\n\n@skill\ndef brew() -> str:\n    'Brew.'\n    return 'Brewed.'\n"
    )
    sets = ["--set", "persona=assistant", "--set", f"skills.folder={owner}"]
    assert run_command(["skills", "list", "--json", *sets]) == 0
    assert "brew" in {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    (owner / "bad.py").write_text("1 / 0\n")
    assert run_command(["skills", "check", *sets]) == 1
    assert f"{owner}/bad.py:1: ZeroDivisionError" in capsys.readouterr().out


def test_a_chat_does_what_the_persona_can(butler: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    said = typed(monkeypatch, capsys, "Polish the silver.", "Yes.", "How much have you polished?", "Good evening.")
    assert said == ["Polish the silver?", "The silver shines.", "1 so far.", "You said: Good evening."]
    assert (butler / "polished").read_text() == "silver"


@pytest.mark.usefixtures("butler")
def test_what_needs_an_assistant_that_runs_is_told_in_words(capsys: Capture) -> None:
    assert run_command(["skills", "try", "Set a timer for five minutes.", "--do", "--set", "persona=assistant"]) == 0
    told = capsys.readouterr()
    assert "says      I can't do that here, only while I am spoken to." in told.out
    assert told.err == "", "there is no session that would say why"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("No.",), ["All right, I will leave it."]),
        (("Maybe.", "Yes."), ["Polish the shoes?", "The shoes shines."]),
        (("Maybe.", "Hm."), ["Polish the shoes?", "I did not get a clear yes, so I have left it."]),
        (("Something else.", "Yes."), ["You said: Something else.", "You said: Yes."]),
    ],
)
def test_a_question_is_answered_or_dropped(
    butler: Path, answers: tuple[str, ...], said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert typed(monkeypatch, capsys, "Polish the shoes.", *answers) == ["Polish the shoes?", *said]
    assert (butler / "polished").exists() == ("The shoes shines." in said)
