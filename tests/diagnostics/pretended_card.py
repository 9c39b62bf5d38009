"""A sound card without a sound system, as the doctor asks for one.

card = PretendedCard(); card.pcm = room_noise(3.0)
card.record(settings, 1.5).mic
"""

from unittest import mock

import numpy as np

from device.audio.devices import DeviceInfo, choose_pair
from device.card import CardStats
from device.config.schema import Settings
from device.diagnostics.doctor.probe import Heard, Opened
from device.errors import AudioError, NoCardError
from models.protocols import SAMPLE_RATE_HZ, Int16s

CARD = "vcard"


def room_noise(seconds: float, level: float = 30.0) -> Int16s:
    """(n,) int16: a quiet room, -60 dBFS."""
    samples = np.random.default_rng(7).normal(0.0, level, round(seconds * SAMPLE_RATE_HZ))
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


class PretendedCard:
    """`device.diagnostics.doctor.probe.Sound` without a sound system."""

    def __init__(self) -> None:
        self.info: DeviceInfo | None = DeviceInfo(0, CARD, "ALSA", 1, 1, 16_000, True, True)
        self.busy = self.frozen = False
        self.pcm = room_noise(3.0)
        self.echo: Int16s | None = None

    def devices(self) -> list[DeviceInfo]:
        return [] if self.info is None or self.busy else [self.info]

    def chosen(self, settings: Settings) -> tuple[DeviceInfo | None, DeviceInfo | None]:
        nobody = mock.patch.multiple("device.audio.devices", no_permission=lambda: None, who_holds=lambda: None)
        with nobody:  # what this machine has in /dev/snd says nothing about that one
            return choose_pair(settings.audio.input, settings.audio.output, self.devices())

    def open(self, settings: Settings) -> Opened:
        microphone, loudspeaker = self.chosen(settings)
        if settings.audio.rate_hz not in (0, 16_000):
            raise NoCardError(
                f"{CARD} does not run at the rate that was asked for",
                hint="leave the rate to the card (audio.rate_hz = 0)",
            )
        missing = "" if loudspeaker else f"no loudspeaker: {CARD} can only listen"
        return Opened(f"{microphone.name if microphone else CARD}", 16_000, missing, True)

    def record(self, settings: Settings, seconds: float, play: Int16s | None = None) -> Heard:
        self.open(settings)
        if self.frozen:
            raise AudioError(f"{CARD} has delivered nothing for 0.5 s", hint="unplug and plug it again")
        wanted = round(seconds * SAMPLE_RATE_HZ)
        far = np.zeros(wanted, np.int16)
        if play is not None:
            far[1600 : 1600 + play.size] = play[: wanted - 1600]
        mic = self.pcm[:wanted].astype(np.int32)
        if self.echo is not None and play is not None:
            mic = mic + np.convolve(far.astype(np.float64), self.echo)[:wanted].astype(np.int32)
        return Heard(np.clip(mic, -32768, 32767).astype(np.int16), far, CardStats(1, 0, 0, 0, 0), seconds)
