"""Both directions of a card on one 16 kHz clock, whatever rate the card runs at.

    duplex = Duplex(48_000)
    core = duplex.core                        # its callback is given to PortAudio, or driven with `duplex.tick`
    span = duplex.play(speech); duplex.flush()
    while duplex.wait(0.1): block = duplex.next_block()

PortAudioCard and VirtualCard share it, so what is above them runs the same code on both. A block is one callback (at
11025 and 22050 Hz, whose 10 ms are no whole number of frames, a quarter and a half of one): microphone and far end go
through one resampler as two channels, which keeps them aligned, and its lag delays the delivery of a block, never its
time stamp.
"""

import os
import select
import threading
import weakref
from collections import deque
from dataclasses import dataclass

import numpy as np

from device.card import BLOCK_MS, BLOCK_SAMPLES, Block, CardStats, Span
from device.errors import AudioError
from dsp.duplex import DuplexCore, Record, SampleFormat, monotonic_ns
from dsp.resample import LiveResampler, resample
from models.protocols import SAMPLE_RATE_HZ, Int16s


@dataclass(frozen=True, slots=True)
class TimedBlock:
    """A block and, on the monotonic clock, when the driver says its samples were at the converters."""

    block: Block
    adc_ns: int  #: of mic[0]
    dac_ns: int  #: of far[0]


class Duplex:
    """`play`, `flush`, `mute`, `set_volume`, `stats` and `age_s` from any thread; `next_block` and `wait` from one."""

    def __init__(
        self,
        rate_hz: int,
        channels_in: int = 1,
        channels_out: int = 1,
        mic_channel: int = 0,
        *,
        format_in: SampleFormat = "int16",
        format_out: SampleFormat = "int16",
        reference_channel: int = -1,
    ) -> None:
        """`reference_channel`: the input channel that is a loop-back of the loudspeaker and stands in for `far`.

        Raises ValueError for a rate that is no multiple of 25, or channels outside 1..8.
        """
        self.rate_hz = rate_hz
        self._loop_back = reference_channel >= 0
        # Signalled by the callback after each block: the reader sleeps in poll, not in a loop.
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self.core = DuplexCore(
                rate_hz,
                channels_in,
                channels_out,
                mic_channel,
                self._wake_fd,
                format_in=format_in,
                format_out=format_out,
                reference_channel=reference_channel,
            )
        except BaseException:
            os.close(self._wake_fd)
            raise
        self._release = weakref.finalize(self, os.close, self._wake_fd)
        self._writer = threading.Lock()
        self._written = 0  # ring positions at 16 kHz that were given out; written under _writer, read without
        self._live = LiveResampler(rate_hz, SAMPLE_RATE_HZ, channels=2) if rate_hz != SAMPLE_RATE_HZ else None
        self._blocks_a_record = self.core.block_frames * 100 // rate_hz
        self._parts: deque[tuple[Record, int]] = deque()  # blocks in the resampler, by record and place in it
        self._ready = np.zeros((0, 2), np.int16)  # resampled frames of the blocks in _parts
        self._next_frame = 0
        self._made_ns = monotonic_ns()

    # ring positions: 16 kHz <-> the card's rate. The n-th position begins at card frame round(n * rate / 16000), so
    # rounding never adds up however many sounds are played.

    def _to_card(self, position: int) -> int:
        return (2 * position * self.rate_hz + SAMPLE_RATE_HZ) // (2 * SAMPLE_RATE_HZ)

    def _from_card(self, frame: int) -> int:
        """The greatest position that begins at or before `frame`."""
        return -(-(2 * frame + 1) * SAMPLE_RATE_HZ // (2 * self.rate_hz)) - 1

    def play(self, pcm: Int16s) -> Span:
        """Queue (n,) int16 at 16 kHz. Raises AudioError when the ring (60 s) has no room for all of it."""
        speech = resample(pcm, SAMPLE_RATE_HZ, self.rate_hz)
        with self._writer:
            start, end = self._written, self._written + len(pcm)
            frames = self._to_card(end) - self._to_card(start)
            if len(speech) < frames:  # rounding, one frame
                speech = np.concatenate((speech, np.zeros(frames - len(speech), np.int16)))
            room = self.core.room
            if frames > room:
                raise AudioError(
                    f"the loudspeaker's queue has room for {room / self.rate_hz:.1f} s, "
                    f"not for {len(pcm) / SAMPLE_RATE_HZ:.1f} s",
                    hint="hand the sound over in smaller pieces, as it is played",
                )
            # First: the callback may take of it at once, and the reader's thread goes by this number without the lock.
            # Nothing has to be put back: nobody else writes, so the room only grows until `play` looks at it.
            self._written = end
            taken = self.core.play(speech[:frames])
            assert taken
            return Span(start, end)

    def flush(self) -> None:
        """Drop all that is queued. The next callback fades out over 3 ms; sounds queued later start one block on."""
        with self._writer:
            self.core.flush()

    def mute(self, muted: bool) -> None:
        """The next callback replaces the microphone by zeros, or (a few blocks later) lets it through again."""
        self.core.set_muted(muted)

    @property
    def muted(self) -> bool:
        """Did the newest callback zero the microphone?"""
        return self.core.muted

    def set_volume(self, factor: float) -> None:
        """Multiply what is played by 0..1, from the next callback on."""
        self.core.set_volume(factor)

    def tick(self, mic: Int16s, dac_offset_frames: float) -> Int16s:
        """Be a card of one int16 channel: one block of the card's rate in, the block for the loudspeaker out."""
        return self.core.tick(mic, dac_offset_frames)

    def next_block(self) -> Block | None:
        """The oldest block of 10 ms that was not read yet, None when there is none."""
        timed = self.next_timed()
        return None if timed is None else timed.block

    def next_timed(self) -> TimedBlock | None:
        """`next_block` with the driver's times of its samples: two cards are brought together by these."""
        while True:
            if self._live is None:
                record = self.core.next()
                return None if record is None else self._block(record, 0, record.mic, record.far)
            if self._parts and len(self._ready) >= BLOCK_SAMPLES:
                frames, self._ready = self._ready[:BLOCK_SAMPLES], self._ready[BLOCK_SAMPLES:]
                return self._block(*self._parts.popleft(), frames[:, 0].copy(), frames[:, 1].copy())
            record = self.core.next()
            if record is None:
                return None
            if record.frame != self._next_frame:  # blocks were lost: what is in the filter belongs to another time
                self._live.reset()
                self._parts.clear()
                self._ready = self._ready[:0]
            self._next_frame = record.frame + self.core.block_frames
            self._parts.extend((record, part) for part in range(self._blocks_a_record))
            out = self._live.process(np.stack((record.mic, record.far), axis=1))
            self._ready = np.concatenate((self._ready, out))

    def _block(self, record: Record, part: int, mic: Int16s, far: Int16s) -> TimedBlock:
        # The blocks of a record are 160 samples each exactly, so block boundaries are whole samples at 16 kHz.
        sample = record.frame * SAMPLE_RATE_HZ // self.rate_hz + part * BLOCK_SAMPLES
        end = min(self._from_card(record.played_to), self._written)
        start = min(self._from_card(record.played_from) + part * BLOCK_SAMPLES, end)
        if part + 1 < self._blocks_a_record:
            end = min(end, start + BLOCK_SAMPLES)
        dac_sample = sample + round(record.dac_offset_frames * SAMPLE_RATE_HZ / self.rate_hz)
        later_ns = part * BLOCK_MS * 1_000_000
        return TimedBlock(
            Block(
                sample,
                mic,
                far,
                Span(start, max(start, min(end, start + BLOCK_SAMPLES))),
                dac_sample,
                record.muted,
                sample if self._loop_back else None,
            ),
            record.adc_ns + later_ns,
            record.dac_ns + later_ns,
        )

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the callback has run again, or until the time is up (False)."""
        poller = select.poll()
        poller.register(self._wake_fd, select.POLLIN)
        if not poller.poll(max(0.0, timeout_s) * 1000):
            return False
        try:
            os.eventfd_read(self._wake_fd)
        except BlockingIOError:  # another thread was faster
            return False
        return True

    def wake(self) -> None:
        """End a `wait` early, from any thread."""
        if self._release.alive:
            os.eventfd_write(self._wake_fd, 1)

    @property
    def thread_ids(self) -> tuple[int, ...]:
        """The threads that callbacks run on; 0 before the first callback."""
        return (self.core.counters().thread_id,)

    def age_s(self) -> float:
        """Seconds since the callback ran last (or since this was made): the one sign that all lost cards share."""
        return (monotonic_ns() - (self.core.counters().last_callback_ns or self._made_ns)) / 1e9

    def stats(self) -> CardStats:
        counters = self.core.counters()

        def samples(frames: int) -> int:
            return frames * SAMPLE_RATE_HZ // self.rate_hz

        return CardStats(
            blocks=counters.blocks,
            capture_lost_samples=samples(counters.capture_lost),
            capture_overflows=counters.overflows,
            playback_underflows=counters.underflows,
            starved_samples=samples(counters.starved),
            worst_interval_ms=counters.worst_interval_ns / 1e6,
        )

    @property
    def odd_blocks(self) -> int:
        """Callbacks of another length than the driver was asked for: it breaks its promise."""
        return self.core.counters().odd_blocks

    def close(self) -> None:
        """Give the wake-up descriptor back; only after the callback has ended. Safe to call twice."""
        self._release()
