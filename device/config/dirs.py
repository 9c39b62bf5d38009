"""Where a user's files are, by the XDG base directory specification.

    state_dir() / "nearfield.log"  # ~/.local/state/nearfield/nearfield.log

A service may run without a home directory; then /etc/nearfield and /var/lib/nearfield take its place.
"""

import os
from pathlib import Path

SYSTEM_CONFIG_DIR = Path("/etc/nearfield")
_HOMELESS_DIR = Path("/var/lib/nearfield")


def _xdg(variable: str, below_home: str, homeless: Path) -> Path:
    base = os.environ.get(variable, "")
    if base.startswith("/"):  # the specification: a relative path is to be ignored
        return Path(base) / "nearfield"
    try:
        return Path.home() / below_home / "nearfield"
    except RuntimeError:
        return homeless


def config_dir() -> Path:
    """$XDG_CONFIG_HOME/nearfield, else ~/.config/nearfield."""
    return _xdg("XDG_CONFIG_HOME", ".config", SYSTEM_CONFIG_DIR)


def state_dir() -> Path:
    """$XDG_STATE_HOME/nearfield, else ~/.local/state/nearfield: the session record and the log."""
    return _xdg("XDG_STATE_HOME", ".local/state", _HOMELESS_DIR)


def data_dir() -> Path:
    """$XDG_DATA_HOME/nearfield, else ~/.local/share/nearfield: the models."""
    return _xdg("XDG_DATA_HOME", ".local/share", _HOMELESS_DIR)
