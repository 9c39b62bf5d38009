"""The spectrogram that the recogniser is given: ours beside whisper.cpp's own, and a decode with either.

    python bench/mel.py [--times 15] [--model whisper-tiny.en] [--json] [--set K=V]

Noise of several lengths, both ways in turn, medians in ms; whisper.cpp takes as many threads for its own as the decoder
has, ours takes one. The decode is a partial: one pass over the spectrogram, the encoder and the words that noise has.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models.process  # first: the runtime reads what it sets up

# isort: split
import _pywhispercpp as pw
import numpy as np

from bench.figures import median, ratio, show
from bench.options import Parser, count
from device.assembly import open_store
from device.cli.boundary import guarded
from device.config import load_settings
from models.mel import whisper_mel
from models.protocols import SAMPLE_RATE_HZ
from models.stt import FULL_CONTEXT, WhisperCpp

LENGTHS_S = (1.5, 3.0, 6.0, 15.0)


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=15)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.common()
    args = parser.parse_args()
    path = open_store(load_settings(None, args.set)).path(args.model)
    ours, own = WhisperCpp(path), WhisperCpp(path)
    own._bands = 0  # it is whisper.cpp that makes the spectrogram then
    threads = models.process.worker_threads(0, most=4)
    rows: list[dict[str, float | None]] = []
    if not args.json:
        print(f"{'s':>5} {'ours':>8} {'its own':>8} {'ratio':>6}   decode: {'ours':>8} {'its own':>8}")
    for length_s in LENGTHS_S:
        audio = np.random.default_rng(0).normal(0, 0.1, int(length_s * SAMPLE_RATE_HZ)).astype(np.float32)
        ways: tuple[Callable[[], object], ...] = (
            lambda a=audio: whisper_mel(a, 2 * FULL_CONTEXT),
            lambda a=audio: pw.whisper_pcm_to_mel(own._context, a, len(a), threads),
            lambda a=audio: ours.transcribe(a, effort="partial"),
            lambda a=audio: own.transcribe(a, effort="partial"),
        )
        mine, its, decode, other = (median(each) or 0.0 for each in taken_ms(ways, args.times))
        row = {"length_s": length_s, "ours_ms": mine, "its_own_ms": its, "ratio": ratio(its, mine)}
        rows.append({**row, "decode_ms": decode, "decode_with_its_own_ms": other})
        if not args.json:
            print(f"{length_s:5.1f} {mine:8.1f} {its:8.1f} {its / mine:6.1f}           {decode:8.1f} {other:8.1f}")
    if args.json:
        show({}, as_json=True, rows=rows)
    return 0


def taken_ms(ways: tuple[Callable[[], object], ...], times: int) -> list[list[float]]:
    """Each of `ways` `times` times, in turn."""
    out: list[list[float]] = [[] for _ in ways]
    for _ in range(times):
        for way, taken in zip(ways, out, strict=True):
            begun_s = time.perf_counter()
            way()
            taken.append((time.perf_counter() - begun_s) * 1000)
    return out


if __name__ == "__main__":
    sys.exit(guarded(main))
