"""A small file, written whole: after a power cut it is the old one or the new one, never half of either.

write_whole(state_dir() / "controls.json", text)
"""

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """`text` as UTF-8 in place of what was in `path`, which only the owner may read; the folder is made if need be.

    Raises OSError, and UnicodeEncodeError for what is no text: what was there is then unchanged, and nothing is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
