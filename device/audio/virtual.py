"""A sound card made of software: paced in real time, its loudspeaker coupled into its microphone, all of it recorded.

    room = synthetic_room(echo_db=-6)
    with VirtualCard(impulse_response=room, recorder=StereoWriter(Path("OUT.wav"))) as card:
        asked_at = card.say(question)                  # from any thread, while it runs
        card.end_at(asked_at + 10 * SAMPLE_RATE_HZ)
        while (block := card.read(timeout_s=1.0)) is not None or not card.ended: ...

The timeline. Sample 0 is the start. Tick k = 1, 2, ... happens k * 10 ms later: the microphone block of samples
[160 (k - 1), 160 k) is complete and goes to the program, which hands over the loudspeaker block of samples
[160 k, 160 (k + 1)). So what is handed over in one tick sounds 160 samples after the microphone block that came with
it began (`Block.dac_sample`), and

    mic[n] = clip(round(near_end[n] + noise[n] + (impulse_response * speaker)[n]))

holds for every sample n of the recording, which is indexed the same on both sides.

The clock is absolute: a tick that comes late (the interpreter was busy) is made up for, one after the other, and no
sample is ever skipped. Rings, positions and flush are those of the real card: `Duplex` is driven in place of PortAudio.
"""

import logging
import threading
import time
from types import TracebackType
from typing import Self

import numpy as np

from device.audio.drifting_echo import HALF_WIDTH, ClockDrift
from device.audio.duplex import Duplex
from device.audio.near_end import NearEnd
from device.audio.recording import MemoryRecorder, Recorder
from device.audio.rooms import BlockConvolver
from device.card import BLOCK_MS, BLOCK_SAMPLES, Block, CardStats, Span
from device.errors import AudioError, UsageError
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

_log = logging.getLogger(__name__)


class VirtualCard:
    """A `device.card.Card` at 16 kHz. `say`, `end_at`, `now` and `recording` may be called from any thread."""

    def __init__(
        self,
        *,
        impulse_response: Floats | None = None,
        noise: Floats | None = None,
        recorder: Recorder | None = None,
        speed: float = 1.0,
        drift_ppm: float = 0.0,
    ) -> None:
        """`impulse_response`: (n,) float32 from loudspeaker to microphone (`device.audio.rooms`); None: no echo.
        `noise`: (n,) float32 in int16 units, repeated (`device.audio.near_end.scaled_noise`).
        `recorder`: both sides go there; None: 20 minutes in memory. The card closes it.
        `speed`: how many times real time the clock runs; for tests of what is fast itself.
        `drift_ppm`: how much faster the microphone's clock runs than the loudspeaker's (`device.audio.drift`).
        Raises UsageError for a drift beyond 1000 ppm, or of an echo that is less than 1 ms late.
        """
        if not speed > 0:
            raise ValueError(f"a clock cannot run at {speed} times real time")
        self.name = "virtual card"
        self.rate_hz = SAMPLE_RATE_HZ
        self._near_end = NearEnd(noise)
        self._drift: ClockDrift | None = None
        if impulse_response is not None and drift_ppm != 0.0:
            impulse_response, self._drift = _drifting(impulse_response, drift_ppm)
        self._room = None if impulse_response is None else BlockConvolver(impulse_response, BLOCK_SAMPLES)
        self._recorder: Recorder = recorder if recorder is not None else MemoryRecorder()
        self._period_s = BLOCK_MS / 1000 / speed
        self._duplex = Duplex(SAMPLE_RATE_HZ)
        self._speaker = np.zeros(BLOCK_SAMPLES, np.int16)  # what sounds during the coming block
        self._end: int | None = None
        self._worst_late_s = 0.0
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()  # no block will come any more
        self._reading = threading.Lock()  # held by `read`: the wake-up descriptor must outlive it
        self._thread = threading.Thread(target=self._run, name="nearfield-virtual-card", daemon=True)
        self._started = self._stopped = False

    # --- the card -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Sample 0 is now. Raises AudioError when it was started before."""
        if self._started:
            raise AudioError("the virtual card was started before", hint="make a new one for each session")
        self._started = True
        self._thread.start()

    def read(self, timeout_s: float) -> Block | None:
        """The next block; None at time-out and after the end (`ended` tells which). Raises AudioError after a fault."""
        deadline_s = time.monotonic() + timeout_s
        with self._reading:
            while True:
                ended = self._ended.is_set()  # asked before the ring is: the last block precedes the flag
                block = self._duplex.next_block()
                if block is not None:
                    return block
                if self._failure is not None:
                    raise AudioError(f"the virtual card failed: {self._failure}") from self._failure
                rest_s = deadline_s - time.monotonic()
                if ended or rest_s <= 0:
                    return None
                self._duplex.wait(rest_s)

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz. Raises AudioError when the ring (60 s) has no room."""
        return self._duplex.play(pcm)

    def flush(self) -> None:
        """Drop what is queued; the next tick obeys."""
        self._duplex.flush()

    def mute(self, muted: bool) -> None:
        """Zero the microphone from the next block on, or stop doing so."""
        self._duplex.mute(muted)

    @property
    def muted(self) -> bool:
        """Was the microphone of the newest block zeroed?"""
        return self._duplex.muted

    def set_volume(self, factor: float) -> None:
        """Multiply what is played by 0..1, what is queued already included."""
        self._duplex.set_volume(factor)

    def stats(self) -> CardStats:
        return self._duplex.stats()

    def stop(self) -> None:
        """End and close the recording; safe to call twice. Raises AudioError when the recording is incomplete."""
        if self._stopped:
            return
        self._stopped = True
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._ended.set()
        self._duplex.wake()  # a reader that waits sees `ended` and lets go
        with self._reading:
            self._duplex.close()
        self._recorder.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except AudioError as incomplete:
            if error is None:
                raise
            _log.error("%s; %s", incomplete.message, incomplete.hint)

    # --- what only a virtual card can do --------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Samples that the microphone has heard so far."""
        return self._near_end.next_sample

    @property
    def ended(self) -> bool:
        """True once no further block will come: `read` gives what is left, then None."""
        return self._ended.is_set()

    @property
    def worst_late_ms(self) -> float:
        """How late the latest tick was. No sample was lost for it, but the program heard them in a burst."""
        return self._worst_late_s * 1000

    def say(self, pcm: Int16s, at_sample: int | None = None) -> int:
        """Say `pcm` (n,) int16 at 16 kHz into the microphone; returns the sample it begins at.

        That is `at_sample`, or the next sample where it is None or already past. Sounds that overlap add up.
        """
        return self._near_end.say(pcm, at_sample)

    def end_at(self, sample: int) -> None:
        """End the session with the block that completes `sample` samples; at once if they have been heard."""
        self._end = sample

    def recording(self) -> tuple[Int16s, Int16s]:
        """(mic, speaker), (n,) int16 each from sample 0 on: what sounded on both sides at the same time."""
        return self._recorder.read()

    # --- the clock ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        begin_s = time.monotonic()
        tick = 0
        try:
            while not self._stopping.is_set() and (self._end is None or tick * BLOCK_SAMPLES < self._end):
                tick += 1
                due_s = begin_s + tick * self._period_s
                while (rest_s := due_s - time.monotonic()) > 0:
                    if self._stopping.wait(rest_s):
                        return
                self._worst_late_s = max(self._worst_late_s, -rest_s)
                self._tick()
        except Exception as error:  # noqa: BLE001 - `read` passes on whatever ended the clock
            self._failure = error
        finally:
            self._ended.set()
            self._duplex.wake()

    def _tick(self) -> None:
        """10 ms of the world: what the microphone heard goes in, what will sound next comes out."""
        heard = self._near_end.take()
        if self._room is not None:
            heard += self._room.process(self._speaker if self._drift is None else self._drift.process(self._speaker))
        mic = np.clip(np.rint(heard), -32768, 32767).astype(np.int16)
        self._recorder.write(mic, self._speaker)
        self._speaker = self._duplex.tick(mic, BLOCK_SAMPLES)


def _drifting(impulse_response: Floats, ppm: float) -> tuple[Floats, ClockDrift]:
    """The response without the silence it begins with, and the drift, which takes over that delay."""
    sounding = np.flatnonzero(impulse_response)
    delay = int(sounding[0]) if len(sounding) else HALF_WIDTH
    try:
        drift = ClockDrift(ppm, delay)
    except ValueError as error:
        raise UsageError(str(error), hint="take another drift, or an echo that comes later") from error
    return impulse_response[delay:] if len(sounding) else impulse_response, drift
