"""Manifests and signatures of anybody's making: read rightly, or refused in a line."""

import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minisign import KeyPair

from device.errors import UpdateError
from device.update.manifest import BundleFile, Manifest, ModelPart, read_manifest
from device.update.signature import read_key, verify

KEY = KeyPair.generate()
RAW = b"what is signed"
SIGNED = bytes(KEY.secret_key.sign(RAW)) + b"\n"
TREE = {"name": "tree.tar.gz", "kind": "tree", "bytes": 10, "sha256": "a" * 64}
GOOD = {
    "format": 1,
    "name": "1.0-abc",
    "version": "1.0",
    "python": "3.11",
    "created": "2026-01-02",
    "unpacked_bytes": 100,
    "files": [TREE],
}
ANYTHING = st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)


def manifest(**changes: object) -> Manifest:
    return read_manifest(json.dumps({**GOOD, **changes}).encode())


def test_what_was_signed_is_taken() -> None:
    verify(RAW, SIGNED, KEY.public_key)
    verify(RAW, bytes(KEY.secret_key.sign(RAW, prehash=False)), KEY.public_key)  # minisign before 0.6


@given(st.integers(0, len(SIGNED) - 2), st.integers(1, 255))
def test_a_signature_with_any_byte_changed_is_refused(at: int, by: int) -> None:
    changed = bytearray(SIGNED)
    changed[at] ^= by
    comment = SIGNED.split(b"\n")[0]
    with pytest.raises(UpdateError) if at > len(comment) else contextlib.suppress(UpdateError):
        verify(RAW, bytes(changed), KEY.public_key)


@given(st.binary(max_size=300))
def test_no_bytes_are_a_signature_by_chance(raw: bytes) -> None:
    with pytest.raises(UpdateError):
        verify(RAW, raw, KEY.public_key)


@given(st.binary(max_size=300) | ANYTHING.map(json.dumps))
def test_no_bytes_are_a_manifest_by_chance(raw: bytes | str) -> None:
    with pytest.raises(UpdateError):
        read_manifest(raw if isinstance(raw, bytes) else raw.encode())


@given(
    st.sampled_from(list(GOOD)), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)
)
def test_a_manifest_with_any_field_changed_is_read_or_refused(name: str, value: object) -> None:
    try:
        read = manifest(**{name: value})
    except UpdateError:
        return
    assert read_manifest(read.to_bytes()) == read


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "a\nb", "-x", "x" * 300, "manifest.json"])
def test_no_file_of_a_bundle_is_put_anywhere_else(name: str) -> None:
    with pytest.raises(UpdateError):
        manifest(files=[{**TREE, "name": name}])


@pytest.mark.parametrize(
    ("version", "running", "older"),
    [
        ("1.10", "1.9", False),
        ("1.9", "1.10", True),
        ("1.0", "1.0", False),
        ("2.0rc1", "2.0", True),
        ("1.0", "unknown", False),
    ],
)
def test_which_is_older(version: str, running: str, older: bool) -> None:
    assert manifest(version=version).older_than(running) is older


def test_a_part_of_a_model_is_found_by_any_hash_that_is_accepted() -> None:
    file = BundleFile(name="b" * 64, kind="model", bytes=1, sha256="b" * 64)
    made = manifest(files=[TREE, file.model_dump()])
    assert made.in_bundle(ModelPart(name="w", sha256=("c" * 64, "b" * 64))) == file
    assert made.in_bundle(ModelPart(name="w", sha256=("c" * 64,))) is None
    assert made.total_bytes == 11


@pytest.mark.parametrize("text", ["", "x", "untrusted comment: a\nRWQ", "a\nb\nc"])
def test_what_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "update.pub"
    path.write_text(text)
    with pytest.raises(UpdateError, match="is not a minisign public key"):
        read_key(path)


def test_a_key_with_and_without_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "update.pub"
    for raw in (bytes(KEY.public_key) + b"\n", KEY.public_key.to_base64(), KEY.public_key.to_base64() + b"\n"):
        path.write_bytes(raw)
        assert read_key(path) == KEY.public_key


@pytest.mark.skipif(shutil.which("minisign") is None, reason="no minisign here")
def test_minisign_itself_agrees(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(bytes(KEY.public_key) + b"\n")
    (tmp_path / "file").write_bytes(RAW)
    (tmp_path / "file.minisig").write_bytes(SIGNED)
    command = ["minisign", "-Vm", str(tmp_path / "file"), "-p", str(tmp_path / "key.pub")]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
