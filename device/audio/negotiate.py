"""At which rate, with how many channels and in which sample format a device can be opened.

    microphone, loudspeaker = settle(device_in, device_out, least_in=1, rate_hz=0)
    supported_rates(device)        # for `nearfield devices`

PortAudio is asked, device by device: what a card lists and what it opens with are two things.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from device.audio.devices import DeviceInfo
from device.audio.host import SEE_DEVICES, portaudio, translated
from device.errors import AudioError, NoCardError
from dsp.duplex import SAMPLE_FORMATS, SampleFormat
from models.protocols import SAMPLE_RATE_HZ

MAX_CHANNELS = 8
#: What is tried, in this order, after 16 kHz and the card's own rate; both ends are the least and most we serve.
RATES_HZ = (48_000, 44_100, 32_000, 96_000, 88_200, 24_000, 22_050, 11_025, 8000)

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a card as it will be opened."""

    device: DeviceInfo
    rate_hz: int
    channels: int
    sample_format: SampleFormat


def settle(
    microphone: DeviceInfo | None,
    loudspeaker: DeviceInfo | None,
    *,
    least_in: int = 1,
    rate_hz: int = 0,
    formats: Sequence[SampleFormat] = SAMPLE_FORMATS,
    one_rate: bool = True,
) -> tuple[Side | None, Side | None]:
    """The first rate that works, then the fewest channels, then the first format, for each direction that is there.

    `rate_hz` 0: 16 kHz if the card can, else its own. `one_rate`: both directions at the same one. Raises NoCardError.
    """
    if not one_rate:
        return (
            settle(microphone, None, least_in=least_in, rate_hz=rate_hz, formats=formats)[0] if microphone else None,
            settle(None, loudspeaker, rate_hz=rate_hz, formats=formats)[1] if loudspeaker else None,
        )
    devices = [device for device in (microphone, loudspeaker) if device is not None]
    own = [device.default_rate_hz for device in devices]
    rates = [rate_hz] if rate_hz else list(dict.fromkeys((SAMPLE_RATE_HZ, *own, *RATES_HZ)))
    rates = [rate for rate in rates if rate % 25 == 0 and rate >= min(RATES_HZ)]
    name = " with ".join(dict.fromkeys(device.name for device in devices))
    if not rates:
        raise NoCardError(f"{name} cannot run at {rate_hz} Hz", hint="set audio.rate_hz to 0, 16000, 44100 or 48000")
    refusal: AudioError | None = None
    for rate in rates:
        try:
            return (
                _side("input", microphone, least_in, rate, formats) if microphone else None,
                _side("output", loudspeaker, 1, rate, formats) if loudspeaker else None,
            )
        except NoCardError as error:
            refusal = refusal or error
    if refusal is not None and (rate_hz or len(devices) == 1):
        raise refusal
    raise NoCardError(f"{name}: no rate suits both directions", hint=SEE_DEVICES)


def _side(kind: Direction, device: DeviceInfo, least: int, rate_hz: int, formats: Sequence[SampleFormat]) -> Side:
    """Cards with a fixed number of channels (microphone arrays) refuse fewer than they have."""
    most = min(device.input_channels if kind == "input" else device.output_channels, MAX_CHANNELS)
    if least > most:
        raise NoCardError(
            f"{device.name} has {most} {kind} channel(s), channel {least - 1} is not there",
            hint="audio.mic_channel and audio.reference_channel count from 0",
        )
    refusal: NoCardError | None = None
    for channels in range(least, most + 1):
        for sample_format in formats:
            try:
                _check(kind, device, channels, sample_format, rate_hz)
            except NoCardError as error:
                refusal = refusal or error
                continue
            return Side(device, rate_hz, channels, sample_format)
    raise refusal or NoCardError(f"{device.name}: no sample format to try", hint="set audio.format to auto")


def _check(kind: Direction, device: DeviceInfo, channels: int, sample_format: SampleFormat, rate_hz: int) -> None:
    """Raises NoCardError when the device cannot do this, AudioError when it is busy."""
    sd = portaudio()
    check = sd.check_input_settings if kind == "input" else sd.check_output_settings
    with translated(device.name):
        check(device=device.index, channels=channels, dtype=sample_format, samplerate=rate_hz)


def supported_rates(device: DeviceInfo) -> list[int]:
    """The rates in Hz, rising, at which every direction of the device opens; empty when it is busy or gone."""
    found = []
    for rate in sorted((SAMPLE_RATE_HZ, *RATES_HZ)):
        try:
            settle(device if device.input_channels else None, device if device.output_channels else None, rate_hz=rate)
        except NoCardError:
            continue
        except AudioError:
            return []
        found.append(rate)
    return found
