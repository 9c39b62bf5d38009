"""Recorded commands through the real recogniser and the sentences of bench/house: nothing wrong is ever done."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.audio.files import load_audio

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.models
@pytest.mark.shared
def test_nothing_wrong_is_done(recogniser: Any, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    from bench.intents import HOUSE, expected, verdict  # noqa: PLC0415
    from device.skills.testing import SkillBench  # noqa: PLC0415

    house = SkillBench(HOUSE, builtin=False)
    assert house.complaints == []
    verdicts = {}
    for file, name, arguments in expected(shared_data)[::3]:
        audio = load_audio(shared_data / file).astype(np.float32) / 32768
        verdicts[file] = verdict(house, house.understand(recogniser.transcribe(audio).text), name, arguments)
    assert not {file: v for file, v in verdicts.items() if v in ("wrong", "asked wrongly")}
    understood = [v in ("right", "asked") for v in verdicts.values() if v != "left alone"]
    assert sum(understood) >= 0.7 * len(understood)
