"""A pretended board for the real rpi-lgpio.

rpi-lgpio reads the board's revision and imports lgpio once, at import: each test gets both afresh.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FAKE = Path(__file__).parent / "fake"


def forget_driver() -> None:
    for name in [n for n in sys.modules if n in ("lgpio", "_lgpio", "RPi") or n.startswith("RPi.")]:
        del sys.modules[name]


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The fake pins of a Pi 4B."""
    forget_driver()
    monkeypatch.setenv("RPI_LGPIO_REVISION", "c03115")
    monkeypatch.setenv("RPI_LGPIO_CHIP", "0")
    monkeypatch.syspath_prepend(str(FAKE))
    import lgpio  # noqa: PLC0415 - the fake, now that it comes first

    assert Path(lgpio.__file__).parent == FAKE
    yield lgpio
    forget_driver()
