"""Sounds and rooms for the tests of echo: no model, no file."""

from collections.abc import Iterator

import numpy as np

from device.card import BLOCK_SAMPLES, Block, Span
from models.protocols import SAMPLE_RATE_HZ, Int16s

BLOCK = BLOCK_SAMPLES


def talk(seconds: float, seed: int, level: float = 3000.0) -> Int16s:
    """Noise coloured and modulated like syllables, with a short pause every 2 s."""
    n = int(seconds * SAMPLE_RATE_HZ)
    noise = np.convolve(np.random.default_rng(seed).normal(0, level, n), np.ones(4) / 4, "same")
    t = np.arange(n) / SAMPLE_RATE_HZ
    syllables = np.clip(np.sin(2 * np.pi * (3 + 0.1 * (seed % 7)) * t) + 0.3, 0, 1) * (t % 2.0 < 1.8)
    return np.clip(noise * syllables, -30000, 30000).astype(np.int16)


def room(seed: int, delay_ms: float, gain: float = 0.3) -> np.ndarray:
    """A direct path and 60 ms of decaying noise."""
    delay = round(delay_ms * SAMPLE_RATE_HZ / 1000)
    tail = 0.1 * np.random.default_rng(seed).standard_normal(1600) * np.exp(-np.arange(1600) / 250)
    tail[0] = 1.0
    return gain * np.concatenate((np.zeros(delay), tail))


def through(far: Int16s, taps: np.ndarray) -> np.ndarray:
    size = 1 << (far.size + taps.size).bit_length()
    return np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(taps, size), size)[: far.size]


def to_int16(x: np.ndarray) -> Int16s:
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def noise(count: int, rms: float = 15.0) -> np.ndarray:
    return np.random.default_rng(99).normal(0, rms, count)


def blocks(far: Int16s, mic: Int16s, latency_samples: int = 0) -> Iterator[Block]:
    for at in range(0, far.size - BLOCK + 1, BLOCK):
        yield Block(at, mic[at : at + BLOCK], far[at : at + BLOCK], Span(0, 0), at + latency_samples)
