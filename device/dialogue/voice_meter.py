"""Blocks of any length in, voice probabilities out.

    meter = VoiceMeter(vad)
    for reading in meter.feed(clean, sample): conversation.voice(reading.probability, ...)

A recurrent VAD remembers: after seconds of silence, and most of all of digital silence, Silero takes up to 0.6 s of
speech before it believes in it, and misses short words altogether. So it is made to forget after each second of quiet.
Measured on the 30 utterances of turns.tsv, each after another one and 6 s of silence: utterances missed 3 -> 1, words
wrong 27 % -> 19 % (the same recogniser); resetting more often gained nothing. What it misses even so gets a second
hearing (`second_hearing.py`).
"""

from dataclasses import dataclass

import numpy as np

from device.dialogue.second_hearing import SecondHearing
from models.protocols import SAMPLE_RATE_HZ, Int16s, VadModel

QUIET_PROBABILITY = 0.35  #: below this nobody speaks
FORGET_AFTER_SAMPLES = SAMPLE_RATE_HZ  #: so much quiet, and the past is forgotten


@dataclass(frozen=True, slots=True)
class Reading:
    """The probability of speech in [start_sample, end_sample)."""

    probability: float
    start_sample: int
    end_sample: int
    second: bool = False  #: a burst heard again, which reaches back before the frame; no evidence while there is echo


class VoiceMeter:
    """Cuts the microphone into the frames of the model. One thread feeds it."""

    def __init__(self, vad: VadModel) -> None:
        self._vad = vad
        self._second = SecondHearing(vad.fresh())
        self._pending = np.zeros(0, np.int16)
        self._start = 0
        self._quiet_samples = 0

    def feed(self, pcm: Int16s, sample: int) -> list[Reading]:
        """`pcm`: (n,) int16 from capture sample `sample` on. A gap in the samples begins a new stretch."""
        if sample != self._start + self._pending.size:
            self._pending = self._pending[:0]
            self._start = sample
            self._vad.reset()
            self._second.reset()
            self._quiet_samples = 0
        self._pending = np.concatenate((self._pending, pcm))
        out: list[Reading] = []
        size = self._vad.frame_samples
        while self._pending.size >= size:
            frame, self._pending = self._pending[:size], self._pending[size:]
            out.append(self._read(frame, self._start))
            self._start += size
        return out

    def _read(self, frame: Int16s, start: int) -> Reading:
        samples = frame.astype(np.float32) / np.float32(32768)
        probability = self._vad.probability(samples)
        self._quiet_samples = self._quiet_samples + frame.size if probability < QUIET_PROBABILITY else 0
        if self._quiet_samples >= FORGET_AFTER_SAMPLES:
            self._quiet_samples = 0
            self._vad.reset()
        began = self._second.feed(samples, start, probability)
        if began is not None:
            return Reading(1.0, began, start + frame.size, second=True)
        return Reading(probability, start, start + frame.size)
