"""What the echo canceller costs, and how much echo still passes for a voice.

    python bench/echo_cpu.py                         # µs a block, % of a core
    python bench/echo_cpu.py --vad SILERO.onnx --speech A.wav B.wav     # with the detector, and on real speech

The room is synthetic (RT60 250 ms, 30 ms of output latency and 5 ms of air); in the second case the loudspeaker clips
at 30 % of full scale.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from dsp.echo import EchoCanceller
from dsp.resample import resample
from dsp.types import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Floats, Int16s
from models.vad import SileroVad

FRAME_SAMPLES = 512


def as_floats(x: npt.NDArray[np.float64]) -> Floats:
    return x.astype(np.float32)


def synthetic_voice(seconds: float) -> Floats:
    """Noise in syllables, four a second: for cost, not for the share that passes for speech."""
    n = int(seconds * SAMPLE_RATE_HZ)
    syllables = np.clip(np.sin(2 * np.pi * 4 * np.arange(n) / SAMPLE_RATE_HZ), 0, 1)
    return as_floats(np.random.default_rng(1).normal(0, 0.1, n) * syllables)


def speech(files: list[Path]) -> Floats:
    """The files one after another, 16 kHz, each at -20 dBFS."""
    parts: list[Floats] = []
    for file in files:
        pcm, rate_hz = sf.read(file, dtype="int16", always_2d=True)
        mono = resample(np.ascontiguousarray(pcm[:, 0]), rate_hz, SAMPLE_RATE_HZ) / 32768
        parts += [as_floats(mono * 0.1 / max(1e-6, float(np.sqrt(np.mean(mono**2))))), as_floats(np.zeros(4800))]
    return np.concatenate(parts)


def room(rt60_s: float = 0.25, delay_samples: int = 560, taps: int = 6400) -> Floats:
    """Unit energy, exponential decay after the direct path."""
    rng = np.random.default_rng(2)
    h = np.zeros(taps)
    n = np.arange(taps - delay_samples)
    h[delay_samples:] = 0.08 * rng.standard_normal(len(n)) * 10 ** (-3 * n / (rt60_s * SAMPLE_RATE_HZ))
    h[delay_samples] = 1
    return as_floats(h / np.sqrt(np.sum(h**2)))


def to_int16(x: Floats) -> Int16s:
    return np.clip(np.rint(x * 32767), -32768, 32767).astype(np.int16)


def cancel(near: Int16s, far: Int16s, tail_ms: float) -> tuple[Int16s, float]:
    """The clean signal, and µs a block."""
    blocks = len(near) // BLOCK_SAMPLES
    out = np.empty(blocks * BLOCK_SAMPLES, np.int16)
    with EchoCanceller(tail_ms) as canceller:
        start = time.process_time()
        for at in range(0, len(out), BLOCK_SAMPLES):
            out[at : at + BLOCK_SAMPLES] = canceller.process(
                near[at : at + BLOCK_SAMPLES], far[at : at + BLOCK_SAMPLES]
            )
        spent = time.process_time() - start
    return out, spent / blocks * 1e6


def voiced_share(vad: SileroVad, pcm: Int16s) -> tuple[float, float]:
    """Share of frames over 0.5, and µs a frame."""
    vad.reset()
    floats = as_floats(pcm / 32768)
    frames = range(0, len(floats) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    start = time.process_time()
    voiced = [vad.probability(floats[at : at + FRAME_SAMPLES]) > 0.5 for at in frames]
    return float(np.mean(voiced)), (time.process_time() - start) / len(voiced) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--vad", type=Path, help="Silero's ONNX file")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="what the loudspeaker says")
    parser.add_argument("--tail-ms", type=float, default=200)
    args = parser.parse_args()
    vad = SileroVad(args.vad) if args.vad else None
    far = speech(args.speech) if args.speech else synthetic_voice(30)
    noise = np.random.default_rng(3).normal(0, 10 ** (-65 / 20), len(far)).astype(np.float32)
    for name, gain_db, limit in (("echo +0 dB", 0.0, 1.0), ("echo +6 dB, clipped loudspeaker", 6.0, 0.3)):
        sound = np.clip(far * 10 ** (gain_db / 20), -limit, limit)
        near = to_int16((np.convolve(sound, room())[: len(far)] + noise).astype(np.float32))
        clean, block_us = cancel(near, to_int16(far), args.tail_ms)
        line = f"{name}: {block_us:.0f} µs a block of 10 ms, {block_us / 100:.2f} % of a core"
        if vad is not None:
            before, _ = voiced_share(vad, near)
            after, frame_us = voiced_share(vad, clean)
            line += (
                f"; VAD {frame_us:.0f} µs a frame of 32 ms, together {block_us / 100 + frame_us / 320:.2f} %"
                f"; taken for a voice: {before:.1%} before, {after:.1%} after"
            )
        print(line)


if __name__ == "__main__":
    main()
