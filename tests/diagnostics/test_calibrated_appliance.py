"""The appliance plays as loud as its card was calibrated for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.appliance import Appliance
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.config.schema import AudioSettings, SessionSettings
from device.persona import Persona


@pytest.mark.parametrize(
    ("stored", "configured", "applied"), [(-6.0, "auto", 0.5012), (-6.0, 0.0, 1.0), (None, "auto", 1.0)]
)
def test_what_it_says_is_turned_down(
    stored: float | None, configured: Any, applied: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    if stored is not None:
        folder = tmp_path / "nearfield"
        folder.mkdir()
        (folder / "calibration.toml").write_text(f'[card."virtual card"]\nplayback_gain_db = {stored}\n', "utf-8")
    settings = Settings(
        audio=AudioSettings(playback_gain_db=configured), session=SessionSettings(database=tmp_path / "s.db")
    )
    card = VirtualCard(speed=20)
    models: Any = None  # nothing is heard, so none is asked
    with Appliance(
        settings, Persona(name="x", prompt="y", greeting=""), models, card, on_event=lambda _event: None
    ) as appliance:
        heard = appliance.assistant._card
        card.end_at(32_000)  # 0.1 s at this speed: a busy machine has to come to play within it
        with heard:
            heard.play(np.full(800, 10_000, np.int16))
            while heard.read(1.0) is not None:
                pass
    assert card.recording()[1].max() == pytest.approx(10_000 * applied, abs=2)
