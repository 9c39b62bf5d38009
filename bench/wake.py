"""Wake words on recordings: how many are noticed, and how often something else is taken for one.

    python bench/wake.py [--data ../shared/data] [--curve] [--speeds] [--json]
    python bench/wake.py --hits --noise picovoice_kitchen.wav --snr-db 10

Hits: every recording of wake/ of a word that there is a model for, on its own behind 2 s of a quiet room. False
accepts: all other speech and noise there, as one long stream with all four models listening; what a model says to the
word of another is one too. Everything through the adapter of the appliance, in blocks of 10 ms.
--curve: at eight sensitivities.
--speeds: false accepts also at 0.9 and 1.1 times the speed, as other people might say it: three times the hours.
--hits: no false accepts. --noise: a recording of noise/ under each wake word and the room before it.
"""

import csv
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.options import DATA, Parser
from device.assembly import open_store
from device.audio.files import load_audio
from device.audio.measure import speech_end_sample, speech_rms
from device.config import load_settings
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ, Int16s, WakeDetection
from models.wake import REFRACTORY_MS, WakeWord, WakeWords

WORDS = ("okay_nabu", "hey_jarvis", "alexa", "hey_mycroft")
#: Speech and noise that no wake word is said in; of wake/ everything that is not "positive" for one of the models.
OTHERS = (
    "speech_negatives", "librispeech_other", "noise", "read_misc", "nonnative_speechocean", "ha_commands_en",
    "ha_commands_fr", "assistant_misc", "barista_commands", "spoken_digits", "eot",
)  # fmt: skip
CURVE = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BLOCK = SAMPLE_RATE_HZ // 100
LEAD = 2 * SAMPLE_RATE_HZ
BETWEEN = SAMPLE_RATE_HZ // 2
ROOM_RMS = 8.0  # -72 dB of full scale: a quiet room


@dataclass(frozen=True, slots=True)
class Clip:
    path: Path
    word: str  #: the model whose word is said in it, "" if none


def main() -> int:
    parser = Parser(__doc__)
    parser.data()
    parser.add_argument("--curve", action="store_true", help="at eight sensitivities")
    parser.add_argument("--speeds", action="store_true", help="what is no wake word slower and faster, too")
    parser.add_argument("--hits", action="store_true", help="without what is no wake word")
    parser.add_argument("--noise", metavar="FILE", help="of noise/, under each wake word")
    parser.add_argument("--snr-db", type=float, default=10.0, help="speech over that noise, in dB")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    args = parser.parse_args()
    sensitivities = CURVE if args.curve else (0.5,)
    clips = list(wake_clips(args.data))
    positives = [clip for clip in clips if clip.word]
    negatives = [clip.path for clip in clips if not clip.word] + list(other_recordings(args.data))
    if args.hits:
        negatives = []
    noise = None if args.noise is None else Noise(load_audio(args.data / "noise" / args.noise), args.snr_db)
    speeds = (1.0, 0.9, 1.1) if args.speeds else (1.0,)
    heard = hear(max(sensitivities), positives, negatives, speeds, noise)
    rows = [judge(heard, s, positives) for s in sensitivities]
    if args.json:
        print(json.dumps({"sensitivities": rows}, ensure_ascii=False))
    else:
        show(rows)
    ours = next(row for row in rows if row["sensitivity"] == 0.5)
    return 0 if ours["hit_rate"] >= 0.97 and ours["false_accepts_an_hour"] <= 0.5 else 1


@dataclass(frozen=True, slots=True)
class Found:
    """A detection at the highest sensitivity, in one of the stretches that were heard."""

    stretch: int
    detection: WakeDetection
    path: Path
    said: str  #: the word that is truly said there
    end: int | None  #: where the speech ends
    speed: float


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was heard, once."""

    found: list[Found]
    hours: float
    hours_as_recorded: float
    cpu_ms_a_second: float


class Noise:
    """Noise to say a wake word in."""

    def __init__(self, pcm: Int16s, snr_db: float) -> None:
        self._pcm, self._snr_db, self._at = pcm.astype(np.float32), snr_db, 0

    def under(self, pcm: Int16s, said: Int16s) -> Int16s:
        """`pcm` with the next stretch of the noise, at that distance from the speech in `said`."""
        part = np.take(self._pcm, np.arange(self._at, self._at + pcm.size), mode="wrap")
        self._at += pcm.size
        part *= speech_rms(said) / np.sqrt(np.mean(part * part)) * 10 ** (-self._snr_db / 20)
        return (pcm + part).clip(-32768, 32767).astype(np.int16)


def hear(
    sensitivity: float,
    positives: Sequence[Clip],
    negatives: Sequence[Path],
    speeds: Sequence[float],
    noise: Noise | None = None,
) -> Heard:
    """Every 10 ms in which a model was convinced at `sensitivity`: what a lower one makes of it is known from that."""
    words = open_words(sensitivity)
    rng = np.random.default_rng(0)
    found: list[Found] = []
    cpu = -time.process_time()
    for n, clip in enumerate(positives):
        said = load_audio(clip.path)
        end = speech_end_sample(said)
        words.reset()
        pcm = np.concatenate([room(rng, LEAD), said, room(rng, SAMPLE_RATE_HZ)])
        pcm = pcm if noise is None else noise.under(pcm, said)
        end = None if end is None else LEAD + end
        found += [Found(n, d, clip.path, clip.word, end, 1.0) for d in stream(words, pcm, 0)]
    positive_s = sum(load_audio(clip.path).size + LEAD + SAMPLE_RATE_HZ for clip in positives) / SAMPLE_RATE_HZ
    words.reset()
    at = 0
    as_recorded_s = 0.0
    for speed, path in itertools.product(speeds, negatives):
        said = load_audio(path)
        said = said if speed == 1.0 else resample(said, round(SAMPLE_RATE_HZ * speed), SAMPLE_RATE_HZ)
        pcm = np.concatenate([said, room(rng, BETWEEN)])
        pcm = pcm[: pcm.size // BLOCK * BLOCK]
        found += [Found(-1, d, path, "", None, speed) for d in stream(words, pcm, at)]
        at += pcm.size
        as_recorded_s += pcm.size / SAMPLE_RATE_HZ if speed == 1.0 else 0.0
    cpu += time.process_time()
    words.close()
    seconds = positive_s + at / SAMPLE_RATE_HZ
    return Heard(found, seconds / 3600, (positive_s + as_recorded_s) / 3600, round(cpu * 1000 / seconds, 2))


def judge(heard: Heard, sensitivity: float, positives: Sequence[Clip]) -> dict[str, Any]:
    """What would have been detected at `sensitivity`."""
    words = open_words(sensitivity)
    cutoffs = {word.name: word.cutoff for word in words.words}
    words.close()
    deaf: dict[tuple[int, str], int] = {}
    hits: dict[Path, float | None] = {}
    false: list[dict[str, object]] = []
    for each in heard.found:
        d = each.detection
        key = (each.stretch, d.word)
        if d.probability <= cutoffs[d.word] or d.end_sample < deaf.get(key, 0):
            continue
        deaf[key] = d.end_sample + REFRACTORY_MS * SAMPLE_RATE_HZ // 1000
        if d.word == each.said:
            late = None if each.end is None else (d.end_sample - each.end) * 1000 / SAMPLE_RATE_HZ
            hits.setdefault(each.path, late)
        else:
            file = f"{each.path.parent.name}/{each.path.name}"
            false.append({"word": d.word, "file": file, "probability": round(d.probability, 3), "speed": each.speed})
    plain = sum(each["speed"] == 1.0 for each in false)
    delays = [late for late in hits.values() if late is not None]
    return {
        "sensitivity": sensitivity,
        "hits": len(hits),
        "positives": len(positives),
        "hit_rate": round(len(hits) / len(positives), 4),
        "missed": [f"{c.path.parent.name}/{c.path.name}" for c in positives if c.path not in hits],
        "false_accepts": false,
        "hours": round(heard.hours, 3),
        "false_accepts_as_recorded": plain,
        "hours_as_recorded": round(heard.hours_as_recorded, 3),
        "false_accepts_an_hour": round(plain / heard.hours_as_recorded, 2),
        "detected_after_speech_ms_p50_p95": [round(float(p)) for p in np.percentile(delays, [50, 95])],
        "cpu_ms_a_second": heard.cpu_ms_a_second,
    }


def stream(words: WakeWords, pcm: Int16s, sample: int) -> list[WakeDetection]:
    return [d for at in range(0, pcm.size, BLOCK) for d in words.feed(pcm[at : at + BLOCK], sample + at)]


def open_words(sensitivity: float) -> WakeWords:
    store = open_store(load_settings(None, []))
    configs = [store.path("microwakeword", f"{word}-config") for word in WORDS]
    return WakeWords([WakeWord.of_file(c, sensitivity=sensitivity) for c in configs], refractory_ms=0)


def room(rng: np.random.Generator, samples: int) -> Int16s:
    return rng.normal(0, ROOM_RMS, samples).astype(np.int16)


def wake_clips(data: Path = DATA) -> Iterator[Clip]:
    """The recordings of wake/. One in which many words are said in a row, and not which, is left out."""
    folder = data / "wake"
    with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["group"] == "mixed":
                continue
            word = row["group"].removeprefix("positive:").replace(" ", "_")
            yield Clip(folder / row["file"], word if word in WORDS else "")


def other_recordings(data: Path = DATA) -> Iterator[Path]:
    for name in OTHERS:
        with (data / name / "manifest.tsv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield data / name / row["file"]


def show(rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        print(
            f"sensitivity {row['sensitivity']}: {row['hits']} of {row['positives']} noticed, "
            f"{row['false_accepts_as_recorded']} false in {row['hours_as_recorded']} h as recorded, "
            f"{len(row['false_accepts'])} in {row['hours']} h at all speeds; "
            f"detected {row['detected_after_speech_ms_p50_p95']} ms (p50, p95) behind the speech; "
            f"{row['cpu_ms_a_second']} ms of processor time a second, {len(WORDS)} words"
        )
        print(f"  missed {row['missed']}, false {row['false_accepts']}")


if __name__ == "__main__":
    sys.exit(main())
