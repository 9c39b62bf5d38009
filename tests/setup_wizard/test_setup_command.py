"""`nearfield setup` as it is called: with a file, and at a real terminal."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.cli.main import run_command

WAIT_S = 60.0


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, model or measurement of this machine."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.delenv("NEARFIELD_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def answers(text: str) -> str:
    Path("answers.toml").write_text(text, "utf-8")
    return "answers.toml"


def test_from_a_file_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["setup", "--from", answers('mode = "wake"\nclock_hours = 24\n'), "--config", "new/nearfield.toml"]
    assert run_command(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("new/nearfield.toml: written\nNext:\n")
    assert "  nearfield models pull --set tiny\n" in out
    text = Path("new/nearfield.toml").read_text("utf-8")
    assert 'listen = "wake"' in text
    assert "hours = 24" in text
    assert run_command(words) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert run_command(["config", "check", "--config", "new/nearfield.toml"]) == 0


def test_print_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["setup", "--from", answers("clock_hours = 24\n"), "--print", "--config", "a.toml"]) == 0
    assert "hours = 24" in capsys.readouterr().out
    assert not Path("a.toml").exists()


def test_what_is_wrong_is_one_line_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["setup", "--from", answers("\nclock_hours = 7\n"), "--config", "a.toml"]) == 2
    assert capsys.readouterr().err == (
        "nearfield: answers.toml, line 2: clock_hours = 7 is not allowed; allowed: 12 or 24\n"
    )
    assert run_command(["setup", "--from", "absent.toml", "--config", "a.toml"]) == 2
    assert capsys.readouterr().err.startswith("nearfield: absent.toml: cannot be read")
    assert not Path("a.toml").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('voice = "jo"\n', "answers.toml, line 1: there is no model 'jo' in the catalogue"),
        ('mode = "wake"\nwake_words = "computer"\n', "answers.toml, line 2: there is no wake word 'computer'"),
    ],
)
def test_an_answer_that_names_what_there_is_not(text: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["setup", "--from", answers(text), "--config", "a.toml"]) == 2
    assert capsys.readouterr().err.startswith(f"nearfield: {problem}")
    assert not Path("a.toml").exists()


def test_a_mistake_that_was_there_before_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.toml").write_text("[audio]\nrate_hz = -5\n")
    assert run_command(["setup", "--from", answers("clock_hours = 24\n"), "--config", "a.toml"]) == 2
    assert capsys.readouterr().err.startswith("nearfield: a.toml, line 2: audio.rate_hz = -5 is not allowed")


def test_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert run_command(["setup", "--config", "a.toml"]) == 2
    assert "give the answers with --from" in capsys.readouterr().err


# --- a real terminal


class Session:
    """`nearfield setup` with a person at a pty of 80 columns."""

    def __init__(self, *words: str) -> None:
        self._person, program = pty.openpty()
        environment = {**os.environ, "COLUMNS": "80", "TERM": "vt100"}
        command = [sys.executable, "-m", "device.cli.main", "setup", *words]
        self.process = subprocess.Popen(
            command, stdin=program, stdout=program, stderr=program, env=environment, start_new_session=True
        )
        os.close(program)
        self.shown = ""

    def until(self, text: str) -> None:
        """Read until `text` is shown."""
        end = time.monotonic() + WAIT_S
        while text not in self.shown:
            ready, _, _ = select.select([self._person], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} was not shown, only {self.shown!r}"
            try:
                data = os.read(self._person, 4096)
            except OSError:  # the other side is closed
                data = b""
            assert data, f"it ended before {text!r}: {self.shown!r}"
            self.shown += data.decode("utf-8")

    def say(self, question: str, text: str) -> None:
        self.until(question)
        self.until("] ")
        self.shown = ""
        os.write(self._person, text.encode() + b"\n")

    def interrupt(self) -> None:
        """Ctrl-C; once more where it fell between the prompt and the reading, for Python looks at neither then."""
        for _ in range(5):
            os.killpg(self.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(WAIT_S / 5)
                return

    def end(self) -> int:
        while True:
            try:
                data = os.read(self._person, 4096)
            except OSError:
                break
            if not data:
                break
            self.shown += data.decode("utf-8")
        return self.process.wait(WAIT_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._person)


@pytest.fixture
def sessions() -> Iterator[list[Session]]:
    opened: list[Session] = []
    yield opened
    for each in opened:
        each.close()


def to_the_end(session: Session, mode: str) -> None:
    """Answers whatever is asked: `mode` where it is asked for, else the default; never a sound."""
    questions = {
        "Which microphone?": "none",
        "Which loudspeaker?": "none",
        "When does it listen?": mode,
        "Which models?": "",
        "Which voice?": "",
        "Who is it?": "",
        "How does it say": "24",
        "In which time zone": "",
        "Are there buttons": "no",
        "Shall it serve": "no",
    }
    while "Write " not in session.shown:
        session.until("] ")
        found = next((text for text in questions if text in session.shown), None)
        if found is not None:
            session.say(found, questions.pop(found))
        elif "Write " not in session.shown:
            raise AssertionError(session.shown)


def test_at_a_terminal(sessions: list[Session]) -> None:
    Path("a.toml").write_text("# mine\n[llm]\ntemperature = 0.5\n")
    session = Session("--config", "a.toml")
    sessions.append(session)
    to_the_end(session, "push-to-talk")
    assert '+listen = "push-to-talk"' in session.shown
    session.say("Write ", "yes")
    assert session.end() == 0, session.shown
    text = Path("a.toml").read_text("utf-8")
    assert text.startswith("# mine\n[llm]\ntemperature = 0.5\n")
    assert 'listen = "push-to-talk"' in text
    assert "hours = 24" in text
    assert "Next:" in session.shown

    again = Session("--config", "a.toml")
    sessions.append(again)
    again.until("] ")
    again.interrupt()
    assert again.end() == 130
    assert "Traceback" not in again.shown
    assert Path("a.toml").read_text("utf-8") == text


def test_the_end_of_the_input_changes_nothing(sessions: list[Session]) -> None:
    session = Session("--config", "a.toml")
    sessions.append(session)
    session.until("] ")
    os.write(session._person, b"\x04")
    assert session.end() == 1
    assert "the input ended before the question was answered" in session.shown
    assert not Path("a.toml").exists()
