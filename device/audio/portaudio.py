"""The sound card itself, through PortAudio.

    with PortAudioCard(input="auto", output="auto") as card:
        while (block := card.read(timeout_s=1.0)) is not None: ...

The callback is C (dsp/native/duplex.c): a Python callback loses audio whenever some other thread holds the interpreter
for longer than the card's buffer, as one garbage collection does.
"""

import atexit
import contextlib
import logging
import sys
import threading
import time
from types import TracebackType
from typing import Any, Literal, Self

from device.audio import priority
from device.audio.devices import DeviceInfo, choose_pair, list_devices, same_clock
from device.audio.duplex import Duplex
from device.audio.host import SEE_DEVICES, portaudio, translated
from device.audio.negotiate import MAX_CHANNELS, Side, settle
from device.audio.two_cards import TwoCards
from device.card import Block, CardStats, Span
from device.errors import AudioError, NoCardError
from dsp.duplex import SAMPLE_FORMATS, SampleFormat
from models.protocols import Int16s

log = logging.getLogger(__name__)

#: A card whose callback has not run for so long is lost. PortAudio itself gives no sign when a card is unplugged.
LOST_AFTER_S = 0.5
#: Closing a lost card can hang inside the driver for ever (PortAudio issue 1037); it is left behind after this.
CLOSE_WITHIN_S = 0.5
#: Asked for in each direction. "low" is 10 ms on some cards, one block: under load that lost samples, this did not.
LATENCY_S = 0.02

# Streams that could not be closed: their callback may still run, so what it points to must never be freed.
_abandoned: list[tuple[Any, Duplex | TwoCards]] = []


class PortAudioCard:
    """`device.card.Card` on PortAudio. `play`, `flush` and `stats` from any thread."""

    def __init__(
        self,
        input: str = "auto",  # noqa: A002  (named as in the configuration)
        output: str = "auto",
        rate_hz: int = 0,
        mic_channel: int = 0,
        *,
        sample_format: SampleFormat | Literal["auto"] = "auto",
        reference_channel: int = -1,
        mic_optional: bool = False,
    ) -> None:
        """`input`, `output`: "auto", an index, a part of a name, "usb:0d8c:0014" or "none".

        `rate_hz` 0: 16 kHz if the card can, else its own. `reference_channel`: the input channel that carries what the
        loudspeaker plays, -1 for none. `mic_optional`: go without a microphone where there is none; the blocks are
        silent then. A loudspeaker is always optional: `missing` says so, and what is played makes no sound.
        Raises NoCardError when there is no such card, or it cannot do what is asked; AudioError when it is busy.
        """
        if not 0 <= mic_channel < MAX_CHANNELS:
            raise NoCardError(
                f"there is no microphone channel {mic_channel}", hint=f"channels count from 0 to {MAX_CHANNELS - 1}"
            )
        if not -1 <= reference_channel < MAX_CHANNELS or reference_channel == mic_channel:
            raise NoCardError(
                f"channel {reference_channel} cannot be the reference of microphone channel {mic_channel}",
                hint="set audio.reference_channel to another channel of the input, or to -1 for none",
            )
        self.input, self.output = choose_pair(input, output, list_devices(), to_play=mic_optional)
        #: What is not there and what that means, in a sentence; "" when both directions are.
        self.missing = _missing(self.input, self.output, mic_optional=mic_optional)
        self.name = _name(self.input, self.output)
        self.mic_channel, self.reference_channel = mic_channel, reference_channel
        #: False: microphone and loudspeaker are two cards whose clocks drift apart. The drift is measured and the echo
        #: canceller's reference resampled; `drift_ppm` says how much it is.
        self.one_clock = self.input is None or self.output is None or same_clock(self.input, self.output)
        formats = SAMPLE_FORMATS if sample_format == "auto" else (sample_format,)
        least_in = max(mic_channel, reference_channel) + 1
        one_rate = self.one_clock
        try:
            sides = settle(
                self.input, self.output, least_in=least_in, rate_hz=rate_hz, formats=formats, one_rate=one_rate
            )
        except NoCardError:
            if not one_rate or rate_hz or self.input is None or self.output is None:
                raise
            # some headsets hear at 16 kHz and play at 48 only: a stream for each direction
            one_rate = False
            sides = settle(self.input, self.output, least_in=least_in, formats=formats, one_rate=False)
        self._mic, self._speaker = sides
        self._two_streams = not one_rate
        #: The card's own rate; of the microphone, where the two differ.
        self.rate_hz = self._mic.rate_hz if self._mic else self._speaker.rate_hz if self._speaker else 0
        self._muted, self._volume = False, 1.0  # as asked: a new stream begins with them
        self._duplex = self._new_duplex()
        self._streams: list[Any] = []
        self._used = False
        self._started_s = 0.0  # time.monotonic()
        self._priority_asked = False

    @property
    def drift_ppm(self) -> float | None:
        """By how much the loudspeaker's clock is faster than the microphone's; None when both are one."""
        return self._duplex.drift_ppm if isinstance(self._duplex, TwoCards) else None

    def _new_duplex(self) -> Duplex | TwoCards:
        duplex = (
            TwoCards(self._one_duplex(self._mic, None), self._one_duplex(None, self._speaker))
            if self._two_streams
            else self._one_duplex(self._mic, self._speaker)
        )
        duplex.mute(self._muted)
        duplex.set_volume(self._volume)
        return duplex

    def _one_duplex(self, mic: Side | None, speaker: Side | None) -> Duplex:
        side = mic or speaker
        assert side is not None  # `_missing` has seen to that
        return Duplex(
            side.rate_hz,
            mic.channels if mic else 1,
            speaker.channels if speaker else 1,
            self.mic_channel if mic else 0,
            format_in=mic.sample_format if mic else "int16",
            format_out=speaker.sample_format if speaker else "int16",
            reference_channel=self.reference_channel if mic else -1,
        )

    def start(self) -> None:
        """Open the card and begin. Raises NoCardError or AudioError."""
        if self._streams:
            return
        if self._used:  # a new start is a new clock
            self._duplex.close()
            self._duplex = self._new_duplex()
        self._used = True
        priority.catch_spinning()
        both = self._duplex
        if isinstance(both, TwoCards):
            if not self.one_clock:
                log.info("%s: two cards with two clocks, whose drift is measured", self.name)
            # the loudspeaker first: the far end has to be known by the time it is heard
            wanted = [(None, self._speaker, both.loudspeaker), (self._mic, None, both.microphone)]
        else:
            wanted = [(self._mic, self._speaker, both)]
        sd = portaudio()
        opened: list[Any] = []
        try:
            for mic, speaker, duplex in wanted:
                with translated(_name(mic.device if mic else None, speaker.device if speaker else None)):
                    stream = _open(sd, mic, speaker, duplex)
                    opened.append(stream)
                    stream.start()
        except BaseException:
            for stream in opened:
                stream.close()
            raise
        # models are loaded between the making of a card and its start: that time is no silence of the card's
        self._started_s = time.monotonic()
        self._priority_asked = False
        self._streams = opened

    def read(self, timeout_s: float) -> Block | None:
        """The next block, None at time-out or when the card is not running. Raises AudioError when it is lost."""
        deadline = time.monotonic() + timeout_s
        while self._streams:
            block = self._duplex.next_block()
            if block is not None:
                if not self._priority_asked:  # its thread is known since the first callback
                    self._priority_asked = True
                    for thread_id in filter(None, self._duplex.thread_ids):  # 0 would be this very thread
                        priority.raise_thread(thread_id)
                return block
            age_s = self.age_s()
            if age_s > LOST_AFTER_S:
                raise AudioError(
                    f"the sound card stopped: {self.name} has delivered nothing for {age_s:.1f} s",
                    hint=f"it may have been unplugged: plug it in and start again; {SEE_DEVICES}",
                )
            if self._duplex.odd_blocks:
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

    def mute(self, muted: bool) -> None:
        """Zero the microphone from the next block on, or stop doing so."""
        self._muted = muted
        self._duplex.mute(muted)

    @property
    def muted(self) -> bool:
        """Was the microphone of the newest block zeroed?"""
        return self._duplex.muted

    def set_volume(self, factor: float) -> None:
        """Multiply what is played by 0..1, what is queued already included."""
        self._volume = factor
        self._duplex.set_volume(factor)

    def stats(self) -> CardStats:
        """Counters since `start`."""
        return self._duplex.stats()

    def age_s(self) -> float:
        """Seconds since the card's callback ran last, or since `start` if it has not run yet."""
        return min(self._duplex.age_s(), time.monotonic() - self._started_s)

    def stop(self) -> None:
        """End; what is queued is not played. Safe to call twice; back in CLOSE_WITHIN_S, whatever the driver does."""
        streams, self._streams = self._streams, []
        if streams:
            # a lost card can make the driver's thread spin: above everything else it would take a whole core for ever
            for thread_id in self._duplex.thread_ids:
                priority.lower_thread(thread_id)
        closers = [threading.Thread(target=_close, args=(each,), name="close-card", daemon=True) for each in streams]
        for closer in closers:
            closer.start()
        deadline = time.monotonic() + CLOSE_WITHIN_S
        for stream, closer in zip(streams, closers, strict=True):
            closer.join(max(0.0, deadline - time.monotonic()))
            if closer.is_alive():
                log.info("%s does not let itself be closed; it is left behind", self.name)
                _abandon(stream, self._duplex)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()


def _name(microphone: DeviceInfo | None, loudspeaker: DeviceInfo | None) -> str:
    if microphone is None or loudspeaker is None or microphone.name == loudspeaker.name:
        return microphone.name if microphone else loudspeaker.name if loudspeaker else ""
    return f"{microphone.name} (microphone) with {loudspeaker.name} (loudspeaker)"


def _missing(microphone: DeviceInfo | None, loudspeaker: DeviceInfo | None, *, mic_optional: bool) -> str:
    """What the machine lacks, as a sentence. Raises NoCardError when it lacks what cannot be done without."""
    if microphone is None and loudspeaker is not None:
        if mic_optional:
            return f"no microphone: {loudspeaker.name} can only play, so nothing can be heard"
        raise NoCardError(
            f"no microphone: {loudspeaker.name} can only play, so nothing can be heard",
            hint=f"plug in a microphone; {SEE_DEVICES}",
        )
    if loudspeaker is None and microphone is not None:
        if mic_optional:  # who can do without a microphone wants to play
            raise NoCardError(
                f"no loudspeaker: {microphone.name} can only listen", hint=f"plug in a loudspeaker; {SEE_DEVICES}"
            )
        return f"no loudspeaker: {microphone.name} can only listen, so answers are shown and not spoken"
    return ""


def _open(sd: Any, mic: Side | None, speaker: Side | None, duplex: Duplex) -> Any:
    """A sounddevice stream whose callback is the C function: its base class passes a pointer on as it is."""
    core = duplex.core
    sides = [side for side in (mic, speaker) if side is not None]
    each = [(side.device.index, side.channels, side.sample_format) for side in sides]
    device, channels, dtype = zip(*each, strict=True) if len(each) > 1 else each[0]
    stream = sd._StreamBase(
        kind="duplex" if len(each) > 1 else "input" if mic else "output",
        samplerate=sides[0].rate_hz,
        blocksize=core.block_frames,  # 10 ms: below that PortAudio's ALSA backend calls in bursts
        device=device,
        channels=channels,
        dtype=dtype,
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
    latency_s = sum(stream.latency) if len(each) > 1 else stream.latency
    core.set_default_dac_offset(latency_s * core.rate_hz)
    return stream


def abandoned_cards() -> int:
    """How many streams could not be closed: their threads run on until the process ends."""
    return len(_abandoned)


def _close(stream: Any) -> None:
    with contextlib.suppress(Exception):  # a lost card may refuse; there is nothing left to do about it
        stream.abort()
        stream.close()


def _abandon(stream: Any, duplex: Duplex | TwoCards) -> None:
    """Keep what the callback points to for good, and do not let the end of the process wait for PortAudio."""
    _abandoned.append((stream, duplex))
    exit_without_portaudio()


def exit_without_portaudio() -> None:
    """Its own farewell would wait for a stream that hangs, for ever."""
    if (sd := sys.modules.get("sounddevice")) is not None:  # not `portaudio()`: a thread that hangs may hold its lock
        atexit.unregister(sd._exit_handler)
