"""The page over a real appliance: what it shows of it, and what it can ask of it."""

from pathlib import Path
from typing import Any

from kiosk_door_kit import OURS, client

from device.appliance import Appliance
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.config.schema import SessionSettings
from device.persona import Persona
from device.skills.timers import TimerDesk


def test_timers_card_and_controls_of_an_appliance(tmp_path: Path) -> None:
    settings = Settings(session=SessionSettings(database=tmp_path / "s.db"))
    models: Any = None  # nothing is heard, so none is asked
    persona = Persona(name="x", prompt="y", greeting="")
    with Appliance(settings, persona, models, VirtualCard(), on_event=lambda _event: None) as appliance:
        with appliance._able.runner._services.get(TimerDesk).open() as (book, now):
            book.set_timer(now, 600, "pasta")
        with client(appliance.desk) as page:
            status = page.get("/api/status").json()
            assert [timer["label"] for timer in status["timers"]] == ["pasta timer"]
            assert 590 < status["timers"][0]["left_s"] <= 600
            assert status["card_stats"]["blocks"] == 0 and status["persona"] == "x"
            answer = page.post("/api/wish", json={"do": "volume", "percent": 40}, headers=OURS).json()
            assert answer["volume_percent"] == page.get("/api/status").json()["volume_percent"] == 40
            page.post("/api/wish", json={"do": "mute"}, headers=OURS)
            assert page.get("/api/status").json()["muted"] is True
