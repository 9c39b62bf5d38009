"""Wake mode through the whole program on the virtual card: word and command in one breath, and "stop" over an answer.

    python bench/wake_program.py [turns.tsv] [--only N] [--stops N] [--echo-db DB] [--set KEY=VALUE] [--json]

Each utterance of the manifest is said behind a recorded wake word of ../shared/data/wake that the models notice, with
no pause, 0.1 s and 1.2 s between them, in turn. Counted: was the word noticed, how many words of the transcript are
wrong against that of the utterance alone, and TTFA from the end of speech. Then a long story is asked for, and "Stop."
said over it without a wake word, in four voices: from its first sound to the last audible 10 ms of the story.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.options import DATA, Parser, Utterance, count_or_none, load_utterances
from bench.turn_runs import Bench, open_bench
from bench.wake import room
from bench.words import count_errors
from device.audio.files import load_audio
from device.audio.measure import last_audible_sample, speech_end_sample, speech_rms, speech_start_sample
from device.converse.script import Timing
from device.dialogue.events import Commit, Interrupted, PlayoutStart, Wake
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ

WAKE = (
    "okay_nabu/pymicro_2.wav",
    "hey_jarvis/pymicro_3.wav",
    "alexa/54.flac",
    "okay_nabu/wyoming_okay_nabu.wav",
    "hey_mycroft/raven_2.wav",
    "alexa/125.flac",
)
GAPS_S = (0.0, 0.1, 1.2)
STORY = "Okay Nabu, tell me a long story about a dog."
SETTINGS = ("turn.listen=wake", "wake.words=okay_nabu,hey_jarvis,alexa,hey_mycroft", "wake.follow_up_ms=0")
PITCHES = (17_920, 16_000, 15_000, 19_200)


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.add_argument("--stops", type=count_or_none, default=8, help='how often "stop" is said')
    parser.add_argument("--echo-db", type=float, default=-6.0)
    parser.common()
    args = parser.parse_args()
    with open_bench([*SETTINGS, *args.set]) as bench:
        utterances = load_utterances(args.source, args.only)
        ways = zip(utterances, itertools.cycle(WAKE), itertools.cycle(GAPS_S), strict=False)
        breaths = [tell(args.json, breath(bench, said, word, gap, args.echo_db)) for said, word, gap in ways]
        stops = [tell(args.json, stop(bench, n, args.echo_db)) for n in range(args.stops)]
    total = summary(breaths, stops)
    print(json.dumps({"breaths": breaths, "stops": stops, **total}) if args.json else json.dumps(total, indent=1))
    return 0


def tell(quiet: bool, row: dict[str, Any]) -> dict[str, Any]:
    if not quiet:
        print(row, flush=True)
    return row


def breath(bench: Bench, said: Utterance, word: str, gap_s: float, echo_db: float) -> dict[str, Any]:
    spliced = behind(word, said, gap_s)
    run = bench.session([spliced], echo_db=echo_db)
    outcome = run.outcomes[0]
    alone = bench.models.recogniser.transcribe(said.pcm.astype(np.float32) / 32768).text
    wrong, words = count_errors(alone, outcome.transcript)
    return {
        "wake": word,
        "gap_s": gap_s,
        "text": said.text,
        "alone": alone,
        "transcript": outcome.transcript,
        "noticed": any(isinstance(e, Wake) for e in run.result.events),
        "turns": run.commits,
        "words": words,
        "wrong": wrong,
        "ttfa_ms": outcome.ttfa_ms,
    }


def behind(word: str, said: Utterance, gap_s: float) -> Utterance:
    """`said` as loud as it is, behind a wake word that is as loud."""
    pcm = load_audio(DATA / "wake" / word)
    pcm = pcm[: speech_end_sample(pcm)]
    pcm = (pcm * (speech_rms(said.pcm) / speech_rms(pcm))).clip(-32768, 32767).astype(np.int16)
    first = max(0, (speech_start_sample(said.pcm) or 0) - SAMPLE_RATE_HZ // 50)
    gap = room(np.random.default_rng(0), round(gap_s * SAMPLE_RATE_HZ))
    whole = np.concatenate([pcm, gap, said.pcm[first:]])
    return Utterance(said.name, said.text, whole, said.speech_end - first + pcm.size + gap.size)


def stop(bench: Bench, n: int, echo_db: float) -> dict[str, Any]:
    story, word = spoken(bench, STORY, PITCHES[0]), spoken(bench, "Stop.", PITCHES[n % len(PITCHES)])
    run = bench.session([story, word], Timing(at_s=(0.5, 7.0 + 0.137 * n)), echo_db=echo_db)
    onset = run.result.placed[1] + (speech_start_sample(word.pcm) or 0)
    end = run.result.placed[1] + word.speech_end
    events = run.result.events
    sounded = any(isinstance(e, PlayoutStart) and e.sample < onset for e in events)
    cut = next((e for e in events if isinstance(e, Interrupted)), None)
    silent = last_audible_sample(run.speaker[: run.speaker.size // 160 * 160])
    stopped = cut is not None and silent is not None and sounded
    ms = SAMPLE_RATE_HZ // 1000
    return {
        "stop": n,
        "told": sounded,
        "stopped": stopped,
        "too_soon": cut is not None and cut.sample < onset,
        "onset_to_silence_ms": round((silent - onset) / ms) if stopped and silent is not None else None,
        "end_to_silence_ms": round((silent - end) / ms) if stopped and silent is not None else None,
        "turns": sum(isinstance(e, Commit) for e in events),
    }


def spoken(bench: Bench, text: str, rate_hz: int) -> Utterance:
    speech = bench.models.voice.speak(text)
    assert speech is not None
    pcm = resample(speech.pcm, rate_hz, SAMPLE_RATE_HZ)
    return Utterance(text, text, pcm, speech_end_sample(pcm) or pcm.size)


def summary(breaths: list[dict[str, Any]], stops: list[dict[str, Any]]) -> dict[str, Any]:
    def percentiles(rows: list[dict[str, Any]], key: str) -> list[float]:
        values = [row[key] for row in rows if row[key] is not None]
        return [round(float(p)) for p in np.percentile(values, [50, 95])] if values else []

    told = [row for row in stops if row["told"]]
    return {
        "noticed": f"{sum(row['noticed'] for row in breaths)} of {len(breaths)}",
        "words_wrong": f"{sum(row['wrong'] for row in breaths)} of {sum(row['words'] for row in breaths)}",
        "same_transcript": f"{sum(row['wrong'] == 0 for row in breaths)} of {len(breaths)}",
        "one_turn_each": sum(row["turns"] == 1 for row in breaths),
        "ttfa_ms_p50_p95": percentiles(breaths, "ttfa_ms"),
        "stopped": f"{sum(row['stopped'] for row in told)} of {len(told)}",
        "onset_to_silence_ms_p50_p95": percentiles(told, "onset_to_silence_ms"),
        "end_to_silence_ms_p50_p95": percentiles(told, "end_to_silence_ms"),
    }


if __name__ == "__main__":
    sys.exit(main())
