#!/usr/bin/env python3
"""Make a release: a bundle that 'nearfield update --from DIR' takes (docs/update.md).

    make_release.py --output OUT --key ~/.minisign/minisign.key [--tree .] [--wheels DIR [--offline]] [--models DIR]

The tree is what git has committed. The key is minisign's ('minisign -G'); its password is asked for, or read from the
file that --password-file names. OUT is complete once OUT/manifest.json.minisig is there.
"""

import argparse
import getpass
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # it is of the tree that it stands in

from minisign import Error as MinisignError
from minisign import SecretKey

from device.update import manifest as bundle
from device.update.manifest import BundleFile, Manifest
from device.update.shared_models import parts_of
from models.sources import sha256_of


def make(
    tree: Path,
    output: Path,
    key: SecretKey,
    *,
    wheels: Path | None = None,
    offline: bool = False,
    models: Path | None = None,
) -> Manifest:
    """Fill the folder `output`. Raises OSError, subprocess.CalledProcessError (git), pydantic.ValidationError."""
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    archive = subprocess.run(
        ["git", "-C", str(tree), "archive", "--format=tar.gz", "HEAD"], check=True, capture_output=True
    ).stdout
    digest = hashlib.sha256(archive).hexdigest()
    name = f"{version}-{digest[:8]}"
    output.mkdir(parents=True, exist_ok=True)
    tree_file = output / f"nearfield-{name}.tar.gz"
    tree_file.write_bytes(archive)
    files = [BundleFile(name=tree_file.name, kind="tree", bytes=len(archive), sha256=digest)]
    for wheel in sorted(wheels.glob("*.whl")) if wheels else ():
        files.append(_copied(wheel, output / wheel.name, "wheel"))
    parts = parts_of(tree / "models" / "catalog.toml")
    for model_id, model_parts in parts.items() if models else ():
        for part in model_parts:
            file = models / model_id / part.name
            if file.is_file() and (sha256 := sha256_of(file)) in part.sha256:
                files.append(_copied(file, output / sha256, "model"))
    manifest = Manifest(
        format=1,
        name=name,
        version=version,
        python=project["requires-python"].removeprefix(">="),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        unpacked_bytes=_unpacked(archive),
        offline=offline,
        files=tuple(files),
        models=parts,
    )
    raw = manifest.to_bytes()
    (output / bundle.SIGNATURE_NAME).unlink(missing_ok=True)
    (output / bundle.FILE_NAME).write_bytes(raw)
    signature = key.sign(raw, trusted_comment=f"nearfield {name} {manifest.created}")
    (output / bundle.SIGNATURE_NAME).write_bytes(bytes(signature) + b"\n")
    return manifest


def _copied(source: Path, target: Path, kind: str) -> BundleFile:
    if not (target.exists() and target.samefile(source)):
        shutil.copyfile(source, target)
    return BundleFile.model_validate(
        {"name": target.name, "kind": kind, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    )


def _unpacked(archive: bytes) -> int:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return sum(member.size for member in tar)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="Make a signed release of Nearfield.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--key", type=Path, required=True, help="minisign secret key")
    parser.add_argument("--password-file", type=Path, help="file whose first line is the key's password")
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[2], help="repository")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to put in, for any platform")
    parser.add_argument("--offline", action="store_true", help="they are all that its environment needs")
    parser.add_argument("--models", type=Path, help="folder of models ('nearfield models list' names it) to put in")
    chosen = parser.parse_args(arguments)
    try:
        key = SecretKey.from_file(chosen.key)
        if key.is_encrypted():
            key.decrypt(_password(chosen.password_file))
        manifest = make(
            chosen.tree, chosen.output, key, wheels=chosen.wheels, offline=chosen.offline, models=chosen.models
        )
    except (OSError, MinisignError, subprocess.CalledProcessError, ValueError) as error:
        print(f"make_release: {error}", file=sys.stderr)
        return 1
    print(f"{manifest.name}: {len(manifest.files)} files, {manifest.total_bytes / 1e6:.1f} MB in {chosen.output}")
    return 0


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text("utf-8").split("\n", 1)[0]
    if not os.isatty(sys.stdin.fileno()):
        raise ValueError("the key has a password: name a file that holds it with --password-file")
    return getpass.getpass("Password of the key: ")


if __name__ == "__main__":
    sys.exit(main())
