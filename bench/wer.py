"""Word errors of the recogniser's adapter beside those of pywhispercpp on whole files with the whole window.

    python bench/wer.py [--model whisper-tiny.en] [--data ../shared/data] [--sets read_misc ha_commands_en] [--json]

The adapter gives the encoder a window as long as the utterance and never falls back to higher temperatures; this says
what that costs in words and what it saves in time. Each set is a folder with a manifest.tsv (columns file, label; a
label in parentheses describes the text and is left out).
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.whole_window import whole_window

# isort: split
import numpy as np

from bench.words import count_errors
from device.audio.files import load_audio
from device.config import load_settings
from models.protocols import Floats
from models.store import open_store
from models.stt import WhisperCpp


@dataclass
class Score:
    errors: int = 0
    words: int = 0
    decode_s: float = 0.0
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def wer(self) -> float:
        """Per cent."""
        return 100 * self.errors / max(1, self.words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["read_misc", "ha_commands_en"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    settings = load_settings(None, [])
    adapter = WhisperCpp(open_store(settings.models.dir).path(args.model))
    ways: dict[str, Callable[[Floats], str]] = {
        "adapter": lambda audio: adapter.transcribe(audio).text,
        "whole": whole_window(settings, args.model),
    }
    results: dict[str, dict[str, Score]] = {}
    for name in args.sets:
        results[name] = {way: Score() for way in ways}
        with (args.data / name / "manifest.tsv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["label"].startswith("("):
                    continue  # a description, not a transcript
                audio = load_audio(args.data / name / row["file"]).astype(np.float32) / 32768
                for way, hear in ways.items():
                    add(results[name][way], row, audio, hear)
    results["all"] = {way: total([results[name][way] for name in args.sets]) for way in ways}
    adapter.close()
    if args.json:
        print(json.dumps({name: as_json(scores) for name, scores in results.items()}, ensure_ascii=False))
    else:
        show(results)
    return 0


def add(score: Score, row: dict[str, str], audio: Floats, hear: Callable[[Floats], str]) -> None:
    began = time.perf_counter()
    text = hear(audio)
    score.decode_s += time.perf_counter() - began
    errors, words = count_errors(row["label"], text)
    score.errors += errors
    score.words += words
    score.texts[row["file"]] = text


def total(scores: list[Score]) -> Score:
    return Score(sum(s.errors for s in scores), sum(s.words for s in scores), sum(s.decode_s for s in scores))


def as_json(scores: dict[str, Score]) -> dict[str, object]:
    out: dict[str, object] = {
        way: {
            "wer_percent": round(s.wer, 2),
            "errors": s.errors,
            "words": s.words,
            "decode_s": round(s.decode_s, 2),
            "texts": s.texts,
        }
        for way, s in scores.items()
    }
    return out | {"difference_points": round(scores["adapter"].wer - scores["whole"].wer, 2)}


def show(results: dict[str, dict[str, Score]]) -> None:
    print(f"{'set':20} {'words':>6} {'adapter':>9} {'whole':>9} {'difference':>11}   decode s, adapter / whole")
    for name, scores in results.items():
        ours, whole = scores["adapter"], scores["whole"]
        print(
            f"{name:20} {ours.words:6} {ours.wer:8.2f}% {whole.wer:8.2f}% {ours.wer - whole.wer:+10.2f}   "
            f"{ours.decode_s:.1f} / {whole.decode_s:.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
