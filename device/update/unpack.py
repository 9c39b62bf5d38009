"""Unpack the tree of a release, and nothing but it.

    unpack_tree(archive, folder, limit_bytes=manifest.unpacked_bytes)

Files and folders only, below `folder` only, no more bytes than promised. The archive's hash is that of a signed
manifest by then; this is for a publisher's mistake, and for whoever got at his key.
"""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from device.errors import UpdateError
from models.sources import CHUNK_BYTES

_MOST_MEMBERS = 50_000


def unpack_tree(archive: Path, folder: Path, limit_bytes: int) -> None:
    """`folder` must not exist. Raises UpdateError: not a tar archive, a member that may not be; OSError: no room."""
    folder.mkdir(parents=True)
    left = limit_bytes
    try:
        with tarfile.open(archive, "r:*") as tar:
            for count, member in enumerate(tar):
                if count >= _MOST_MEMBERS:
                    raise _refused(archive, "has too many members")
                left -= member.size
                if left < 0:
                    raise _refused(archive, f"unpacks to more than the {limit_bytes} bytes that its manifest says")
                _write(tar, member, folder, archive)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _refused(archive, f"cannot be unpacked ({error})") from error


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or not member.name.isprintable():
        raise _refused(archive, f"has a member that leaves its folder: {member.name!r}")
    # the tree of the repository has none; a link is how archives write where they should not
    if not (member.isreg() or member.isdir()):
        raise _refused(archive, f"has a member that is neither file nor folder: {member.name!r}")
    if not path.parts:
        return
    target = folder.joinpath(*path.parts)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # it is a regular file
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise _refused(archive, f"has a member twice: {member.name!r}") from None
    with content, os.fdopen(descriptor, "wb") as out:
        shutil.copyfileobj(content, out, CHUNK_BYTES)
        os.fchmod(out.fileno(), 0o755 if member.mode & 0o100 else 0o644)


def _refused(archive: Path, why: str) -> UpdateError:
    return UpdateError(f"{archive.name} {why}", hint="nothing was changed; tell its publisher")
