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
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(MOST_BYTES + 1) if stat.S_ISREG(mode) else b""
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"{path}: cannot be read ({reason})", hint="write the secret into it, then chmod 600"
        ) from error
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{path}: is not a file", hint="name a file that holds the secret")
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read this secret (mode {mode & 0o777:o})", hint=f"chmod 600 {path}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", hint="write the secret into it as text") from error
    secret = text.splitlines()[0].strip() if text.strip() else ""
    if not secret or len(raw) > MOST_BYTES or not secret.isprintable():
        raise ConfigError(f"{path}: its first line is no secret", hint="write the secret into its first line")
    return secret
