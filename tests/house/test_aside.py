"""`pytest --two-at-a-time` tells the same of the tests as one process does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house_scripts import ROOT

CONFTEST = """
from aside import ReportsTo, TwoAtATime

def pytest_addoption(parser):
    parser.addoption("--two-at-a-time", action="store_true")
    parser.addoption("--reports-to")

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: not today")
    if config.option.two_at_a_time:
        config.pluginmanager.register(TwoAtATime())
    if config.option.reports_to:
        config.pluginmanager.register(ReportsTo(config, config.option.reports_to))
"""
ASIDE = """
import os, pathlib, time, pytest
def test_well(): pass
def test_wrong(): assert 1 == 2, "as it should be"
def test_not_here(): pytest.skip("no such card")
@pytest.fixture
def broken(): raise ValueError("in the fixture")
def test_on_it(broken): pass
@pytest.mark.slow
def test_slow(): assert False
def test_late():
    time.sleep(0.5)
    pathlib.Path(__file__).with_name("ended").touch()
"""
ALONE = """
import pathlib
def test_after_the_others():
    assert (pathlib.Path(__file__).parents[1] / "skills" / "ended").exists()
"""
HERE = "def test_here(): pass\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder, text in {"program": ALONE, "dialogue": HERE, "skills": ASIDE}.items():
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_in_{folder}.py").write_text(text)
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    shutil.copy(ROOT / "tests" / "aside.py", tmp_path / "tests" / "aside.py")
    return tmp_path


def run(tree: Path, *options: str) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-ra",
        "--rootdir",
        str(tree),
        "-p",
        "no:cacheprovider",
        *options,
        "tests",
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def summary(out: str) -> str:
    """The counts of the last line, without the time."""
    return re.sub(r" in [0-9.]+s.*", "", out.splitlines()[-1]).strip("= ")


def test_one_summary_and_the_real_time_ones_come_last(tree: Path) -> None:
    status, out = run(tree, "--two-at-a-time", "-m", "not slow")
    assert (status, summary(out)) == (1, "1 failed, 4 passed, 1 skipped, 1 deselected, 1 error")
    assert "as it should be" in out
    assert "in the fixture" in out
    assert "SKIPPED [1] tests/skills/test_in_skills.py:5: no such card" in out
    (tree / "tests" / "skills" / "ended").unlink()
    alone = run(tree, "-m", "not slow", "--deselect", "tests/program")
    assert alone[0] == 1
    assert summary(alone[1]) == "1 failed, 3 passed, 1 skipped, 2 deselected, 1 error"


def test_what_a_crash_leaves_untold_has_failed(tree: Path) -> None:
    file = tree / "tests" / "skills" / "test_in_skills.py"
    file.write_text("import os\ndef test_well(): pass\ndef test_crash(): os._exit(3)\ndef test_behind(): pass\n")
    status, out = run(tree, "--two-at-a-time", "--deselect", "tests/program")
    assert (status, summary(out)) == (1, "2 failed, 2 passed, 1 deselected")
    assert "the second process ended with 3 and did not tell of this test" in out
