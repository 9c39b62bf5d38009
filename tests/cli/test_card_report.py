"""What is said at the end about the sound."""

from dataclasses import replace

import pytest

from device.card import CardStats
from device.cli.card_report import trouble

WHOLE = CardStats(
    blocks=500, capture_lost_samples=0, capture_overflows=0, playback_underflows=0, starved_samples=0,
    worst_interval_ms=12.0,
)  # fmt: skip


def test_nothing_is_said_when_nothing_was_lost() -> None:
    assert trouble(WHOLE) == ""


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("capture_lost_samples", 320, "20 ms of the microphone lost"),
        ("capture_overflows", 3, "3 overflows of the microphone"),
        ("playback_underflows", 4, "4 underflows of the loudspeaker"),
        ("starved_samples", 1600, "100 ms of silence within speech"),
    ],
)
def test_every_counter_is_named_alone(field: str, value: int, told: str) -> None:
    line = trouble(replace(WHOLE, **{field: value}))
    assert line == f"The sound was not whole: {told} (longest wait for the card 12 ms)."
