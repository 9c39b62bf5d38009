"""The version of this software, once.

print(software_version())  # 0.1.0
"""

import tomllib
from importlib import metadata
from pathlib import Path


def software_version() -> str:
    """Version of the installed distribution; of the source tree's pyproject.toml when it is not installed."""
    try:
        return metadata.version("nearfield")
    except metadata.PackageNotFoundError:
        pass
    try:
        pyproject = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text("utf-8"))
        return str(pyproject["project"]["version"])
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return "unknown"
