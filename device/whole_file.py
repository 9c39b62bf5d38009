"""Write a file whole or not at all.

write_whole(state_dir() / "controls.json", text)

After a power cut at any instant the file has either what it had or all of the new text.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` by `text`, in UTF-8. A file that is there keeps its mode, and its owner where that is allowed.

    A link is followed: the file that it names is replaced. `mode` is for a new file, whose folder is made if need be.
    Raises OSError, and UnicodeEncodeError for what is no text: what was there is then unchanged, and nothing is left.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    before: os.stat_result | None = None
    with contextlib.suppress(FileNotFoundError):
        before = path.stat()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode) if before else mode)
            if before:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in `folder` survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
