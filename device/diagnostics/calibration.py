"""Measures a card in its room: fed with blocks, says what to play, and ends with figures and advice.

    calibration = Calibration(card.name, FrontEnd())
    while not calibration.done:
        sound = calibration.feed(card.read(1.0))
        if sound is not None: card.play(sound)
    result = calibration.result(); result.playback_gain_db, result.advice

Sans-IO. The course: a second of silence (noise floor), a sweep (delay, level), something like speech at the playback
level that the sweep asks for (clipping, ERLE of our own front end), and the sweep again (drift): 7.5 s. A sweep that
clips the microphone is repeated 20 dB lower, one that is not heard 14 dB louder.

Everything is measured against what the callback really handed to the card (`Block.far`), so it does not matter when a
sound that was asked for begins.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from device.card import BLOCK_SAMPLES, Block
from device.diagnostics.calibration_result import MARGIN_DB, MIN_GAIN_DB, CalibrationResult
from dsp.levels import FULL_SCALE, peak_dbfs, rms_dbfs, to_dbfs
from dsp.measurement import (
    Response,
    clipped_samples,
    deconvolve,
    exponential_sweep,
    shift_samples,
    suppression_db,
    voice_like,
)
from models.protocols import SAMPLE_RATE_HZ, Int16s

QUIET_S = 1.0  #: before anything is played
SETTLE_S = 0.2  #: of which the first part does not count: cards begin with a click
SWEEP_S, VOICE_S = 1.0, 3.0
SWEEP_PEAK_DBFS = -18.0
_SOFTER_DB, _LOUDER_DB = -20.0, 14.0
#: Longest echo, from the moment the driver says it sounds: what a loudspeaker on Bluetooth adds, with some room.
TAIL_S = 0.5
_MAX_OFFSET_S = 1.0  # output latencies above this are a driver's fantasy
_STUCK_S = 3.0  # a sound that has not been taken after this will never be
_MAX_SAID_S = 6.0

_TAIL = int(TAIL_S * SAMPLE_RATE_HZ)


class Canceller(Protocol):
    """`device.audio.frontend.FrontEnd`."""

    delay_samples: int

    def process(self, block: Block) -> Int16s: ...


@dataclass(slots=True)
class _Take:
    """One sound, from the block in which it was asked for to the one in which its echo is over."""

    pcm: Int16s
    start: int  # capture samples
    begins: int = -1  # where its first sample was handed over
    played: int = 0
    complete: int = -1
    end: int = -1


class Calibration:
    """One measurement on one card."""

    def __init__(
        self, card_name: str, front_end: Canceller, *, sentence: Int16s | None = None, tail_ms: float = 200.0
    ) -> None:
        """`front_end`: new, used for nothing else. `sentence`: (n,) int16 at 16 kHz, in place of sweep and noise.

        `tail_ms` of that front end: for the advice. Of a sentence the first 6 s are played. Raises
        ValueError for a silent one.
        """
        self._card_name = card_name
        self._tail_ms = tail_ms
        self._front_end = front_end
        self._said = None if sentence is None else _normalised(sentence[: int(_MAX_SAID_S * SAMPLE_RATE_HZ)])
        self._mic: list[Int16s] = []
        self._far: list[Int16s] = []
        self._clean: list[Int16s] = []
        self._offsets: list[int] = []
        self._next = 0
        self._lost = 0
        self._reach = 0  # the longest delay looked for: one for all takes, or they could not be compared
        self._level_dbfs = SWEEP_PEAK_DBFS
        self._sweep: _Take | None = None  # the newest of the first kind
        self._response: Response | None = None
        self._voice: _Take | None = None
        self._again: _Take | None = None
        self._take: _Take | None = None
        self._tries = 0
        self._gain_db = 0.0
        self._mic_peak = 0.0  # of the voice at 0 dB, as the response foretells it; int16 units
        self.done = False

    def feed(self, block: Block) -> Int16s | None:
        """The next block of the card; returns what is to be queued now, if anything. After `done` nothing happens."""
        if self.done:
            return None
        self._store(block)
        take = self._take
        if take is None:
            return self._start_sweep() if self._next >= QUIET_S * SAMPLE_RATE_HZ else None
        handed = block.played.end - block.played.start
        if handed and take.begins < 0:
            take.begins = block.sample
        take.played += handed
        if take.played >= len(take.pcm) and take.complete < 0:
            take.complete = self._next
        stuck = take.complete < 0 and self._next > take.start + len(take.pcm) + _STUCK_S * SAMPLE_RATE_HZ
        if stuck or (take.complete >= 0 and self._next >= take.complete + self._offset + _TAIL):
            take.end = self._next
            return self._after(take)
        return None

    def _store(self, block: Block) -> None:
        if missing := max(0, block.sample - self._next):
            # lost blocks, and on some cards the first ones: time goes on all the same
            self._lost += missing if self._mic else 0
            nothing = np.zeros(missing, np.int16)
            for line in (self._mic, self._far, self._clean):
                line.append(nothing)
        self._mic.append(block.mic)
        self._far.append(block.far)
        self._clean.append(self._front_end.process(block))
        self._offsets.append(block.dac_sample - block.sample)
        self._next = block.sample + BLOCK_SAMPLES

    @property
    def _offset(self) -> int:
        """From handing a sample over to its sound, as the driver has it: times jitter, so the median."""
        return int(np.clip(np.median(self._offsets[-200:]), 0, _MAX_OFFSET_S * SAMPLE_RATE_HZ))

    # --- the course ---------------------------------------------------------------------------------------------

    def _play(self, pcm: Int16s) -> Int16s:
        self._take = _Take(pcm, self._next)
        return pcm

    def _start_sweep(self) -> Int16s:
        self._tries += 1
        if self._said is not None:
            return self._play(_scaled(self._said, self._level_dbfs))
        return self._play(exponential_sweep(SWEEP_S, peak_dbfs=self._level_dbfs))

    def _after(self, take: _Take) -> Int16s | None:
        if self._voice is None:
            return self._after_sweep(take)
        if take is self._voice:
            return self._play_again()
        self._again = take
        self.done = True
        return None

    def _after_sweep(self, take: _Take) -> Int16s | None:
        self._sweep, self._response = take, self._respond(take)
        clips = clipped_samples(self._heard(take)) > 0
        if self._tries == 1 and (clips or not self._response.heard):
            self._level_dbfs += _SOFTER_DB if clips else _LOUDER_DB
            return self._start_sweep()
        if not self._response.heard:
            self.done = True
            return None
        voice = voice_like(VOICE_S) if self._said is None else self._said
        self._mic_peak = self._response.peak_of(voice)
        self._gain_db = self._playback_gain_db()
        sound = self._play(_scaled(voice, self._gain_db))
        self._voice = self._take
        return sound

    def _play_again(self) -> Int16s:
        assert self._sweep is not None
        return self._play(self._sweep.pcm)

    def _playback_gain_db(self) -> float:
        """So that voice and noise together stay below full scale by the margin; 0 dB at most."""
        room = 10 ** (-MARGIN_DB / 20) - self._noise_peak / FULL_SCALE
        if room <= 0 or self._mic_peak <= 0:
            return 0.0 if self._mic_peak <= 0 else MIN_GAIN_DB
        gain_db = 20 * float(np.log10(room * FULL_SCALE / self._mic_peak))
        return float(np.floor(np.clip(gain_db, MIN_GAIN_DB, 0.0) * 10) / 10)

    # --- what was measured --------------------------------------------------------------------------------------

    def recording(self) -> tuple[Int16s, Int16s]:
        """(microphone, loudspeaker), (n,) int16 each from sample 0 on, the loudspeaker where it sounds."""
        mic, far = _joined(self._mic), _joined(self._far)
        offset = self._offset if self._offsets else 0
        return mic, np.concatenate((np.zeros(offset, np.int16), far))[: len(mic)]

    def result(self) -> CalibrationResult:
        """The figures so far; those that could not be measured are None."""
        noise = self._silence()
        response = self._response if self._response is not None and self._response.heard else None
        offset = self._offset if self._offsets else 0
        voice_heard = self._heard(self._voice) if self._voice is not None and self._voice.end > 0 else None
        clipped = 0 if voice_heard is None else clipped_samples(voice_heard)
        full_peak = self._mic_peak + self._noise_peak if response is not None else None
        # it clipped although the response foretold that it would not: the loudspeaker's path is not linear
        gain_db = max(MIN_GAIN_DB, self._gain_db - (MARGIN_DB if clipped else 0.0))
        return CalibrationResult(
            card=self._card_name,
            round_trip_samples=None if response is None else response.delay_samples,
            echo_delay_samples=None if response is None else response.delay_samples - offset,
            echo_db=None if response is None else round(response.gain_db, 2),
            mic_peak_dbfs=None if full_peak is None else round(20 * float(np.log10(max(full_peak, 1) / FULL_SCALE)), 2),
            playback_gain_db=None if response is None else gain_db,
            clipped_samples=clipped,
            played_peak_dbfs=None if voice_heard is None else round(peak_dbfs(voice_heard), 2),
            noise_floor_dbfs=round(rms_dbfs(noise), 2),
            silent=bool(self._mic) and not _joined(self._mic).any(),
            drift_ppm=self._drift_ppm(),
            erle_db=self._erle_db(),
            lost_samples=self._lost,
            tail_ms=self._tail_ms,
        )

    def _silence(self) -> Int16s:
        end = int(QUIET_S * SAMPLE_RATE_HZ)
        return _joined(self._mic[: end // BLOCK_SAMPLES])[int(SETTLE_S * SAMPLE_RATE_HZ) : end]

    @property
    def _noise_peak(self) -> float:
        noise = self._silence()
        return float(np.abs(noise.astype(np.int32)).max()) if noise.size else 0.0

    def _heard(self, take: _Take) -> Int16s:
        return _joined(self._mic)[take.start : take.end]

    def _respond(self, take: _Take) -> Response:
        # from where it begins: both takes of a sweep are looked at over the same length
        start = max(take.begins, take.start)
        self._reach = self._reach or self._offset + _TAIL
        length = len(take.pcm) + self._reach
        mic, far = _joined(self._mic)[start : start + length], _joined(self._far)[start : start + length]
        return deconvolve(far, mic, min(self._reach, len(far)))

    def _drift_ppm(self) -> float | None:
        if self._again is None or self._sweep is None or self._response is None:
            return None
        later = self._respond(self._again)
        apart = self._again.begins - self._sweep.begins
        if not later.heard or apart <= 0 or len(later.taps) != len(self._response.taps):
            return None
        return round(shift_samples(self._response, later) / apart * 1e6, 2) + 0.0

    def _erle_db(self) -> float | None:
        """Over the second half of the speech, when the filter knows the room; None when noise covers the echo."""
        take, response = self._voice, self._response
        if take is None or take.complete < 0 or response is None:
            return None
        start = (take.begins + take.complete) // 2 + response.delay_samples
        end = take.complete + response.delay_samples
        delay = self._front_end.delay_samples
        before = _joined(self._mic)[start:end]
        after = _joined(self._clean)[start + delay : end + delay]
        if to_dbfs(1) > rms_dbfs(before) or rms_dbfs(before) < rms_dbfs(self._silence()) + 3:
            return None
        return round(suppression_db(before, after), 1)


def _joined(blocks: list[Int16s]) -> Int16s:
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


def _normalised(pcm: Int16s) -> Int16s:
    peak = int(np.abs(pcm.astype(np.int32)).max()) if pcm.size else 0
    if not peak:
        raise ValueError("a silent sentence measures nothing")
    return _scaled(pcm, 20 * float(np.log10(32767 / peak)))


def _scaled(pcm: Int16s, gain_db: float) -> Int16s:
    out: Int16s = np.clip(np.rint(pcm * 10.0 ** (gain_db / 20)), -32768, 32767).astype(np.int16)
    return out
