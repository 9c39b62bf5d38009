"""How soon an answer falls silent when somebody says "Stop." over it, from waveform to waveform.

    nearfield bench stop [--times 10] [--over-db -6] [--echo-db -6] [--seed 0] [--learn-s 4] [--set KEY=VALUE] [--json]

The whole program on the virtual card asks for stories and says "Stop." over each, at random instants, in simulated
rooms, in the voices of Piper (four pitches) and of espeak-ng, where it is installed (three). The echo of the answer
at the microphone is --echo-db below what is played, and the word --over-db above its echo (both by the RMS of
speech). Measured: from the first sound of the word to the last audible 10 ms of the answer, until the next story is
asked for: whoever falls silent and goes on has not stopped. Over the first story of a room it is said --learn-s later:
by then the canceller has heard the loudspeaker for 6 s. Exit status 1: fewer than 95 % fell silent within 400 ms.
"""

import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.echo_scenes import ROOMS, room
from bench.figures import show
from bench.options import Parser, count, seconds
from bench.turn_runs import Bench, open_bench
from device.audio.files import load_audio
from device.audio.measure import last_audible_sample, speech_end_sample, speech_rms, speech_start_sample
from device.audio.virtual import VirtualCard
from device.cli.boundary import guarded
from device.converse.rehearsal import Rehearsal, Result
from device.converse.script import Line, Timing
from device.dialogue.events import Controlled, Final, Interrupted, PlayoutEnd, PlayoutStart, SpeechStart
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

A_SESSION = 5  # stories; then the room is another one
EVERY_S = 7.0  # from one wish for a story to the next
WORD_S = (4.6, 5.6)  # the word, so long after the wish began
IN_VAIN_MS = 1_000.0
GOAL_MS, GOAL_SHARE = 400.0, 0.95
ABOUT = ("dog", "ship", "king", "garden", "river")
PITCHES_HZ = (16_000, 14_600, 17_920, 19_200)
ESPEAK = ("en-us", "en-gb+f3", "en-us+m3")
BLOCK_SAMPLES = SAMPLE_RATE_HZ // 100

Row = dict[str, Any]


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=10, metavar="N", help="how often it is said (10)")
    parser.add_argument("--over-db", type=float, default=-6.0, metavar="DB", help="the word over its echo (-6)")
    parser.add_argument("--echo-db", type=float, default=-6.0, metavar="DB", help="the echo over what is played (-6)")
    parser.add_argument("--seed", type=int, default=0, help="of instants, rooms and the order of the voices (0)")
    parser.add_argument("--learn-s", type=seconds, default=4.0, metavar="S", help="the first so much later (4)")
    parser.common()
    args = parser.parse_args()
    chance = random.Random(args.seed)
    rows: list[Row] = []
    with open_bench(args.set) as bench:
        rms = speech_rms(said(bench, "Once upon a time there was a dog.", SAMPLE_RATE_HZ))
        rms *= 10 ** ((args.echo_db + args.over_db) / 20)
        voices = [(name, at_level(pcm, rms)) for name, pcm in words(bench)]
        while len(rows) < args.times:
            of = [voices[(args.seed + n) % len(voices)] for n in range(len(rows), args.times)][:A_SESSION]
            number = (2 * args.seed + len(rows) // A_SESSION) % len(ROOMS)
            gain = np.float32(10 ** (args.echo_db / 20))
            for row in session(bench, of, room(number) * gain, chance, args.learn_s):
                rows.append({"room": number, **row})
                if not args.json:
                    print(rows[-1], flush=True)
    total = summary(rows)
    show(total, as_json=args.json, rows=rows)
    return 0 if total["goal_reached"] else 1


def words(bench: Bench) -> list[tuple[str, Int16s]]:
    """ "Stop.", (n,) int16 at 16 kHz each, by the name of its voice."""
    piper = [(f"piper {hz / 16_000:.2f}", said(bench, "Stop.", hz)) for hz in PITCHES_HZ]
    if shutil.which("espeak-ng") is None:
        return piper
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stop.wav")
        others = []
        for name in ESPEAK:
            subprocess.run(["espeak-ng", "-v", name, "-w", str(file), "Stop."], check=True)
            others.append((f"espeak {name}", load_audio(file)))
    return [each for n in range(len(piper)) for each in (*piper[n : n + 1], *others[n : n + 1])]


def said(bench: Bench, text: str, rate_hz: int) -> Int16s:
    """The assistant's own voice, higher the higher `rate_hz`; 16 kHz is as it is."""
    speech = bench.models.voice.speak(text)
    assert speech is not None
    return resample(speech.pcm, rate_hz, SAMPLE_RATE_HZ) if rate_hz != SAMPLE_RATE_HZ else speech.pcm


def at_level(pcm: Int16s, rms: float) -> Int16s:
    return (pcm * (rms / speech_rms(pcm))).clip(-32768, 32767).astype(np.int16)


def session(
    bench: Bench, voices: list[tuple[str, Int16s]], response: Floats, chance: random.Random, learn_s: float
) -> list[Row]:
    """As many stories as `voices`, and the word over each."""
    lines, at_s = [], []
    for n, (name, pcm) in enumerate(voices):
        begins_s = 0.5 + n * EVERY_S + (learn_s if n else 0)
        wish = said(bench, f"Tell me a long story about a {ABOUT[n % len(ABOUT)]}.", PITCHES_HZ[2])
        lines += [Line(f"wish {n}", wish), Line(name, pcm)]
        at_s += [begins_s, begins_s + chance.uniform(*WORD_S) + (0 if n else learn_s)]
    card = VirtualCard(impulse_response=response)
    rehearsal = Rehearsal(bench.settings, bench.persona, bench.models, lines, Timing(at_s=tuple(at_s)), card)
    rehearsal.run()
    _mic, speaker = card.recording()
    result = rehearsal.result()
    return [measured(result, speaker, 2 * n + 1, lines[2 * n + 1]) for n in range(len(voices))]


def measured(result: Result, speaker: Int16s, number: int, line: Line) -> Row:
    onset = result.placed[number] + (speech_start_sample(line.pcm) or 0)
    until = min(result.placed.get(number + 1, speaker.size), speaker.size) // BLOCK_SAMPLES * BLOCK_SAMPLES
    ends = (PlayoutStart, PlayoutEnd, Interrupted)
    newest = next((e for e in reversed(result.events) if isinstance(e, ends) and e.sample <= onset), None)
    told = isinstance(newest, PlayoutStart)
    last = last_audible_sample(speaker[:until])
    late_ms = None if last is None else max(0.0, (last - onset) * 1000 / SAMPLE_RATE_HZ)
    stopped = told and late_ms is not None and late_ms <= IN_VAIN_MS
    events = [e for e in result.events if onset <= e.sample < until]
    return {
        "voice": line.name,
        "lasts_ms": round(((speech_end_sample(line.pcm) or line.pcm.size) - onset + result.placed[number]) / 16),
        "told": told,
        "stopped": stopped,
        "noticed": any(isinstance(e, SpeechStart) for e in events),
        "obeyed": any(isinstance(e, Controlled) for e in events),
        "heard": next((e.text for e in reversed(events) if isinstance(e, Final)), None),
        "onset_to_silence_ms": round(late_ms, 1) if stopped and late_ms is not None else None,
    }


def summary(rows: list[Row]) -> dict[str, object]:
    """The percentiles are of those that stopped."""
    told = [row for row in rows if row["told"]]
    late = sorted(row["onset_to_silence_ms"] for row in told if row["stopped"])
    within = sum(ms <= GOAL_MS for ms in late)
    percentiles = [round(float(p)) for p in np.percentile(late, [50, 95, 100])] if late else []
    return {
        "said": len(told),
        "in_vain": sum(not row["stopped"] for row in told),
        "not_noticed": sum(not row["noticed"] for row in told),
        "obeyed": sum(row["obeyed"] for row in told),
        "within_400_ms": within,
        "goal_reached": within >= GOAL_SHARE * len(told),
        "onset_to_silence_ms_p50_p95_max": percentiles,
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
