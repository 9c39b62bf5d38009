"""Levels and echo of a running card, block by block.

    meter = LiveMeter()
    meter.feed(block, front_end.process(block), front_end.delay_samples, speech_probability)
    frame = meter.frame(card.stats()); frame.mic_rms_dbfs, frame.erle_db

Sans-IO: time is the blocks it is fed.
"""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from device.card import BLOCK_SAMPLES, Block, CardStats
from dsp.levels import FLOOR_DBFS, LevelMeter, Reading, rms_dbfs
from dsp.measurement import suppression_db
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: ERLE is that of the last second in which the loudspeaker sounded.
_ERLE_BLOCKS = SAMPLE_RATE_HZ // BLOCK_SAMPLES
_SOUNDS_DBFS = -60.0  # a loudspeaker below this makes no echo worth measuring
#: An echo goes on after the loudspeaker, and comes after it: blocks in which it counts as sounding still.
_HANGOVER_BLOCKS = 20
_NOTHING = Reading(FLOOR_DBFS, FLOOR_DBFS, FLOOR_DBFS, 0)


@dataclass(frozen=True, slots=True)
class MeterFrame:
    """What is shown."""

    t_s: float  #: capture clock
    mic_rms_dbfs: float  #: of the last 300 ms
    mic_peak_dbfs: float  #: of the last 1.5 s
    mic_clipped_samples: int  #: ever
    speaker_rms_dbfs: float
    speaker_peak_dbfs: float
    erle_db: float | None  #: None until the loudspeaker has sounded for a second
    speech: float | None  #: probability, highest since the frame before; None without a detector
    xruns: int  #: overflows and underflows that the driver reported
    lost_samples: int

    def to_json(self) -> dict[str, Any]:
        """One JSON object, figures as they are meant to be read."""
        return {name: round(v, 2) if isinstance(v, float) else v for name, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class MeterSummary:
    """The whole run."""

    seconds: float
    mic_rms_dbfs: float  #: mean power
    mic_peak_dbfs: float
    mic_clipped_samples: int
    speaker_peak_dbfs: float
    erle_db: float | None  #: over all seconds in which the loudspeaker sounded
    xruns: int
    lost_samples: int

    def to_json(self) -> dict[str, Any]:
        """One JSON object; `summary` tells it from the frames."""
        return {"summary": True, **{n: round(v, 2) if isinstance(v, float) else v for n, v in asdict(self).items()}}


class LiveMeter:
    """Fed by one thread."""

    def __init__(self) -> None:
        self._mic, self._speaker = LevelMeter(), LevelMeter()
        self._mic_now = self._speaker_now = _NOTHING
        self._mic_peak = self._speaker_peak = FLOOR_DBFS
        self._power_sum, self._blocks = 0.0, 0
        self._late_mic = np.zeros(0, np.int16)  # waits for its clean counterpart
        self._pairs: deque[tuple[Int16s, Int16s]] = deque(maxlen=_ERLE_BLOCKS)
        self._echo_before = self._echo_after = 0.0  # energies of the whole run
        self._sounding = 0  # blocks that the echo goes on for
        self._speech: float | None = None
        self._t_s = 0.0

    def feed(self, block: Block, clean: Int16s, delay_samples: int, speech: float | None = None) -> None:
        """`clean`: (160,) int16, `delay_samples` later than `block.mic`. `speech`: newest probability, if any."""
        self._t_s = (block.sample + BLOCK_SAMPLES) / SAMPLE_RATE_HZ
        self._mic_now, self._speaker_now = self._mic.update(block.mic), self._speaker.update(block.far)
        self._mic_peak = max(self._mic_peak, self._mic_now.peak_dbfs)
        self._speaker_peak = max(self._speaker_peak, self._speaker_now.peak_dbfs)
        self._power_sum += float(np.mean(np.square(block.mic, dtype=np.float64)))
        self._blocks += 1
        if speech is not None:
            self._speech = max(self._speech or 0.0, speech)
        self._follow_echo(block, clean, delay_samples)

    def _follow_echo(self, block: Block, clean: Int16s, delay_samples: int) -> None:
        self._late_mic = np.concatenate((self._late_mic, block.mic))[-(BLOCK_SAMPLES + delay_samples) :]
        if rms_dbfs(block.far) > _SOUNDS_DBFS:
            self._sounding = _HANGOVER_BLOCKS + max(0, block.dac_sample - block.sample) // BLOCK_SAMPLES
        elif self._sounding:
            self._sounding -= 1
        if self._sounding and len(self._late_mic) == BLOCK_SAMPLES + delay_samples:
            before = self._late_mic[:BLOCK_SAMPLES]
            self._pairs.append((before, clean))
            self._echo_before += float(np.sum(np.square(before, dtype=np.float64)))
            self._echo_after += float(np.sum(np.square(clean, dtype=np.float64)))

    def frame(self, stats: CardStats) -> MeterFrame:
        """Now; the speech probability is counted anew from here."""
        speech, self._speech = self._speech, None if self._speech is None else 0.0
        erle_db = None
        if len(self._pairs) == _ERLE_BLOCKS:
            before, after = (np.concatenate([pair[n] for pair in self._pairs]) for n in (0, 1))
            erle_db = suppression_db(before, after)
        return MeterFrame(
            t_s=self._t_s,
            mic_rms_dbfs=self._mic_now.rms_dbfs,
            mic_peak_dbfs=self._mic_now.peak_hold_dbfs,
            mic_clipped_samples=self._mic_now.clipped_samples,
            speaker_rms_dbfs=self._speaker_now.rms_dbfs,
            speaker_peak_dbfs=self._speaker_now.peak_hold_dbfs,
            erle_db=erle_db,
            speech=speech,
            xruns=stats.capture_overflows + stats.playback_underflows,
            lost_samples=stats.capture_lost_samples,
        )

    def summary(self, stats: CardStats) -> MeterSummary:
        """All that was fed."""
        power = self._power_sum / self._blocks if self._blocks else 0.0
        rms = 10 * float(np.log10(power / 32768**2)) if power > 0 else FLOOR_DBFS
        enough = self._echo_before > 0 and len(self._pairs) == _ERLE_BLOCKS
        erle_db = 10 * float(np.log10(self._echo_before / max(self._echo_after, 1.0))) if enough else None
        return MeterSummary(
            seconds=self._t_s,
            mic_rms_dbfs=max(FLOOR_DBFS, rms),
            mic_peak_dbfs=self._mic_peak,
            mic_clipped_samples=self._mic_now.clipped_samples,
            speaker_peak_dbfs=self._speaker_peak,
            erle_db=erle_db,
            xruns=stats.capture_overflows + stats.playback_underflows,
            lost_samples=stats.capture_lost_samples,
        )
