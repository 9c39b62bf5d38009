"""Time to first audio over a list of utterances, from waveform to waveform, on the virtual card in real time.

    python bench/turns.py ../shared/data/turns.tsv [--json] [--only N] [--echo-db DB]

The manifest has columns file, seconds, speech_end, text; files lie beside it. Each utterance is a session of its own
with the embedded default. TTFA runs from the manifest's end of speech to the first audible 10 ms at the loudspeaker.
"""

import argparse
import csv
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from device.assembly import load_models
from device.audio.files import load_audio
from device.audio.rooms import delay_and_gain
from device.audio.virtual import VirtualCard
from device.config import load_settings
from device.converse.rehearsal import Rehearsal
from device.converse.script import Line, Timing
from device.dialogue.events import to_ms
from device.persona import load_persona
from models.protocols import SAMPLE_RATE_HZ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", type=int, help="the first N utterances")
    parser.add_argument("--echo-db", type=float, help="the microphone hears the loudspeaker at this gain, 8 ms late")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    with args.manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[: args.only]
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(None, [*args.set, f"session.database={scratch}/sessions.db"])
        persona = load_persona(settings.persona)
        began = time.monotonic()
        models = load_models(settings)
        load_s = time.monotonic() - began
        results = []
        for row in rows:
            line = Line(row["file"], load_audio(args.manifest.parent / row["file"]))
            room = None if args.echo_db is None else delay_and_gain(args.echo_db, 8.0)
            card = VirtualCard(impulse_response=room)
            rehearsal = Rehearsal(settings, persona, models, [line], Timing(), card)
            rehearsal.run()
            results.append(measure(row, rehearsal, card))
            if not args.json:
                show(results[-1])
    total = summary(results, load_s)
    if args.json:
        print(json.dumps({"turns": results, **total}, ensure_ascii=False))
    else:
        for name, value in total.items():
            print(f"{name}: {value}")
    return 0 if total["answered"] == len(rows) and not total["before_the_user_had_finished"] else 1


def measure(row: dict[str, str], rehearsal: Rehearsal, card: VirtualCard) -> dict[str, object]:
    """The turn that answers the whole utterance is the last one; an earlier one cut the user off."""
    result = rehearsal.result()
    speech_end_ms = to_ms(result.placed[0] + round(float(row["speech_end"]) * SAMPLE_RATE_HZ))
    first = min((t.first_audio_ms for t in result.turns if t.first_audio_ms is not None), default=None)
    last = result.turns[-1] if result.turns else None
    answered = last is not None and bool(last.reply_heard)
    return {
        "file": row["file"],
        "text": row["text"],
        "transcript": " | ".join(t.transcript for t in result.turns),
        "reply": last.reply_heard if last is not None else "",
        "answered": answered,
        "ttfa_ms": round(last.first_audio_ms - speech_end_ms, 1)
        if last is not None and last.first_audio_ms is not None
        else None,
        "early": first is not None and first < speech_end_ms,
        "stages_ms": last.stages_ms if last is not None else {},
        "lost_samples": card.stats().capture_lost_samples,
        "starved_samples": card.stats().starved_samples,
        "worst_tick_ms": round(card.worst_late_ms, 1),
    }


def show(turn: dict[str, object]) -> None:
    mark = "EARLY " if turn["early"] else "" if turn["answered"] else "NO ANSWER "
    print(f"{turn['ttfa_ms']!s:>8} ms  {mark}{turn['transcript']!r} -> {str(turn['reply'])[:60]!r}", flush=True)


def summary(results: list[dict[str, object]], load_s: float) -> dict[str, object]:
    ttfa = np.array([r["ttfa_ms"] for r in results if r["ttfa_ms"] is not None], dtype=float)
    p50, p95, p99 = np.percentile(ttfa, [50, 95, 99]) if ttfa.size else (float("nan"),) * 3
    return {
        "utterances": len(results),
        "answered": sum(bool(r["answered"]) for r in results),
        "before_the_user_had_finished": [r["file"] for r in results if r["early"]],
        "ttfa_p50_ms": round(float(p50)),
        "ttfa_p95_ms": round(float(p95)),
        "ttfa_p99_ms": round(float(p99)),
        "models_loaded_s": round(load_s, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    sys.exit(main())
