"""The sound card itself, through PortAudio.

    with PortAudioCard(input="auto", output="auto") as card:
        while (block := card.read(timeout_s=1.0)) is not None: ...

The callback is C (dsp/native/duplex.c): a Python callback loses audio whenever some other thread holds the interpreter
for longer than the card's buffer, as one garbage collection does.
"""

import atexit
import contextlib
import logging
import re
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from device.audio.devices import DeviceInfo, choose_input, choose_output, list_devices
from device.audio.duplex import Duplex
from device.audio.host import SEE_DEVICES, portaudio, translated
from device.card import Block, CardStats, Span
from device.errors import AudioError, NoCardError
from dsp.duplex import DuplexCore
from models.protocols import SAMPLE_RATE_HZ, Int16s

log = logging.getLogger(__name__)

#: A card whose callback has not run for so long is lost. PortAudio itself gives no sign when a card is unplugged.
LOST_AFTER_S = 0.5
#: Closing a lost card can hang inside the driver for ever (PortAudio issue 1037); it is left behind after this.
CLOSE_WITHIN_S = 0.5
#: Asked for in each direction. "low" is 10 ms on some cards, one block: under load that lost samples, this did not.
LATENCY_S = 0.02
MAX_CHANNELS = 8

# Streams that could not be closed: their callback may still run, so what it points to must never be freed.
_abandoned: list[tuple[Any, Duplex]] = []


class PortAudioCard:
    """`device.card.Card` on PortAudio. `play`, `flush` and `stats` from any thread."""

    def __init__(
        self,
        input: str = "auto",  # noqa: A002  (named as in the configuration)
        output: str = "auto",
        rate_hz: int = 0,
        mic_channel: int = 0,
    ) -> None:
        """`input`, `output`: "auto", an index or a part of a name. `rate_hz` 0: 16 kHz if the card can, else its own.

        Raises NoCardError when there is no such card, or it cannot do what is asked; AudioError when it is busy.
        """
        if not 0 <= mic_channel < MAX_CHANNELS:
            raise NoCardError(
                f"there is no microphone channel {mic_channel}", hint=f"channels count from 0 to {MAX_CHANNELS - 1}"
            )
        devices = list_devices()
        self.input, self.output = choose_input(input, devices), choose_output(output, devices)
        self.name = _name(self.input, self.output)
        self.mic_channel = mic_channel
        #: False: microphone and loudspeaker are two cards whose clocks drift apart. The echo canceller cannot follow
        #: that for long, and the driver will drop or repeat samples now and then.
        self.one_clock = _same_card(self.input, self.output)
        self.rate_hz, self._channels_in, self._channels_out = self._settle(rate_hz)
        self._duplex = self._new_duplex()
        self._stream: Any = None
        self._used = False
        self._started_s = 0.0  # time.monotonic()

    def _new_duplex(self) -> Duplex:
        return Duplex(self.rate_hz, self._channels_in, self._channels_out, self.mic_channel)

    def _settle(self, rate_hz: int) -> tuple[int, int, int]:
        """The first rate and the fewest channels that both directions take."""
        own = (self.input.default_rate_hz, self.output.default_rate_hz)
        rates = [rate_hz] if rate_hz else list(dict.fromkeys((SAMPLE_RATE_HZ, *own, 48_000, 44_100)))
        rates = [rate for rate in rates if rate % 100 == 0 and rate >= 8000]
        if not rates:
            raise NoCardError(
                f"{self.name} cannot run at {rate_hz} Hz", hint="set audio.rate_hz to 0, 16000, 44100 or 48000"
            )
        refusal: AudioError = NoCardError(f"{self.name} runs at no common rate", hint=SEE_DEVICES)
        for rate in rates:
            try:
                channels_in = self._fewest_channels("input", self.input, self.mic_channel + 1, rate)
                channels_out = self._fewest_channels("output", self.output, 1, rate)
            except NoCardError as error:
                refusal = error
                continue
            return rate, channels_in, channels_out
        raise refusal

    def _fewest_channels(self, kind: str, device: DeviceInfo, least: int, rate_hz: int) -> int:
        """Cards with a fixed number of channels (microphone arrays) refuse fewer than they have."""
        sd = portaudio()
        check = sd.check_input_settings if kind == "input" else sd.check_output_settings
        most = min(device.input_channels if kind == "input" else device.output_channels, MAX_CHANNELS)
        if least > most:
            raise NoCardError(
                f"{device.name} has {most} {kind} channel(s), channel {least - 1} is not there",
                hint="audio.mic_channel counts from 0",
            )
        refusal: NoCardError | None = None
        for channels in range(least, most + 1):
            try:
                with translated(device.name):
                    check(device=device.index, channels=channels, dtype="int16", samplerate=rate_hz)
            except NoCardError as error:
                refusal = refusal or error
                continue
            return channels
        assert refusal is not None  # the range is not empty
        raise refusal

    def start(self) -> None:
        """Open the card and begin. Raises NoCardError or AudioError."""
        if self._stream is not None:
            return
        if self._used:  # a new start is a new clock
            self._duplex.close()
            self._duplex = self._new_duplex()
        self._used = True
        if not self.one_clock:
            log.warning(
                "%s: two cards with two clocks; echo cancellation will suffer, use one card for both", self.name
            )
        sd = portaudio()
        core = self._duplex.core
        with translated(self.name):
            stream = self._open(sd, core)
            core.set_default_dac_offset(sum(stream.latency) * self.rate_hz)
            try:
                stream.start()
            except BaseException:
                stream.close()
                raise
        # models are loaded between the making of a card and its start: that time is no silence of the card's
        self._started_s = time.monotonic()
        self._stream = stream

    def _open(self, sd: Any, core: DuplexCore) -> Any:
        """A sounddevice stream whose callback is the C function: its base class passes a pointer on as it is."""
        return sd._StreamBase(
            kind="duplex",
            samplerate=self.rate_hz,
            blocksize=core.block_frames,  # 10 ms: below that PortAudio's ALSA backend calls in bursts
            device=(self.input.index, self.output.index),
            channels=(self._channels_in, self._channels_out),
            dtype="int16",
            latency=LATENCY_S,
            extra_settings=None,
            callback=sd._ffi.cast("PaStreamCallback *", core.callback_address),
            finished_callback=None,
            clip_off=None,
            dither_off=None,
            never_drop_input=None,
            prime_output_buffers_using_stream_callback=None,
            userdata=sd._ffi.cast("void *", core.user_address),
            wrap_callback=None,
        )

    def read(self, timeout_s: float) -> Block | None:
        """The next block, None at time-out or when the card is not running. Raises AudioError when it is lost."""
        deadline = time.monotonic() + timeout_s
        while self._stream is not None:
            block = self._duplex.next_block()
            if block is not None:
                return block
            age_s = self.age_s()
            if age_s > LOST_AFTER_S:
                raise AudioError(
                    f"the sound card stopped: {self.name} has delivered nothing for {age_s:.1f} s",
                    hint=f"it may have been unplugged: plug it in and start again; {SEE_DEVICES}",
                )
            if self._duplex.core.counters().odd_blocks:
                raise AudioError(
                    f"{self.name} delivers blocks of another length than it was asked for", hint="set audio.rate_hz"
                )
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._duplex.wait(min(left_s, LOST_AFTER_S / 4))
        return None

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz after what is queued. Raises AudioError when the queue (60 s) has no room."""
        return self._duplex.play(pcm)

    def flush(self) -> None:
        """Drop all that is queued; the callback obeys within one block, with a ramp of 3 ms against the click."""
        self._duplex.flush()

    def stats(self) -> CardStats:
        """Counters since `start`."""
        return self._duplex.stats()

    def age_s(self) -> float:
        """Seconds since the card's callback ran last, or since `start` if it has not run yet."""
        return min(self._duplex.age_s(), time.monotonic() - self._started_s)

    def stop(self) -> None:
        """End; what is queued is not played. Safe to call twice; back in CLOSE_WITHIN_S, whatever the driver does."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        closer = threading.Thread(target=_close, args=(stream,), name="close-card", daemon=True)
        closer.start()
        closer.join(CLOSE_WITHIN_S)
        if closer.is_alive():
            log.info("%s does not let itself be closed; it is left behind", self.name)
            _abandon(stream, self._duplex)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()


def _name(microphone: DeviceInfo, loudspeaker: DeviceInfo) -> str:
    if microphone.name == loudspeaker.name:
        return microphone.name
    return f"{microphone.name} (microphone) with {loudspeaker.name} (loudspeaker)"


def _same_card(microphone: DeviceInfo, loudspeaker: DeviceInfo) -> bool:
    """ALSA devices carry their card's number in the name: "USB Audio: - (hw:1,0)"."""
    if microphone.index == loudspeaker.index:
        return True
    cards = [re.search(r"\(hw:(\d+),", device.name) for device in (microphone, loudspeaker)]
    return all(cards) and len({card.group(1) for card in cards if card}) == 1


def abandoned_cards() -> int:
    """How many streams could not be closed: their threads run on until the process ends."""
    return len(_abandoned)


def _close(stream: Any) -> None:
    with contextlib.suppress(Exception):  # a lost card may refuse; there is nothing left to do about it
        stream.abort()
        stream.close()


def _abandon(stream: Any, duplex: Duplex) -> None:
    """Keep what the callback points to for good, and do not let the end of the process wait for PortAudio."""
    _abandoned.append((stream, duplex))
    exit_without_portaudio()


def exit_without_portaudio() -> None:
    """Its own farewell would wait for a stream that hangs, for ever."""
    if (sd := sys.modules.get("sounddevice")) is not None:  # not `portaudio()`: a thread that hangs may hold its lock
        atexit.unregister(sd._exit_handler)
