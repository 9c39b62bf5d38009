"""`nearfield doctor` as a command: lines, JSON, exit status, the archive. On a device without a card or models."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from rich.console import Console

from device.cli.main import run_command
from device.diagnostics.doctor.checks import CHECKS
from device.diagnostics.doctor.finding import failed, not_tried, ok, warning
from device.diagnostics.doctor.report import print_finding, summary

CHEAP = ("program", "board", "memory", "configuration")


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NEARFIELD_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def only(*names: str) -> list[str]:
    return [flag for name in names for flag in ("--only", name)]


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", *only(*CHEAP)]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines()[:-1]] == [["ok", name] for name in CHEAP]
    assert "\x1b" not in out  # colours are for terminals
    assert out.splitlines()[-1].startswith("4 checks in ")


def test_a_failed_check_is_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", *only("configuration", "secrets"), "--set", "llm.temperature=9"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAIL  configuration")
    assert lines[1].strip().startswith("-> correct it, then: nearfield config check")
    assert lines[2].split()[:2] == ["-", "secrets"]


def test_warnings_alone_are_exit_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", *only("servers"), "--set", "llm.server=http://127.0.0.1:9"]) == 0
    assert capsys.readouterr().out.startswith("warn  servers")


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", "--json", *only("configuration", "board"), "--set", "persona=nobody"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    by_name = {finding["check"]: finding for finding in told["findings"]}
    assert by_name["configuration"]["level"] == "failed"
    assert by_name["configuration"]["mend"]
    assert by_name["board"]["facts"]["cores"] >= 1
    assert by_name["board"]["took_ms"] >= 0


def test_the_list_of_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CHECKS)
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("flags", [["--only", "mouse"], ["--with-transcripts"]])
def test_bad_usage(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", *flags]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.tar.gz"
    assert run_command(["doctor", *only("board"), "--bundle", str(path)]) == 0
    assert "look through it" in capsys.readouterr().out
    with tarfile.open(path) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert {"doctor.json", "doctor.txt", "config.json", "versions.txt", "log.txt", "traces.json"} <= names


def test_an_archive_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", *only("board"), "--bundle", str(tmp_path / "none" / "report.tar.gz")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_what_every_check_asks_is_in_the_docs() -> None:
    paper = (Path(__file__).resolve().parents[2] / "docs/doctor.md").read_text("utf-8")
    assert [check.name for check in CHECKS if f"| `{check.name}` |" not in paper] == []


def shown(width: int, terminal: bool) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, highlight=False)
    long = "a very long story of what was found on this device and of where it was found, with figures"
    print_finding(console, ok("board", "[bold]Pi[/bold]"))
    print_finding(
        console, warning("echo", long, means="it hears itself", mend="nearfield calibrate", more=["one", "two"])
    )
    print_finding(console, not_tried("turn", "of 'models'"))
    return file.getvalue().splitlines()


def test_lines_on_a_narrow_terminal_hang_below_what_was_found() -> None:
    lines = shown(60, terminal=True)
    assert all(len(line.rstrip()) <= 60 for line in lines)
    assert lines[0] == "ok    board         [bold]Pi[/bold]"
    assert lines[2].startswith(" " * 20)
    assert lines[2].strip()
    assert [line.strip() for line in lines[-4:]] == [
        "one",
        "two",
        "-> nearfield calibrate",
        "-     turn          not tried because of 'models'",
    ]


def test_lines_in_a_file_are_not_broken() -> None:
    assert len(shown(60, terminal=False)) == 6


def test_the_last_line_counts() -> None:
    findings = [
        ok("a", ""),
        failed("b", "", means="", mend=""),
        warning("c", "", means="", mend=""),
        not_tried("d", ""),
    ]
    assert summary(findings, 1.26) == "4 checks in 1.3 s: 1 failed, 1 warning, 1 not tried"
    assert summary(findings[:1], 0.04) == "1 check in 0.0 s: all is well"
