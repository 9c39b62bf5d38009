"""What a board gets is what the tests were run with: the versions of constraints.txt, those that others bring too."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from house_scripts import ROOT, sourced

FOLDER = ROOT / "firmware_scripts/install"


@pytest.fixture(scope="module")
def constraints() -> ModuleType:
    spec = importlib.util.spec_from_file_location("constraints", FOLDER / "constraints.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def listed() -> dict[str, str]:
    lines = (FOLDER / "constraints.txt").read_text("utf-8").splitlines()
    rows = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(row) == 2 for row in rows)
    return dict(rows)


def test_they_are_those_of_this_environment(constraints: ModuleType, listed: dict[str, str]) -> None:
    here = constraints.of_appliance()
    assert {name: here[name] for name in listed if name in here} == {n: v for n, v in listed.items() if n in here}
    assert set(listed) - set(here) <= {"lgpio"}, "a Pi's GPIO driver is not everywhere"


def test_nothing_is_left_to_the_day_of_the_set_up(constraints: ModuleType, listed: dict[str, str]) -> None:
    """But what a newer Python than the board's needs in place of its own modules."""
    assert set(constraints.of_appliance()) - set(listed) <= {"audioop-lts"}
    assert {"numpy", "protobuf", "cryptography", "click", "certifi"} <= set(listed)
    assert not {"llama-cpp-python", "pywhispercpp"} & set(listed), (
        "those are compiled, in the version of pyproject.toml"
    )


def test_what_was_brought_by_what_is_followed(constraints: ModuleType) -> None:
    found = constraints.installed(["httpx", "a-library-that-nobody-has; python_version < '3'", "nor-this-one"])
    assert {"httpx", "httpcore", "certifi", "idna", "h11", "anyio"} <= set(found)
    assert not {"a-library-that-nobody-has", "nor-this-one", "h2"} & set(found), "not an extra that nobody asked for"


def test_a_board_that_was_set_up_before_they_changed_is_set_up_again(tmp_path: Path) -> None:
    house = tmp_path / "a house"
    (house / "firmware_scripts/install").mkdir(parents=True)
    for name in ("install.sh", "pyproject.toml"):
        (house / name).write_bytes((ROOT / name).read_bytes())
    for file in FOLDER.iterdir():
        if file.is_file():
            (house / "firmware_scripts/install" / file.name).write_bytes(file.read_bytes())
    words = 'venv_version() { echo 3; }; libraries_key ""'
    before = sourced(house, words)
    with (house / "firmware_scripts/install/constraints.txt").open("a") as more:
        more.write("another==1\n")
    assert sourced(house, words) != before
