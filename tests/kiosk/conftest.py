"""A page with a pretended assistant behind it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.kiosk_desk import PretendedDesk, pretended_desk
from device.config.web import WebSettings
from device.kiosk.server import KioskServer


@pytest.fixture
def desk() -> PretendedDesk:
    return pretended_desk()


@pytest.fixture
def server(desk: PretendedDesk) -> Iterator[KioskServer]:
    with KioskServer(WebSettings(port=0), desk) as running:
        yield running
