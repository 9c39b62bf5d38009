"""Folders in which install.sh may do as it likes."""

import shutil
from pathlib import Path

import pytest
from house_scripts import ROOT


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the scripts in a folder of their own: what they write stays out of this repository."""
    folder = tmp_path / "a house"
    shutil.copytree(ROOT / "firmware_scripts" / "install", folder / "firmware_scripts" / "install")
    for name in ("install.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder
