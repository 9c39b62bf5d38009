"""Whoever changes the volume, a button, a skill, the house, or somebody at the socket: who looks on is told, once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.appliance import Appliance
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.config.schema import SessionSettings
from device.control.wishes import wish_in
from device.controls import Controls
from device.persona import Persona
from device.skills.services import DeviceControls


def by_a_button(_appliance: Appliance, controls: Controls) -> None:
    controls.set_volume_percent(40)


def by_a_skill(appliance: Appliance, _controls: Controls) -> None:
    appliance._able.runner._services.get(DeviceControls).set_volume_percent(40)


def from_outside(appliance: Appliance, _controls: Controls) -> None:
    appliance.desk.obey(wish_in({"do": "volume", "percent": 40}))


@pytest.mark.parametrize("change", [by_a_button, by_a_skill, from_outside])
def test_who_looks_on_is_told_once(tmp_path: Path, change: Callable[[Appliance, Controls], None]) -> None:
    settings = Settings(session=SessionSettings(database=tmp_path / "s.db"))
    models: Any = None  # nothing is heard, so none is asked
    persona, card = Persona(name="x", prompt="y", greeting=""), VirtualCard()
    controls = Controls(card)
    with (
        Appliance(settings, persona, models, card, on_event=lambda _event: None, controls=controls) as appliance,
        appliance.desk.feed.subscribe() as mine,
    ):
        change(appliance, controls)
        assert mine.take() == [{"type": "volume", "percent": 40}]
        change(appliance, controls)
        assert mine.take() == [], "it was so loud already"
