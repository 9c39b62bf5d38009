"""How many words of the stable prefix are retracted, and how far is it behind the newest transcript?

    python bench/agreement.py [--model whisper-tiny.en] [--data ../shared/data] [--sets ha_commands_en read_misc]
                              [--interval-ms 600] [--apart-ms 400] [--probability 0 0.6 0.8] [--seconds 120] [--json]

Each recording is decoded as it grows, every `interval-ms`, and whole in the end. The decodes are the same for all
values of `apart-ms` and `probability`, so that one run shows what is gained by asking for decodes that lie further
apart or are more probable. `seconds` bounds the time of the decodes.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models.process  # noqa: F401  first: the runtime reads what it sets up

# isort: split
import numpy as np

from bench.stability import stability
from device.audio.files import load_audio
from device.config import load_settings
from device.dialogue.agreement import APART_SAMPLES, LEAST_PROBABILITY, LocalAgreement
from models.protocols import SAMPLE_RATE_HZ, Transcript
from models.store import open_store
from models.stt import WhisperCpp

FIRST_DECODE_MS = 800


@dataclass
class Score:
    apart_ms: float
    probability: float  #: a decode less probable has no say
    stable_words: int = 0  #: that ever were
    retracted_words: int = 0
    recordings_with_any: int = 0
    behind_words: int = 0
    partials: int = 0

    @property
    def retracted_percent(self) -> float:
        return 100 * self.retracted_words / max(1, self.stable_words)

    @property
    def mean_lag_words(self) -> float:
        return self.behind_words / max(1, self.partials)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["ha_commands_en", "read_misc"])
    parser.add_argument("--interval-ms", type=float, default=600.0)
    parser.add_argument("--apart-ms", type=float, nargs="+", default=[1000 * APART_SAMPLES / SAMPLE_RATE_HZ])
    parser.add_argument("--probability", type=float, nargs="+", default=[0.0, 0.6, LEAST_PROBABILITY])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    recogniser = WhisperCpp(open_store(load_settings(None, []).models.dir).path(args.model))
    scores = [Score(apart_ms, probability) for apart_ms in args.apart_ms for probability in args.probability]
    began, recordings = time.monotonic(), 0
    for path in files(args.data, args.sets):
        if time.monotonic() - began > args.seconds:
            break
        decodes = growing(path, recogniser, args.interval_ms)
        recordings += 1
        for score in scores:
            follow(decodes, score)
    recogniser.close()
    if args.json:
        print(json.dumps({"recordings": recordings, "scores": [asdict(score) for score in scores]}))
        return 0
    print(f"{recordings} recordings, {scores[0].partials} partials, one every {args.interval_ms:.0f} ms")
    for score in scores:
        print(
            f"apart {score.apart_ms:4.0f} ms, probability {score.probability:.2f}: {score.retracted_words} of "
            f"{score.stable_words} words retracted, {score.retracted_percent:.2f} %, in {score.recordings_with_any} "
            f"recordings; {score.mean_lag_words:.1f} words behind"
        )
    return 0


def files(data: Path, sets: list[str]) -> Iterator[Path]:
    for name in sets:
        with (data / name / "manifest.tsv").open(newline="", encoding="utf-8") as manifest:
            for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
                if not row["label"].startswith("("):  # a description, not a transcript
                    yield data / name / row["file"]


def growing(path: Path, recogniser: WhisperCpp, interval_ms: float) -> list[tuple[int, Transcript]]:
    """End of the audio in samples, and what was understood of it; the last one is the whole recording."""
    audio = load_audio(path).astype(np.float32) / 32768
    interval = round(interval_ms * SAMPLE_RATE_HZ / 1000)
    ends = range(FIRST_DECODE_MS * SAMPLE_RATE_HZ // 1000, len(audio), interval)
    partials = [(end, recogniser.transcribe(audio[:end], effort="partial")) for end in ends]
    return [*partials, (len(audio), recogniser.transcribe(audio))]


def follow(decodes: list[tuple[int, Transcript]], score: Score) -> None:
    heard = LocalAgreement(round(score.apart_ms * SAMPLE_RATE_HZ / 1000), score.probability)
    prefixes: list[str] = []
    *partials, (_whole_end, whole) = decodes
    for end, partial in partials:
        after = heard.add(partial.text, end, probability=partial.probability)
        prefixes.append(after.stable)
        score.behind_words += len(after.tail.split())
        score.partials += 1
    kept = stability(prefixes, whole.text)
    score.stable_words += kept.declared
    score.retracted_words += kept.retracted
    score.recordings_with_any += kept.retracted > 0


if __name__ == "__main__":
    sys.exit(main())
