"""A file is written whole or not at all."""

import os
from pathlib import Path

import pytest

from device.whole_file import write_whole


def test_it_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_whole(path, "old", 0o600)
    write_whole(path, "new ü")
    assert path.read_text("utf-8") == "new ü"
    assert path.stat().st_mode & 0o777 == 0o600, "the mode it had"
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]


def test_behind_a_link_is_the_file_that_it_names(tmp_path: Path) -> None:
    link, path = tmp_path / "link", tmp_path / "kept"
    link.symlink_to(path)
    write_whole(link, "new")
    assert link.is_symlink()
    assert path.read_text("utf-8") == "new"


def no_room(handle: int) -> None:  # noqa: ARG001 - as os.fsync
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("failure", ["disk", "text"])
def test_a_failure_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    path = tmp_path / "kept"
    write_whole(path, "old")
    if failure == "disk":
        monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_whole(path, "new" if failure == "disk" else "\ud800")
    assert path.read_text("utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
