"""The card that commands open: how loud it plays, and what it is without one."""

from pathlib import Path

import numpy as np
import pytest

from device.audio import portaudio
from device.audio.virtual import VirtualCard
from device.cli.demo import _play
from device.cli.stages import play
from device.config import Settings, load_settings
from device.diagnostics.calibration_store import CalibrationStore, card_key
from device.errors import NoCardError

TONE = (np.sin(np.arange(8000) / 8) * 20_000).astype(np.int16)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> VirtualCard:
    """What every command opens, 20 times as fast as a clock."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = VirtualCard(speed=20)
    monkeypatch.setattr(portaudio, "PortAudioCard", lambda *_, **__: made)
    return made


def calibrated(card: VirtualCard, gain_db: float) -> None:
    path = CalibrationStore().path
    path.parent.mkdir(parents=True)
    path.write_text(f'[card."{card_key(card.name)}"]\nplayback_gain_db = {gain_db}\n', "utf-8")


def loudest(card: VirtualCard) -> int:
    _, speaker = card.recording()
    return int(np.abs(speaker.astype(int)).max())


@pytest.mark.parametrize(
    ("flags", "peak"), [([], 2000), (["audio.playback_gain_db=-6"], 10_024), (["audio.playback_gain_db=0"], 20_000)]
)
def test_it_says_no_louder_than_it_was_calibrated(card: VirtualCard, flags: list[str], peak: int) -> None:
    calibrated(card, -20.0)
    play(load_settings(None, flags), TONE)
    assert loudest(card) == pytest.approx(peak, rel=0.01)


def test_a_card_that_was_not_calibrated_plays_as_it_is(card: VirtualCard) -> None:
    play(Settings(), TONE)
    assert loudest(card) == np.abs(TONE).max()


def test_a_demo_without_a_card_misses_the_loudspeaker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(portaudio, "list_devices", list)
    _play(Settings(), (TONE, TONE))
    assert capsys.readouterr().out.startswith("Not played: no loudspeaker: ")
    with pytest.raises(NoCardError, match="no loudspeaker: ") as caught:
        play(Settings(), TONE)
    assert "-o FILE" in caught.value.hint
