"""Writing a recording so that there is either a whole file or none.

write_wav(Path("hello.wav"), pcm)
"""

import os
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from models.protocols import SAMPLE_RATE_HZ, Int16s


def write_wav(path: Path, pcm: Int16s) -> None:
    """`pcm`: (n,) int16, 16 kHz mono. Raises OSError: full disk, read-only, no such folder."""
    with _atomic(path) as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.setnframes(len(pcm))  # known beforehand: the header need not be mended, so a pipe will do
        wav.writeframesraw(pcm.astype("<i2").tobytes())


@contextmanager
def _atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is complete and on the disk."""
    if path.exists() and not path.is_file():
        # a device or a pipe (/dev/stdout) cannot be renamed over; a folder raises IsADirectoryError here
        try:
            with path.open("wb") as file:
                yield file
        except OSError as error:
            error.filename = str(path)
            raise
        return
    path = path.resolve()  # a symbolic link is written through, not replaced
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # the user did not name the temporary file
        raise
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes it private, unlike every other program
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
