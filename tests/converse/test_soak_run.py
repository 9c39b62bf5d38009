"""A few seconds of soak, with models that are none: faults are made, told, counted, and over."""

import sys
from pathlib import Path

import pytest
from replay_kit import PERSONA, Device, Fakes, utterance

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench import soak as soaking
from bench.soak_plan import Kind
from bench.soak_talk import Talk, Utterance


def test_what_breaks_is_told_and_counted_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soaking, "_EFFECT_S", 0.2)
    monkeypatch.setattr(soaking, "_SAMPLE_EVERY_S", 0.1)
    device = Device(tmp_path, f"controls.file={tmp_path / 'controls.json'}", "echo.enabled=false")
    sorts = ("command", "question", "barge_in", "stop", "broken_skill", "slow_skill", "noise")
    said = [Utterance("Hello there.", utterance(), len(utterance()))]
    # a fault lasts from when it is felt, for which there is as long as the shortest gap between two of them
    faults = [(0.3, Kind("stt_raises", 0.5, "")), (2.8, Kind("disk_full", 0.4, "")), (5.2, Kind("card_lost", 0.6, ""))]
    soak = soaking.Soak(
        device.settings,
        PERSONA,
        Fakes("Hello there.").models(),
        Talk(dict.fromkeys(sorts, said), seed=1),  # type: ignore[arg-type]
        faults,
        seconds=6.5,
        speed=8.0,
    )
    soak.run()
    total = soaking.report(soak, 0.0)
    assert total["faults"] == 3
    assert total["said"] == total["answered"] + total["with_a_sign"] + total["lost_without_a_sign"]
    assert total["restarts"] == []
    assert total["answered"] >= 1
    assert total["sprung"]["stt"] >= 1
    assert total["errors"]["stt_raises: stt"] >= 1
    assert total["by_fault"]["card_lost"]["worst_deaf_s"] < 5
    assert total["descriptors_growth"] is not None
