"""What a run of install.sh finds of the one before it: whole, cut off, or out of date."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house_scripts import sourced


@pytest.fixture
def venv(house: Path) -> Path:
    """An environment without pip: made in a moment."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", house / ".venv"], check=True, timeout=60)
    return house / ".venv"


def site_packages(venv: Path) -> Path:
    return next(venv.glob("lib/python3*/site-packages"))


def distribution(venv: Path, name: str, size: int, recorded: int) -> Path:
    site = site_packages(venv)
    (site / f"{name}.py").write_bytes(b"#" * size)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{name}.py,sha256=x,{recorded}\n{info.name}/RECORD,,\n")
    return info


def test_library_that_was_cut_off_is_installed_again_and_others_are_not(house: Path, venv: Path) -> None:
    whole = distribution(venv, "whole", 10, 10)
    cut = distribution(venv, "cut", 4, 10)
    gone = distribution(venv, "gone", 4, 4)
    (site_packages(venv) / "gone.py").unlink()
    unlisted = distribution(venv, "unlisted", 4, 4)
    (unlisted / "RECORD").unlink()
    empty = distribution(venv, "empty", 4, 4)
    (empty / "RECORD").write_text("")
    left_over = site_packages(venv) / "~umpy"
    left_over.mkdir()
    said = sourced(house, "drop_broken_distributions")
    assert sorted(said.splitlines()) == [
        f"incomplete: {name}-1.0.dist-info" for name in ("cut", "empty", "gone", "unlisted")
    ]
    assert whole.is_dir()
    assert not any(path.exists() for path in (cut, gone, unlisted, empty, left_over))


def test_library_found_broken_makes_the_step_due_until_it_is_done(house: Path, venv: Path) -> None:
    state = "RUN_TESTS=no; LOG=/dev/null"
    ready = "if libraries_ready; then echo ready; else echo due; fi"
    sourced(house, f'{state}; stamp_set libraries "$(libraries_key "")"')
    assert sourced(house, f"{state}; {ready}") == "ready"
    distribution(venv, "cut", 4, 10)
    assert sourced(house, f"{state}; {ready}") == "due"
    assert sourced(house, f"{state}; {ready}") == "due"  # though by now nothing broken is left to be seen


@pytest.mark.usefixtures("venv")
def test_libraries_are_due_when_pyproject_changes_or_test_tools_are_wanted(house: Path) -> None:
    def ready(tests: str) -> bool:
        return sourced(house, f"RUN_TESTS={tests}; LOG=/dev/null; libraries_ready && echo yes || echo no") == "yes"

    sourced(house, 'stamp_set libraries "$(libraries_key "")"')
    assert ready("no")
    assert not ready("yes")
    sourced(house, 'stamp_set libraries "$(libraries_key dev)"')
    assert ready("no")
    assert ready("yes")
    with (house / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert not ready("no")
    assert not ready("yes")


def test_stamps_go_with_the_environment_they_speak_of(house: Path, venv: Path) -> None:
    sourced(house, 'stamp_set llama "a b"; stamp_is llama "a b"; ! stamp_is llama a; ! stamp_is other "a b"')
    shutil.rmtree(venv)
    sourced(house, '! stamp_is llama "a b"')


def test_environment_is_due_without_pip_and_in_a_folder_that_was_moved(house: Path, venv: Path) -> None:
    ready = "venv_ready >/dev/null 2>&1 && echo ready || echo due"
    assert sourced(house, ready, PYTHON="") == "due"  # no pip: creating it was interrupted
    (site_packages(venv) / "pip").mkdir()
    (site_packages(venv) / "pip" / "__main__.py").write_text("print('pip 1.0')")
    (venv / "bin" / "pip").write_text(f"#!{venv}/bin/python3\n")
    assert sourced(house, ready, PYTHON="") == "ready"
    (venv / "bin" / "pip").write_text("#!/somewhere/else/.venv/bin/python3\n")
    assert sourced(house, ready, PYTHON="") == "due"


def test_wrong_gpio_driver_goes_before_the_right_one_comes(house: Path, venv: Path) -> None:
    for name in ("rpi_lgpio-0.6", "RPi.GPIO-0.7.1"):
        info = site_packages(venv) / f"{name}.dist-info"
        info.mkdir()
        distribution, version = name.split("-")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution.replace('_', '-')}\nVersion: {version}\n"
        )
    ready = "gpio_ready && echo ready || echo due"
    assert sourced(house, f"GPIO=RPi.GPIO; {ready}") == "due"  # both are there: neither can be trusted
    shutil.rmtree(site_packages(venv) / "rpi_lgpio-0.6.dist-info")
    assert sourced(house, f"GPIO=RPi.GPIO; {ready}") == "ready"
    assert sourced(house, f"GPIO=rpi-lgpio; {ready}") == "due"
    assert sourced(house, f"GPIO=none; {ready}") == "ready"
