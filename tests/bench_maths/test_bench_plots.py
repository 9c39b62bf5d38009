"""The pictures of the benchmarks: with matplotlib they are drawn, without it one line says so."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.plots import need_matplotlib, plot_trade_off, plot_ttfa
from device.cli.main import run_command
from device.errors import UsageError


def test_without_matplotlib_one_line_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run_command(["bench", "turns", "--plot", str(tmp_path / "x.png")]) == 1
    error = capsys.readouterr().err
    assert "matplotlib" in error
    assert error.count("\n") == 1


def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_ttfa(tmp_path / "ttfa.png", {"nearfield": [300.0, 350.0, 420.0], "sequential": [1400.0, 1500.0], "none": []})
    curves = {"now": [(10.0, 92.0)], "swept": [(5.0, 70.0), (30.0, 99.0)], "none": []}
    plot_trade_off(tmp_path / "curve.png", curves, goal=(15.0, 90.0))
    for name in ("ttfa.png", "curve.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_format_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match="cannot draw"):
        plot_ttfa(tmp_path / "ttfa.wav", {"nearfield": [300.0]})
    assert need_matplotlib() is not None
