"""How soon the loudspeaker falls silent when somebody speaks over the answer, from waveform to waveform.

    python bench/barge_in.py ../shared/data/turns.tsv [--runs N] [--echo-db DB] [--json]

Each run asks for a long story (synthesised) on the virtual card and, while it is told, says the next utterance of the
manifest over it, with the loudspeaker audible in the microphone. Measured: from the first speech of the utterance (in
its waveform; clicks and handling noise before it do not count, see `onset_sample`) to the last audible 10 ms of the
answer, and from the decision to that.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from device.assembly import load_models
from device.audio.files import load_audio
from device.audio.measure import BLOCK_SAMPLES, speech_blocks
from device.audio.rooms import synthetic_room
from device.audio.virtual import VirtualCard
from device.config import load_settings
from device.converse.rehearsal import Rehearsal
from device.converse.script import Line, Timing
from device.dialogue.events import Interrupted, to_ms
from device.persona import load_persona
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ
from models.vad import SileroVad

STORY = "Tell me a long story about a dog."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--echo-db", type=float, default=-10.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with args.manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[-args.runs :]
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(None, [f"session.database={scratch}/sessions.db"])
        persona = load_persona(settings.persona)
        models = load_models(settings, persona)
        assert isinstance(models.vad, SileroVad)
        vad = models.vad.fresh()
        asked = models.voice.speak(STORY)
        assert asked is not None
        story = Line("story", resample(asked.pcm, 17_920, 16_000))
        results = []
        for n, row in enumerate(rows):
            over = load_audio(args.manifest.parent / row["file"])
            at_s = 6.0 + 0.137 * n  # another place in the story each time
            card = VirtualCard(impulse_response=synthetic_room(args.echo_db))
            timing = Timing(at_s=(0.5, at_s))
            rehearsal = Rehearsal(settings, persona, models, [story, Line(row["file"], over)], timing, card)
            rehearsal.run()
            results.append(measure(rehearsal, onset_sample(over, vad)))
            if not args.json:
                print(results[-1], flush=True)
    total = summary(results)
    print(json.dumps({"runs": results, **total}) if args.json else "\n".join(f"{k}: {v}" for k, v in total.items()))
    return 0 if total["interrupted"] == len(results) else 1


def onset_sample(over: np.ndarray, vad: SileroVad) -> int:
    """First speech block of the waveform, from 200 ms before the VAD believes in a voice on the clean recording."""
    vad.reset()
    size = vad.frame_samples
    samples = over.astype(np.float32) / 32768
    voiced = (i for i in range(0, len(over) - size + 1, size) if vad.probability(samples[i : i + size]) >= 0.5)
    first = max(0, next(voiced, 0) - SAMPLE_RATE_HZ // 5) // BLOCK_SAMPLES
    blocks = np.flatnonzero(speech_blocks(over)[first:])
    return (first + int(blocks[0]) if len(blocks) else 0) * BLOCK_SAMPLES


def measure(rehearsal: Rehearsal, onset: int) -> dict[str, object]:
    result = rehearsal.result()
    onset_ms = to_ms(result.placed[1] + onset)
    cut = next((e for e in result.events if isinstance(e, Interrupted) and e.turn == 1), None)
    told = result.turns[0]
    silent = told.last_audio_ms
    known = cut is not None and silent is not None
    return {
        "utterance": result.turns[-1].transcript,
        "interrupted": known,
        "too_soon": known and cut.sample < result.placed[1],
        "decision_to_silence_ms": round(silent - to_ms(cut.sample), 1) if known else None,
        "onset_to_silence_ms": round(silent - onset_ms, 1) if known else None,
        "heard": told.reply_heard[-40:],
    }


def summary(results: list[dict[str, object]]) -> dict[str, object]:
    def percentiles(key: str) -> list[float]:
        values = [float(str(r[key])) for r in results if r[key] is not None]
        return [round(float(p), 1) for p in np.percentile(values, [50, 95, 100])] if values else []

    return {
        "interrupted": sum(bool(r["interrupted"]) for r in results),
        "by_its_own_echo": sum(bool(r["too_soon"]) for r in results),
        "decision_to_silence_ms_p50_p95_max": percentiles("decision_to_silence_ms"),
        "onset_to_silence_ms_p50_p95_max": percentiles("onset_to_silence_ms"),
    }


if __name__ == "__main__":
    sys.exit(main())
