"""What the voice says, written down again by a recogniser: word errors, speed and loudness.

    python bench/voice.py [--recogniser whisper-base] [--sentences bench/sentences.txt] [--json]

Each line of the file is spoken as one clause: whole, in parts, and once more begun before its text is complete, as the
first clause of an answer is. Whole and begun are transcribed by the larger model; the figure is about the voice and how
text is prepared for it, so the recogniser should be better than the one the appliance listens with.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.words import count_errors
from device.config import load_settings
from device.dialogue.clauses import ClausePolicy, ClauseSplitter, Unhurried
from models.loudness import loudness_lufs
from models.protocols import SAMPLE_RATE_HZ, Speech, joined, never
from models.store import open_store
from models.stt import WhisperCpp
from models.tts import PiperVoice


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", default="piper-en_US-joe-medium")
    parser.add_argument("--recogniser", default="whisper-base")
    parser.add_argument("--sentences", type=Path, default=Path(__file__).with_name("sentences.txt"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    store = open_store(load_settings(None, []).models.dir)
    voice, recogniser = PiperVoice(store.path(args.voice)), WhisperCpp(store.path(args.recogniser))
    rows = [measure(line, voice, recogniser) for line in args.sentences.read_text("utf-8").splitlines() if line.strip()]
    levels = [row["loudness_lufs"] for row in rows]
    summary = {
        "sentences": len(rows),
        "words": sum(row["words"] for row in rows),
        "wer_percent": _percent(rows, "errors"),
        "opened": sum(row["opened_errors"] is not None for row in rows),
        "opened_wer_percent": _percent(rows, "opened_errors"),
        "same_whole_wer_percent": _percent([row for row in rows if row["opened_errors"] is not None], "errors"),
        "opening_ms_p50": _median(rows, "opening_ms"),
        "behind_opening_ms_p50": _median(rows, "behind_opening_ms"),
        "behind_opening_ms_max": max((row["behind_opening_ms"] or 0 for row in rows), default=0),
        "rtf": round(sum(row["synthesis_s"] for row in rows) / sum(row["audio_s"] for row in rows), 4),
        "synthesis_ms_p50": round(1000 * float(np.median([row["synthesis_s"] for row in rows])), 1),
        "first_part_ms_p50": _median(rows, "first_part_ms"),
        "first_part_audio_ms_p50": _median(rows, "first_part_audio_ms"),
        "ahead_ms_min": min(row["ahead_ms"] for row in rows),
        "loudness_lufs_mean": round(float(np.mean(levels)), 2),
        "loudness_lu_sd": round(float(np.std(levels)), 2),
        "loudness_lufs_min": min(levels),
        "loudness_lufs_max": max(levels),
        "peak_dbfs_max": max(row["peak_dbfs"] for row in rows),
    }
    if args.json:
        print(json.dumps({**summary, "rows": rows}, ensure_ascii=False))
    else:
        for row in rows:
            for errors, heard in ((row["errors"], row["heard"]), (row["opened_errors"], row["opened_heard"])):
                if errors:
                    print(f"{errors} of {row['words']}: {row['text']}\n{'':9}{heard}")
        for name, value in summary.items():
            print(f"{name:20} {value}")
    return 0


def _percent(rows: list[dict[str, Any]], key: str) -> float | None:
    counts = [(row[key], row["words"]) for row in rows if row[key] is not None]
    return round(100 * sum(e for e, _ in counts) / sum(w for _, w in counts), 2) if counts else None


def _median(rows: list[dict[str, Any]], key: str) -> float | None:
    known = [row[key] for row in rows if row[key] is not None]
    return round(float(np.median(known)), 1) if known else None


def opened(text: str, voice: PiperVoice) -> tuple[Speech | None, float, float]:
    """`text`, begun when its first words are there; ms until they were audio, and from its end to what follows them."""
    splitter, begins = ClauseSplitter(ClausePolicy(), AtOnce()), None
    for piece in re.findall(r"\s*\S+", text):
        if splitter.feed(piece):
            return None, 0.0, 0.0
        if (begins := splitter.opening()) is not None:
            break
    began = time.perf_counter()
    opening = None if begins is None else voice.open(begins)
    opening_ms = 1000 * (time.perf_counter() - began)
    if opening is None:
        return None, opening_ms, 0.0
    began, parts, behind_ms = time.perf_counter(), [opening.part], 0.0
    for part in opening.rest(text, never):
        behind_ms = behind_ms or 1000 * (time.perf_counter() - began)
        parts.append(part)
    return joined(parts), opening_ms, behind_ms


class AtOnce(Unhurried):
    """The rest always comes in time."""

    def opens(self, rest_chars: int, clause_chars: int, *, pauses: bool) -> bool:  # noqa: ARG002
        return True


def measure(text: str, voice: PiperVoice, recogniser: WhisperCpp) -> dict[str, Any]:
    began = time.perf_counter()
    speech = voice.speak(text)
    synthesis_s = time.perf_counter() - began
    if speech is None:
        raise SystemExit(f"nothing to say in {text!r}")
    began = time.perf_counter()
    came_ms, audio_ms = [], []
    for part in voice.speak_parts(text):
        came_ms.append(1000 * (time.perf_counter() - began))
        audio_ms.append(1000 * len(part.pcm) / SAMPLE_RATE_HZ)
    pcm = (speech.pcm / 32768).astype(np.float32)
    heard = _heard(speech, recogniser)
    errors, words = count_errors(text, heard)
    begun, opening_ms, behind_ms = opened(text, voice)
    begun_heard = "" if begun is None else _heard(begun, recogniser)
    voiced = pcm[: np.flatnonzero(pcm)[-1] + 1]
    return {
        "text": text,
        "heard": heard,
        "errors": errors,
        "words": words,
        "opened_heard": begun_heard,
        "opened_errors": None if begun is None else count_errors(text, begun_heard)[0],
        "opening_ms": None if begun is None else round(opening_ms, 1),
        "behind_opening_ms": None if begun is None else round(behind_ms, 1),
        "synthesis_s": round(synthesis_s, 4),
        "first_part_ms": round(came_ms[0], 1),
        "first_part_audio_ms": round(audio_ms[0], 1),
        # what still sounds when the next part comes; below 0 there is a gap
        "ahead_ms": round(
            min((sum(audio_ms[:n]) - (came_ms[n] - came_ms[0]) for n in range(1, len(came_ms))), default=audio_ms[0]), 1
        ),
        "audio_s": round(len(pcm) / SAMPLE_RATE_HZ, 3),
        "loudness_lufs": round(loudness_lufs(voiced, rate_hz=SAMPLE_RATE_HZ), 2),
        "peak_dbfs": round(20 * float(np.log10(np.max(np.abs(voiced)))), 2),
    }


def _heard(speech: Speech, recogniser: WhisperCpp) -> str:
    audio = (speech.pcm / 32768).astype(np.float32)
    return recogniser.transcribe(np.pad(audio, SAMPLE_RATE_HZ // 4)).text


if __name__ == "__main__":
    sys.exit(main())
