"""nearfield skills: as a person calls it."""

import json
from pathlib import Path

import pytest

from device.cli.main import run_command

SKILLS = """\
from device.skills.skill import SkillError, skill

@skill
def brew(cups: int = 1) -> str:
    'Brew [some] coffee.'
    return ''

@skill(confirm='Pour {cups} cups away?')
def pour(cups: int) -> str:
    'Pour coffee away.'
    raise SkillError('There is none.')

@skill(aside=True, promise='I will look.')
def search() -> str:
    'Look for coffee.'
    return 'Found.'
"""
SENTENCES = """\
language: en
intents:
  brew:
    data:
      - sentences: ['brew {cups} cups', make coffee, cook coffee, brew coffee, do it]
  pour: {data: [{sentences: ['pour {cups} cups away']}]}
  search: {data: [{sentences: [find coffee, do it]}]}
lists: {cups: {range: {from: 1, to: 9}}}
responses: {intents: {brew: {default: '{{ slots.cups }} cups.'}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "nearfield" / "skills.d"
    folder.mkdir(parents=True)
    (folder / "coffee.py").write_text(SKILLS)
    (folder / "coffee.yaml").write_text(SENTENCES)
    return folder


@pytest.mark.usefixtures("folder")
def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["skills", "list"]) == 0
    out = capsys.readouterr().out
    assert "coffee.py" in out
    assert "Brew [some] coffee." in out  # no markup
    assert "and 2 more sentences" in out
    assert run_command(["skills", "list", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert found["pour"]["confirm"] == "Pour {cups} cups away?"
    assert found["brew"]["sentences"][0] == "brew {cups} cups"
    assert found["search"]["aside"]


@pytest.mark.usefixtures("folder")
def test_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["skills", "try", "Could you brew two cups?"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "skill     brew(cups=2)",
        "sentence  brew {cups} cups",
        "says      2 cups.",
    ]
    assert run_command(["skills", "try", "pour 3 cups away"]) == 0
    assert "asks      Pour 3 cups away?" in capsys.readouterr().out
    assert run_command(["skills", "try", "pour 3 cups away", "--do"]) == 0
    out = capsys.readouterr().out
    assert "outcome   failed" in out
    assert "says      There is none." in out
    assert run_command(["skills", "try", "find coffee"]) == 0
    out = capsys.readouterr().out
    assert "promises  I will look." in out
    assert "says      (known when it has been done; --do)" in out
    assert run_command(["skills", "try", "brew coffee", "--do", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["meaning"]["arguments"] == {"cups": 1}
    assert told["outcome"] == {"status": "done", "say": "1 cups.", "data": "", "error": ""}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("Sing me a song of coffee and beans.", "no sentence fits; the language model would answer"),
        ("do it", "the sentence fits brew and search equally well, so it means none of them"),
        ("", "no sentence fits"),
    ],
)
def test_what_is_not_understood(sentence: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["skills", "try", sentence]) == 1
    assert why in capsys.readouterr().err


def test_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["skills", "check"]) == 0
    assert capsys.readouterr().out.endswith("sentences: nothing to complain of\n")
    (folder / "bad.yaml").write_text("language: en\nintents: {steep: {data: []}}\n")
    (folder / "bad.py").write_text("1 / 0\n")
    assert run_command(["skills", "check"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"{folder}/bad.py:1: ZeroDivisionError: division by zero",
        f"{folder}/bad.yaml:2: there is no skill 'steep'",
    ]
    assert captured.err == "nearfield: 2 complaints. what is complained of is left out\n"
    assert run_command(["skills", "list"]) == 0
    assert "2 complaints; 'nearfield skills check' shows them" in capsys.readouterr().out


def test_check_one_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("coffee.py", "coffee.yaml"):
        assert run_command(["skills", "check", str(folder / name)]) == 0
        assert capsys.readouterr().out == f"{folder / name}: nothing to complain of\n"
    (tmp_path / "new.yaml").write_text("language: en\nintents: {brew: {data: [{sentences: ['(']}]}}\n")
    assert run_command(["skills", "check", str(tmp_path / "new.yaml")]) == 1
    assert "there is no skill 'brew'" in capsys.readouterr().out  # it does not lie beside coffee.py
    (folder / "new.yaml").write_text((tmp_path / "new.yaml").read_text())
    assert run_command(["skills", "check", str(folder / "new.yaml")]) == 1
    assert "new.yaml:2: it does not parse" in capsys.readouterr().out
    (folder / "new.py").write_text("def f(:\n")
    assert run_command(["skills", "check", str(folder / "new.py")]) == 1
    assert "new.py:1: is not Python" in capsys.readouterr().out


def test_files_and_folders_that_do_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["skills", "check", str(tmp_path / "gone.yaml")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert run_command(["skills", "list", "--folder", str(tmp_path / "gone")]) == 2
    assert "there is no folder" in capsys.readouterr().err
