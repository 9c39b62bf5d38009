"""Write a file whole or not at all.

write_whole(Path("/etc/nearfield/nearfield.toml"), text)

After a power cut at any instant the file has either what it had or all of the new text.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by `text`, in UTF-8. A file that is there keeps its mode, and its owner where that is allowed.

    A link is followed: the file that it names is replaced. `mode` is for a new file. Raises OSError, and leaves
    everything as it was then.
    """
    path = path.resolve()
    before: os.stat_result | None = None
    with suppress(FileNotFoundError):
        before = path.stat()
    file, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(file, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            os.fchmod(out.fileno(), stat.S_IMODE(before.st_mode) if before else mode)
            if before:
                with suppress(PermissionError):
                    os.fchown(out.fileno(), before.st_uid, before.st_gid)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in `folder` survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
