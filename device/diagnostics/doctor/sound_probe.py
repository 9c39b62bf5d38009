"""The card, as the doctor looks at it.

sound = CardSound(open_sound_card)        # device.cli.sound_card hands it in
sound.record(settings, 1.5).mic
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from device.audio.devices import DeviceInfo, choose_pair, list_devices
from device.card import CardStats
from device.config.schema import Settings
from device.diagnostics.doctor.probe import SETTLE_SAMPLES, Heard, Opened
from device.errors import AudioError
from models.protocols import SAMPLE_RATE_HZ, Int16s

if TYPE_CHECKING:  # needs the compiled part, of which the doctor is to say that it is missing
    from device.audio.portaudio import PortAudioCard

_PATIENCE_S = 1.5  #: beyond the time that the samples themselves take
_NONE = np.zeros(0, np.int16)


class CardSound:
    """Fulfils `probe.Sound`."""

    def __init__(self, open_card: "Callable[[Settings], PortAudioCard]") -> None:
        """`open_card`: opens the card as the settings have it; raises NoCardError, AudioError."""
        self._open_card = open_card

    def devices(self) -> list[DeviceInfo]:
        return list_devices()

    def chosen(self, settings: Settings) -> tuple[DeviceInfo | None, DeviceInfo | None]:
        return choose_pair(settings.audio.input, settings.audio.output, list_devices())

    def open(self, settings: Settings) -> Opened:
        card = self._open_card(settings)
        card.stop()
        return Opened(card.name, card.rate_hz, card.missing, card.one_clock)

    def record(self, settings: Settings, seconds: float, play: Int16s | None = None) -> Heard:
        """What came in within `seconds`; a card that stands still gives less. `play` sounds meanwhile."""
        mic, far = [_NONE], [_NONE]
        wanted, taken = round(seconds * SAMPLE_RATE_HZ), 0
        before: CardStats | None = None
        with self._open_card(settings) as card:
            if play is not None:
                card.play(play)
            until_s = time.monotonic() + seconds + _PATIENCE_S
            while taken < wanted and time.monotonic() < until_s:
                try:
                    block = card.read(timeout_s=0.5)
                except AudioError:
                    if taken:  # it came, and stands still now
                        break
                    raise
                if block is None:
                    continue
                mic.append(block.mic)
                far.append(block.far)
                taken += block.mic.size
                if before is None and taken >= SETTLE_SAMPLES:
                    before = card.stats()
            stats = card.stats()
        return Heard(np.concatenate(mic), np.concatenate(far), _since(before, stats), seconds)


def _since(before: CardStats | None, now: CardStats) -> CardStats:
    """What was counted since the card ran evenly: many report an overflow while they begin."""
    if before is None:
        return now
    return replace(
        now,
        capture_lost_samples=now.capture_lost_samples - before.capture_lost_samples,
        capture_overflows=now.capture_overflows - before.capture_overflows,
        playback_underflows=now.playback_underflows - before.playback_underflows,
    )
