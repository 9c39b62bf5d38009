"""Finds the same card again after its number has changed: by name.

    first = PortAudioCard(audio.input, audio.output)
    card = KeptCard(first, open_card=SameCard(audio.input, audio.output, first, make=PortAudioCard))

A card that is plugged in again may get another number, in PortAudio's list and in ALSA's "(hw:1,0)". So what counts is
its name without that. When the configuration says "auto", a card that stays away is replaced by whatever "auto" means
by then; once that one has delivered sound it is the one that is looked for.
"""

import re
import time
from collections.abc import Callable
from typing import Protocol

from device.audio.devices import DeviceInfo, rescan
from device.card import Card

#: So long an automatically chosen card is waited for before another one is taken.
PATIENCE_S = 10.0

_NUMBER = re.compile(r"\s*\(hw:\d+,\d+\)$")


class OpenedCard(Card, Protocol):
    """A card that knows which devices it was opened on (`device.audio.portaudio.PortAudioCard`)."""

    input: DeviceInfo | None
    output: DeviceInfo | None


class SameCard:
    """Call it to re-list the devices and open the card anew."""

    def __init__(
        self,
        wanted_input: str,
        wanted_output: str,
        first: OpenedCard,
        make: Callable[[str, str], OpenedCard],
        *,
        devices: Callable[[], list[DeviceInfo]] = rescan,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wanted_*`: as configured. `make(input, output)` opens; raises NoCardError or AudioError.

        `devices`, `clock_s`: for tests.
        """
        self._wanted = (wanted_input, wanted_output)
        self._names = _names(first)
        self._newest: OpenedCard | None = None  # that was made since; it may never have run
        self._make = make
        self._devices = devices
        self._clock_s = clock_s
        self._first_try_s: float | None = None

    def __call__(self) -> Card:
        """Raises NoCardError while it is not there, AudioError while it is busy."""
        now_s = self._clock_s()
        lost, self._newest = self._newest, None
        if lost is not None and lost.stats().blocks:  # one that brought nothing replaces none, and ends no search
            self._names, self._first_try_s = _names(lost), None
        self._first_try_s = now_s if self._first_try_s is None else self._first_try_s
        impatient = now_s - self._first_try_s > PATIENCE_S
        devices = self._devices()
        chosen = (
            self._again(0, [d for d in devices if d.input_channels > 0], impatient=impatient),
            self._again(1, [d for d in devices if d.output_channels > 0], impatient=impatient),
        )
        self._newest = self._make(*chosen)
        return self._newest

    def _again(self, side: int, candidates: list[DeviceInfo], *, impatient: bool) -> str:
        """What to ask for: the number that the device has now, else its name, which leads to a good error."""
        name = self._names[side]
        if name is None:
            return self._wanted[side]  # there was none; there may be one now
        for same in (lambda d: d.name == name, lambda d: bare(d.name) == bare(name)):
            for device in candidates:
                if same(device):
                    return str(device.index)
        if impatient and self._wanted[side].strip().lower() in ("", "auto"):
            return "auto"
        return name


def _names(card: OpenedCard) -> tuple[str | None, ...]:
    """Of its microphone and its loudspeaker; None: it has none."""
    return tuple(None if side is None else side.name for side in (card.input, card.output))


def bare(name: str) -> str:
    """A device's name without ALSA's numbers: "USB Audio: - (hw:1,0)" -> "USB Audio: -"."""
    return _NUMBER.sub("", name)
