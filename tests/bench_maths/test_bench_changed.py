"""A bench under other options is still a bench of its persona."""

from typing import Any

from bench.turn_runs import Bench
from device.config import load_settings
from device.persona import PROFILES, Persona, settings_for

PATIENT = Persona(name="x", prompt="y", greeting="", turn=PROFILES["patient"], llm={"temperature": 0.1})


def bench(*sets: str) -> Bench:
    models: Any = None  # nothing is said to it
    return Bench(sets, settings_for(PATIENT, load_settings(None, sets)), PATIENT, models, 0.0)


def test_other_options_leave_the_persona_what_it_is() -> None:
    before = bench("skills.enabled=false")
    after = before.changed("turn.speculate=false")
    assert not after.settings.turn.speculate
    assert not after.settings.skills.enabled
    assert after.settings.turn.end_silence_ms == before.settings.turn.end_silence_ms == 1_000
    assert after.settings.llm.temperature == 0.1


def test_what_is_asked_for_goes_before_the_persona() -> None:
    assert bench().changed("turn.end_silence_ms=900").settings.turn.end_silence_ms == 900
