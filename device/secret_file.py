"""Passwords and tokens in files that nobody else may read.

password = read_secret(Path("/etc/nearfield/mqtt-password"))
"""

import os
import stat
from pathlib import Path

from device.errors import ConfigError

MOST_BYTES = 8_192


def read_secret(path: Path) -> str:
    """The first line. Raises ConfigError: absent, empty, not text, or others may read it."""
    text = owners_text(path, str(path))
    secret = text.splitlines()[0].strip() if text.strip() else ""
    if not secret or len(text.encode()) > MOST_BYTES or not secret.isprintable():
        raise ConfigError(f"{path}: its first line is no secret", hint="write the secret into its first line")
    return secret


def owners_text(path: Path, called: str) -> str:
    """What stands in a file that is its owner's alone: `MOST_BYTES` and one more at most. Never waits for a writer.

    Raises ConfigError, with nothing of the text in it: it cannot be read, is no file or no UTF-8 text, or others may
    read it. `called`: what it is called there, such as "the key file /etc/nearfield/key".
    """
    try:
        # a pipe without a writer would hold us up for ever at open()
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            raw = os.read(handle, MOST_BYTES + 1) if stat.S_ISREG(mode) else b""
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ConfigError(
            f"{called} cannot be read: {reason}", hint="write the secret into it, then chmod 600"
        ) from None
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{called} is not a file", hint="name a file that holds the secret")
    if mode & 0o077:
        raise ConfigError(f"{called}: others may read this secret (mode {mode & 0o777:o})", hint=f"chmod 600 {path}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(
            f"{called} cannot be read: it is not UTF-8 text", hint="write the secret into it as text"
        ) from None
