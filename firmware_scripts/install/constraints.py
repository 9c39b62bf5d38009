#!/usr/bin/env python3
"""The versions of all libraries that an appliance has, those that others bring included: constraints.txt beside this.

    .venv/bin/python firmware_scripts/install/constraints.py >firmware_scripts/install/constraints.txt

pyproject.toml names what we use; what that uses would be another version on every day that a board is set up. So
install.sh takes the versions that the tests were run with. To renew them: empty the file, './install.sh --test', this.
"""

import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).resolve().parents[2]
#: Compiled for the machine, from the version in pyproject.toml; or the board's own choice.
_LEFT_OUT = {"llama-cpp-python", "pywhispercpp", "nearfield"}
#: Brought by the GPIO driver of a Pi, which an environment for tests has too where it is no ARM board.
_OF_BOARDS = ("lgpio",)


def installed(requirements: Iterable[str]) -> dict[str, str]:
    """Name and version of all that `requirements` bring, in this environment. What is not installed is left out."""
    out: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(Requirement(text), frozenset({""})) for text in requirements]
    while todo:
        wanted, extras = todo.pop()
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name, asked = canonicalize_name(wanted.name), frozenset({"", *wanted.extras})
        if (name, asked) in seen:
            continue
        seen.add((name, asked))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        out[name] = found.version
        todo += [(Requirement(text), asked) for text in found.requires or ()]
    return out


def of_appliance() -> dict[str, str]:
    """Those of what install.sh installs without --test."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = installed([*project["dependencies"], *project["optional-dependencies"]["mcp"], *_OF_BOARDS])
    return {name: version for name, version in sorted(found.items()) if name not in _LEFT_OUT}


if __name__ == "__main__":
    print("# What the tests were run with. Made by constraints.py; pip takes no other version of these.")
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in of_appliance().items())
