"""What the conversation tells the timers: it waits for no disk."""

import threading
from pathlib import Path

import pytest
from desk_kit import FakeControls

from device.abilities import Abilities, PersonaSkills
from device.config import Settings
from device.dialogue import events as ev
from device.persona import load_persona
from device.session.store import SessionStore
from device.skills.timer_watch import TimerWatch


@pytest.mark.parametrize("reason", ["stopped", "button", "snoozed"])
def test_a_disk_that_hangs_holds_no_conversation_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """That a ring was stopped is written down: where the disk takes seconds, it is not the ear that waits."""
    settings = Settings.model_validate({"session": {"database": tmp_path / "s.db"}, "skills": {"folder": tmp_path}})
    persona = load_persona("assistant")
    recorder = SessionStore.open(settings.session.database).begin("assistant")
    able = Abilities(PersonaSkills(persona, settings), persona, settings, recorder, FakeControls(), keep=True)
    disk, written = threading.Event(), threading.Event()

    def slowly(_watch: TimerWatch) -> list[object]:
        disk.wait(30)
        written.set()
        return []

    monkeypatch.setattr(TimerWatch, "stop_ringing", slowly)
    monkeypatch.setattr(TimerWatch, "snooze", slowly)
    tell = able.on_event if reason != "snoozed" else lambda _event: able.on_snooze("tea")
    talk = threading.Thread(target=tell, args=(ev.RingEnd(0, 0, "tea", reason),), daemon=True)  # type: ignore[arg-type]
    talk.start()
    talk.join(15)
    assert not talk.is_alive()
    assert not written.is_set()
    disk.set()
    able.close()
    assert written.is_set(), "the end waits for it"
    recorder.close()
