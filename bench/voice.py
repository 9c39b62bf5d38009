"""What the voice says, written down again by a recogniser: word errors, speed and loudness.

    python bench/voice.py [--recogniser whisper-base] [--sentences bench/sentences.txt] [--json]

Each line of the file is spoken as one clause, whole and once more in parts, and transcribed by the larger model; the
figure is about the voice and how text is prepared for it, so the recogniser should be better than the one the
appliance listens with.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.words import count_errors
from device.config import load_settings
from models.loudness import loudness_lufs
from models.protocols import SAMPLE_RATE_HZ
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
        "wer_percent": round(100 * sum(row["errors"] for row in rows) / sum(row["words"] for row in rows), 2),
        "rtf": round(sum(row["synthesis_s"] for row in rows) / sum(row["audio_s"] for row in rows), 4),
        "synthesis_ms_p50": round(1000 * float(np.median([row["synthesis_s"] for row in rows])), 1),
        "first_part_ms_p50": round(float(np.median([row["first_part_ms"] for row in rows])), 1),
        "first_part_audio_ms_p50": round(float(np.median([row["first_part_audio_ms"] for row in rows])), 1),
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
            if row["errors"]:
                print(f"{row['errors']} of {row['words']}: {row['text']}\n{'':9}{row['heard']}")
        for name, value in summary.items():
            print(f"{name:20} {value}")
    return 0


def measure(text: str, voice: PiperVoice, recogniser: WhisperCpp) -> dict[str, object]:
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
    heard = recogniser.transcribe(np.pad(pcm, SAMPLE_RATE_HZ // 4)).text
    errors, words = count_errors(text, heard)
    voiced = pcm[: np.flatnonzero(pcm)[-1] + 1]
    return {
        "text": text,
        "heard": heard,
        "errors": errors,
        "words": words,
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


if __name__ == "__main__":
    sys.exit(main())
