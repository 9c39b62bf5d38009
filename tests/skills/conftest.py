"""Files of an owner's skills."""

from collections.abc import Callable
from pathlib import Path

import pytest

_HEAD = "from device.skills.skill import Context, Result, SkillError, skill\n"


@pytest.fixture
def write_skill(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a Python file of skills; its first line imports what skills need."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(_HEAD + text, encoding="utf-8")
        return path

    return write
