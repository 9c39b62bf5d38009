"""`nearfield trace` on a record that a scripted conversation left."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from turn_scripts import full_turn

from device.cli.main import run_command
from device.session import SessionStore
from device.session.from_events import Scribe


def talk(path: Path, *late_ms: float) -> None:
    """A session; its turns answer so much later than usual."""
    with SessionStore.open(path).begin("assistant") as recorder:
        scribe = Scribe(recorder)
        for turn, late in enumerate(late_ms, 1):
            for event in full_turn(turn, late):
                scribe.on_event(event)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sessions, of three turns and of two; the second turn of the first is late."""
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "sessions.db"
    talk(path, 0, 400, 10)
    talk(path, 20, 30)
    return path


class Traced:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, path: Path, *args: str) -> tuple[int, str, str]:
        status = run_command(["trace", *args, "--set", f"session.database={path}"])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, path: Path, *args: str) -> dict[str, Any]:
        status, out, err = self(path, *args, "--json")
        assert (status, err) == (0, "")
        value: dict[str, Any] = json.loads(out)
        return value


@pytest.fixture
def traced(capsys: pytest.CaptureFixture[str]) -> Traced:
    return Traced(capsys)


def keys(shown: dict[str, Any]) -> list[tuple[int, int]]:
    return [(turn["session"], turn["turn"]) for turn in shown["turns"]]


@pytest.mark.parametrize(
    ("args", "shown", "over"),
    [
        ((), [(2, 2)], 2),
        (("--session", "1"), [(1, 3)], 3),
        (("--last", "4"), [(1, 2), (1, 3), (2, 1), (2, 2)], 4),
        (("--last", "4", "--session", "1"), [(1, 1), (1, 2), (1, 3)], 3),
        (("--turn", "1"), [(2, 1)], 2),
        (("--turn", "2", "--session", "1"), [(1, 2)], 3),
    ],
)
def test_which_turns_are_shown_and_which_counted(
    record: Path, traced: Traced, args: tuple[str, ...], shown: list[tuple[int, int]], over: int
) -> None:
    result = traced.json(record, *args)
    assert keys(result) == shown
    assert result["percentiles_over"] == over
    ttfa = next(row for row in result["percentiles"] if row["stage"] == "ttfa")
    assert ttfa["count"] == over


def test_the_late_turn_is_over_and_nothing_that_was_said_is_shown(record: Path, traced: Traced) -> None:
    (turn,) = traced.json(record, "--turn", "2", "--session", "1")["turns"]
    assert turn["over"] == ["first_clause", "ttfa"]
    assert turn["ttfa_ms"] == 730
    assert "capital" not in json.dumps(turn)


def test_the_waterfall_fits_a_terminal_and_is_told_without_colour(record: Path, traced: Traced) -> None:
    status, out, err = traced(record, "--turn", "2", "--session", "1")
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out
    assert "TTFA 730 ms" in lines[0]
    assert "! 2 over budget" in lines[0]
    rows = {line[:14].strip(): line for line in lines[: lines.index("")]}
    assert rows["first clause"].endswith("490   100!")
    assert rows["first audio"].endswith("48    80")
    assert rows["first clause"].index("▓") > rows["first clause"].index("│"), "behind the end of speech"
    table = lines[next(n for n, line in enumerate(lines) if line.startswith("3 turns of session 1")) :]
    assert next(line for line in table if line.startswith("TTFA")).split() == [
        "TTFA", "3", "340", "691", "722", "730", "600", "1!",
    ]  # fmt: skip


def test_bars_of_several_turns_lie_on_one_time_line(record: Path, traced: Traced) -> None:
    _, out, _ = traced(record, "--last", "5")
    axes = {line for line in out.splitlines() if line.lstrip().startswith("ms ")}
    assert len(axes) == 1
    starts = {line.index("▒│") for line in out.splitlines() if line.startswith("speech")}
    assert len(starts) == 1


def test_a_terminal_without_unicode_gets_letters(record: Path, traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import ConsoleOptions  # noqa: PLC0415

    monkeypatch.setattr(ConsoleOptions, "ascii_only", property(lambda _self: True))
    _, out, _ = traced(record)
    assert out.isascii()
    assert "###" in out


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("--session", "9"), 2, "there is no session 9"),
        (("--turn", "9"), 2, "session 2 has no trace of a turn 9"),
        (("--turn", "-1"), 2, "no trace of a turn -1"),
        (("--turn", "1", "--last", "2"), 2, "--last and --turn exclude each other"),
        (("--last", "0"), 2, "--last"),
        (("--last", "many"), 2, "--last"),
        (("--plot", "turn.bmp"), 2, "cannot draw turn.bmp"),
        (("--session", "99999999999999999999"), 2, "--session"),
    ],
)
def test_what_cannot_be_is_one_line(
    record: Path, traced: Traced, args: tuple[str, ...], status: int, said: str
) -> None:
    got, out, err = traced(record, *args)
    assert (got, out) == (status, "")
    assert said in err
    assert err.count("\n") == 1


def test_no_record_no_turns_and_a_broken_trace_are_one_line_each(tmp_path: Path, traced: Traced) -> None:
    path = tmp_path / "s.db"
    status, out, err = traced(path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "there is no session record" in err
    assert not path.exists()
    talk(path)
    for args in ((), ("--session", "1"), ("--turn", "1"), ("--last", "3", "--json")):
        status, out, err = traced(path, *args)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "has been traced" in err
    talk(path, 0)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE trace SET marks = 'nonsense'")
    status, out, err = traced(path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "the trace of turn 1 of session 2" in err


@pytest.mark.parametrize(
    ("args", "shown", "over"),
    [
        (("--session", "1"), [(1, 3)], 2),
        (("--session", "1", "--turn", "1"), [(1, 1)], 2),
        (("--last", "5"), [(1, 1), (1, 3), (2, 1), (2, 2)], 4),
    ],
)
def test_a_trace_that_cannot_be_read_costs_no_other_turn(
    record: Path, traced: Traced, args: tuple[str, ...], shown: list[tuple[int, int]], over: int
) -> None:
    with sqlite3.connect(record) as db:
        db.execute("UPDATE trace SET marks = '{\"format\": 2}' WHERE session = 1 AND number = 2")
    status, out, err = traced(record, *args, "--json")
    assert (status, err.count("\n")) == (0, 1)
    assert "the trace of turn 2 of session 1" in err
    assert keys(json.loads(out)) == shown
    assert json.loads(out)["percentiles_over"] == over
    status, out, err = traced(record, "--session", "1", "--turn", "2")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "the trace of turn 2 of session 1" in err
    assert "look at another with --turn" in err


def test_the_waterfall_of_a_session_still_running(record: Path, traced: Traced) -> None:
    store = SessionStore.open(record)
    with store.begin("assistant") as recorder:
        scribe = Scribe(recorder)
        for event in full_turn():
            scribe.on_event(event)
        assert recorder.flush(20)
        assert keys(traced.json(record)) == [(3, 1)]


# --- the picture ----------------------------------------------------------------------------------------------------


def test_a_picture_without_matplotlib_says_how_to_get_it(
    record: Path, traced: Traced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, out, err = traced(record, "--plot", str(tmp_path / "a.png"))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "pip install matplotlib" in err
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("args", [(), ("--turn", "2", "--session", "1"), ("--last", "5")])
def test_a_picture_is_drawn(record: Path, traced: Traced, tmp_path: Path, args: tuple[str, ...]) -> None:
    pytest.importorskip("matplotlib")
    status, out, err = traced(record, *args, "--plot", str(tmp_path / "new" / "a.png"))
    assert (status, err) == (0, "")
    assert f"Picture  {tmp_path}" in out
    head = (tmp_path / "new" / "a.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert int.from_bytes(head[16:20], "big") == 1280, "width in pixels"


def test_a_picture_that_cannot_be_written_is_one_line(record: Path, traced: Traced, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "a.png").mkdir()
    status, _, err = traced(record, "--plot", str(tmp_path / "a.png"))
    assert status == 1
    assert "a.png: is a directory" in err
