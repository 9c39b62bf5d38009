"""A machine with releases on it, made in a folder: bundles signed with keys of the moment, and a service that obeys."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from minisign import KeyPair

from device.errors import UpdateError
from device.update import manifest as bundle
from device.update.manifest import BundleFile, Manifest, ModelPart
from device.update.releases import Releases
from device.update.shared_models import SharedModels
from device.update.updater import Updater

GIGABYTE = 1_000_000_000


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def make_bundle(
    folder: Path,
    key: KeyPair,
    version: str,
    *,
    python: str = "3.11",
    tree: bytes | None = None,
    models: Mapping[str, bytes] | None = None,
    bring: bool = True,
    **changes: Any,
) -> Manifest:
    """A bundle in `folder`. `models`: id -> what its file "weights.bin" is in this release."""
    folder.mkdir(parents=True, exist_ok=True)
    project = f'[project]\nversion = "{version}"\n'.encode()
    tree = (
        archive({"pyproject.toml": project, "install.sh": b"#!/bin/sh\n", "device/version.txt": version.encode()})
        if tree is None
        else tree
    )
    name = f"{version}-{digest(tree)[:8]}"
    files = [BundleFile(name="tree.tar.gz", kind="tree", bytes=len(tree), sha256=digest(tree))]
    (folder / "tree.tar.gz").write_bytes(tree)
    for data in (models or {}).values() if bring else ():
        files.append(BundleFile(name=digest(data), kind="model", bytes=len(data), sha256=digest(data)))
        (folder / digest(data)).write_bytes(data)
    parts = {model: (ModelPart(name="weights.bin", sha256=(digest(data),)),) for model, data in (models or {}).items()}
    fields: dict[str, Any] = {
        "format": 1, "name": name, "version": version, "python": python, "created": "2026-01-02T03:04:05+00:00",
        "unpacked_bytes": 10_000, "files": tuple(files), "models": parts,
    }  # fmt: skip
    manifest = Manifest(**{**fields, **changes})
    sign(folder, key, manifest.to_bytes())
    return manifest


def sign(folder: Path, key: KeyPair, raw: bytes) -> None:
    (folder / bundle.FILE_NAME).write_bytes(raw)
    (folder / bundle.SIGNATURE_NAME).write_bytes(bytes(key.secret_key.sign(raw, trusted_comment="a test")) + b"\n")


@dataclass
class FakeMachine:
    """Does what is asked and writes it down; `broken`: which steps fail, or with which version."""

    releases: Releases
    broken: set[str] = field(default_factory=set)
    free: int = 100 * GIGABYTE
    python: str = "3.11.2"
    did: list[str] = field(default_factory=list)
    running: str = ""
    models: Path = Path("absent")
    #: version -> what the files "weights.bin" of its models must be
    wants: dict[str, Mapping[str, bytes]] = field(default_factory=dict)

    def python_version(self) -> str:
        return self.python

    def fits(self, wheel: str) -> bool:
        return "py3-none-any" in wheel

    def _do(self, step: str) -> None:
        self.did.append(step)
        if step in self.broken or f"{step}:{self.releases.current_version()}" in self.broken:
            raise UpdateError(f"{step} went wrong", hint="a hint")

    def build(self, tree: Path, wheels: Path, offline: bool) -> None:  # noqa: ARG002
        self._do("build")
        (tree / ".venv/bin").mkdir(parents=True)
        (tree / ".venv/bin/nearfield").write_text("#!/bin/sh\n")

    def self_test(self, tree: Path, version: str) -> None:
        self._do("self_test")
        assert (tree / "device/version.txt").read_text() == version
        for model_id, data in self.wants.get(version, {}).items():
            weights = self.models / model_id / "weights.bin"
            if weights.parent.is_dir() and not (weights.is_file() and weights.read_bytes() == data):
                raise UpdateError(f"{model_id} is not the model of {version}")

    def pull_model(self, tree: Path, model_id: str) -> None:
        self._do(f"pull {model_id}")
        weights = self.models / model_id / "weights.bin"
        weights.unlink(missing_ok=True)  # as the store does: another file under the name, not other bytes in the file
        weights.write_bytes(self.wants[(tree / "device/version.txt").read_text()][model_id])

    def restart(self) -> None:
        self._do("restart")
        self.running = self.releases.current_version()

    def wait_healthy(self) -> None:
        self._do("healthy")

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002
        return self.free

    def sync(self) -> None:
        self.did.append("sync")


@dataclass
class World:
    """`root`: as install.sh leaves it, with version 1.0 running."""

    folder: Path
    key: KeyPair = field(default_factory=KeyPair.generate)

    def __post_init__(self) -> None:
        self.root = self.folder / "opt"
        self.releases = Releases(self.root)
        self.models = self.folder / "models"
        self.machine = FakeMachine(self.releases, models=self.models)
        first = self.root / "releases/1.0-first"
        (first / ".venv/bin").mkdir(parents=True)
        (first / ".venv/bin/nearfield").write_text("#!/bin/sh\n")
        (first / "pyproject.toml").write_text('[project]\nversion = "1.0"\n')
        (self.root / "current").symlink_to("releases/1.0-first")

    def bundle(self, version: str, **how: Any) -> Path:
        folder = self.folder / f"bundle-{version}"
        make_bundle(folder, self.key, version, **how)
        self.machine.wants[version] = how.get("models") or {}
        return folder

    def updater(self, **how: Any) -> Updater:
        return Updater(self.releases, self.machine, SharedModels(self.models), **how)

    def versions(self) -> list[str]:
        return [name.split("-")[0] for name in self.releases.whole()]
