"""`nearfield bench`: finds the scripts, hands on their arguments and their exit status."""

from pathlib import Path

import pytest

from device.cli.bench_command import benchmarks, run_benchmark
from device.cli.main import run_command
from device.errors import NearfieldError, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "count_up.py").write_text(
        '"""Counts its arguments.\n\nMore."""\n'
        "import sys\n"
        "def main() -> int:\n"
        "    print(*sys.argv[1:])\n"
        "    return len(sys.argv) - 1\n"
        "sys.exit(main())\n"
    )
    (tmp_path / "shared_words.py").write_text("WORDS = 3\n")
    return tmp_path


def test_arguments_and_status_are_the_scripts_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run_benchmark(["count-up", "--fast", "a b"], folder)
    assert left.value.code == 2
    assert capsys.readouterr().out == "--fast a b\n"


def test_a_module_without_main_is_no_benchmark(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(benchmarks(folder)) == ["count-up"]
    run_benchmark([], folder)
    assert "count-up  Counts its arguments." in capsys.readouterr().out


def test_a_wrong_name_lists_the_right_ones(folder: Path) -> None:
    with pytest.raises(UsageError, match="'speed'") as failure:
        run_benchmark(["speed"], folder)
    assert "count-up" in failure.value.hint


def test_an_installation_without_the_scripts_says_so(tmp_path: Path) -> None:
    with pytest.raises(NearfieldError, match="no benchmarks"):
        run_benchmark([], tmp_path / "absent")


@pytest.mark.parametrize("args", [["bench"], ["bench", "--help"], ["bench", "turns", "--help"]])
def test_help_reaches_the_right_place(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(args) == 0
    out = capsys.readouterr().out
    assert ("Time to first audio" in out) and (("manifest" in out) == ("turns" in args))


def test_an_unknown_benchmark_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "nothing"]) == 2
    assert "'nothing'" in capsys.readouterr().err
