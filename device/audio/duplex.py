"""Both directions of a card on one 16 kHz clock, whatever rate the card runs at.

    duplex = Duplex(48_000)
    core = duplex.core                        # its callback is given to PortAudio, or driven with `duplex.tick`
    span = duplex.play(speech); duplex.flush()
    while duplex.wait(0.1): block = duplex.next_block()

PortAudioCard and VirtualCard share it, so what is above them runs the same code on both. A block is one callback:
microphone and far end go through one resampler as two channels, which keeps them aligned, and its lag delays the
delivery of a block, never its time stamp.
"""

import os
import select
import threading
import weakref
from collections import deque

import numpy as np

from device.card import BLOCK_SAMPLES, Block, CardStats, Span
from device.errors import AudioError
from dsp.duplex import DuplexCore, Record, monotonic_ns
from dsp.resample import LiveResampler, resample
from models.protocols import SAMPLE_RATE_HZ, Int16s


class Duplex:
    """`play`, `flush`, `stats` and `age_s` from any thread; `next_block` and `wait` from one."""

    def __init__(self, rate_hz: int, channels_in: int = 1, channels_out: int = 1, mic_channel: int = 0) -> None:
        """Raises ValueError for a rate that is no multiple of 100, or channels outside 1..8."""
        self.rate_hz = rate_hz
        # Signalled by the callback after each block: the reader sleeps in poll, not in a loop.
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self.core = DuplexCore(rate_hz, channels_in, channels_out, mic_channel, self._wake_fd)
        except BaseException:
            os.close(self._wake_fd)
            raise
        self._release = weakref.finalize(self, os.close, self._wake_fd)
        self._writer = threading.Lock()
        self._written = 0  # ring positions at 16 kHz that were given out; owned under _writer
        self._live = LiveResampler(rate_hz, SAMPLE_RATE_HZ, channels=2) if rate_hz != SAMPLE_RATE_HZ else None
        self._records: deque[Record] = deque()  # blocks in the resampler; at most its lag, a few
        self._ready = np.zeros((0, 2), np.int16)  # resampled frames of the records in _records
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
            if not self.core.play(speech[:frames]):
                room_s = self.core.room / self.rate_hz
                raise AudioError(
                    f"the loudspeaker's queue has room for {room_s:.1f} s, not for {len(pcm) / SAMPLE_RATE_HZ:.1f} s",
                    hint="hand the sound over in smaller pieces, as it is played",
                )
            self._written = end
            return Span(start, end)

    def flush(self) -> None:
        """Drop all that is queued. The next callback fades out over 3 ms; sounds queued later start one block on."""
        with self._writer:
            self.core.flush()

    def tick(self, mic: Int16s, dac_offset_frames: float) -> Int16s:
        """Be the card: one block of the card's rate in, the block for the loudspeaker out."""
        return self.core.tick(mic, dac_offset_frames)

    def next_block(self) -> Block | None:
        """The oldest block of 10 ms that was not read yet, None when there is none."""
        while True:
            if self._live is None:
                record = self.core.next()
                return None if record is None else self._block(record, record.mic, record.far)
            if self._records and len(self._ready) >= BLOCK_SAMPLES:
                frames, self._ready = self._ready[:BLOCK_SAMPLES], self._ready[BLOCK_SAMPLES:]
                return self._block(self._records.popleft(), frames[:, 0].copy(), frames[:, 1].copy())
            record = self.core.next()
            if record is None:
                return None
            if record.frame != self._next_frame:  # blocks were lost: what is in the filter belongs to another time
                self._live.reset()
                self._records.clear()
                self._ready = self._ready[:0]
            self._next_frame = record.frame + self.core.block_frames
            self._records.append(record)
            out = self._live.process(np.stack((record.mic, record.far), axis=1))
            self._ready = np.concatenate((self._ready, out))

    def _block(self, record: Record, mic: Int16s, far: Int16s) -> Block:
        # A card block is exactly 160 samples long, so block boundaries are whole samples at 16 kHz.
        sample = record.frame * SAMPLE_RATE_HZ // self.rate_hz
        start = min(self._from_card(record.played_from), self._written)
        end = min(self._from_card(record.played_to), self._written)
        dac_sample = sample + round(record.dac_offset_frames * SAMPLE_RATE_HZ / self.rate_hz)
        return Block(sample, mic, far, Span(start, max(start, min(end, start + BLOCK_SAMPLES))), dac_sample)

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

    def close(self) -> None:
        """Give the wake-up descriptor back; only after the callback has ended. Safe to call twice."""
        self._release()
