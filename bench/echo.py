"""Does it hear itself, and does it hear who speaks over it? Offline, faster than real time.

    python bench/echo.py                                      # all parts, 60 minutes of echo: some 9 min of CPU
    python bench/echo.py --only own_voice --minutes 10        # or: interruptions, words, recorded, music, ...
    python bench/echo.py --json

own_voice       the answer alone, 10 rooms x 3 voices, echo -12 to +6 dB against a near end of -26 dBFS, with and
                without a clipping loudspeaker: false interruptions
interruptions   utterances of turns.tsv over the answer, at 0, -6 and -10 dB against its echo: share noticed, and the
                time from the first speech to the decision and to the silence at the loudspeaker
words           what the recogniser makes of those at 0 dB, beside the same utterance with nothing playing
recorded        recordings of real devices (../shared/data/aec): echo taken away, and words kept; beside WebRTC AEC3
                (package aec-audio-processing) and PyPI's speexdsp where they can be imported
music           the loudspeaker plays music, instrumental and with somebody singing, in those rooms and at those levels:
                false interruptions; and how many of the utterances are noticed over it, at 0 dB
clicks          the same with clicks, ticking, typing and the appliance's earcons
room_change     the answer alone while the room becomes another one, something in it is moved, or the loudspeaker is
                turned up by 6 dB: false interruptions, and how long after
cpu             the front end with the detector, share of one core
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench import echo_sounds
from bench.barge_in import onset_sample
from bench.echo_scenes import ROOMS, Scene, answers, room, voices
from bench.words import count_errors
from device.appliance import policy_of
from device.assembly import load_recogniser, load_vad
from device.audio.files import load_audio
from device.audio.frontend import FrontEnd
from device.audio.measure import block_rms
from device.card import BLOCK_SAMPLES, Block, Span
from device.config import load_settings
from device.dialogue.voice_meter import VoiceMeter
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

NEAR_RMS = 32768 * 10 ** (-26 / 20)
ECHO_DB = (-12.0, -6.0, 0.0, 6.0)
OVER_DB = (0.0, -6.0, -10.0)
GOALS = {0.0: 99, -6.0: 95, -10.0: 85}
PARTS = ("own_voice", "interruptions", "words", "recorded", "music", "clicks", "room_change", "cpu")
LEARN_S = 6.0
EACH_S = 7.0
CHANGE_S = 12.0
LEAST_S = 20.0

Result = dict[str, object]


class Bench:
    """What the parts share: models, voices, settings."""

    def __init__(self, data: Path, minutes: float, utterances: int, seed: int = 0) -> None:
        self.data, self.minutes, self.seed = data, minutes, seed
        settings = load_settings(None, [])
        self.policy = policy_of(settings).endpoint
        self.settings = settings
        self.vad = load_vad(settings)
        text = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8")
        sentences = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.voices = voices(Path(tempfile.gettempdir()) / "nearfield-bench-echo", sentences, data)
        self.over = self._utterances(utterances)

    def _utterances(self, count: int) -> list[tuple[str, Int16s, int]]:
        with (self.data / "turns.tsv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:count]
        out = []
        for row in rows:
            clip = load_audio(self.data / row["file"])[: int(5 * SAMPLE_RATE_HZ)]
            loud = block_rms(clip)
            rms = float(np.sqrt(np.mean(loud[loud > 0.1 * loud.max()] ** 2)))
            clip = np.clip(clip * (NEAR_RMS / rms), -32768, 32767).astype(np.int16)
            out.append((row["text"], clip, onset_sample(clip, self.vad)))
        return out

    def own_voice(self) -> Result:
        runs = [(r, v) for r in range(len(ROOMS)) for v in self.voices]
        seconds = self.minutes * 60 / len(runs) / 2
        false: list[str] = []
        for n, (number, name) in enumerate(runs):
            for half in range(2):
                echo_db = ECHO_DB[(n + n // 4 + 2 * half + self.seed) % 4]
                clipped = (n + half + self.seed // 4) % 2 == 0
                far = answers(self.voices[name], seconds, seed=1000 * self.seed + 2 * n + half)
                scene = Scene(room(number), far, NEAR_RMS * 10 ** (echo_db / 20), clipped)
                for decided, _ in scene.run(self.vad, self.policy).onsets:
                    where = f"room {number} (RT60 {ROOMS[number][0]} ms) {name} {echo_db:+.0f} dB clipped={clipped}"
                    false.append(f"{where} at {decided / SAMPLE_RATE_HZ:.2f} s")
        return {"minutes": round(seconds * 2 * len(runs) / 60, 1), "false_interruptions": len(false), "where": false}

    def interruptions(self) -> Result:
        out: Result = {}
        names = list(self.voices)
        for over_db in OVER_DB:
            noticed, decided_ms, silent_ms, early = 0, [], [], 0
            per_room = -(-len(self.over) // len(ROOMS))
            for number in range(len(ROOMS)):
                chosen = self.over[number * per_room : (number + 1) * per_room]
                if not chosen:
                    continue
                far = _unbroken(self.voices[names[number % len(names)]], LEARN_S + EACH_S * len(chosen), number)
                scene = Scene(room(number), far, NEAR_RMS * 10 ** (-over_db / 20))
                placed = _placed(chosen)
                onsets = scene.run(self.vad, self.policy, [(at, clip) for at, clip, _ in placed], seed=number).onsets
                for at, clip, first in placed:
                    mine = [now for now, _ in onsets if at + first <= now < at + clip.size]
                    early += sum(at - EACH_S / 4 * SAMPLE_RATE_HZ <= now < at + first for now, _ in onsets)
                    noticed += bool(mine)
                    if mine:
                        late = (mine[0] - at - first) / SAMPLE_RATE_HZ * 1000
                        decided_ms.append(late)
                        silent_ms.append(late + 10 + 3 + 20)  # the next block, its ramp, the output latency
            out[f"{over_db:+.0f} dB"] = {
                "noticed_percent": round(100 * noticed / len(self.over), 1),
                "goal_percent": GOALS[over_db],
                "of": len(self.over),
                "before_they_spoke": early,
                "decision_ms_p50_p95": _percentiles(decided_ms),
                "silence_ms_p50_p95": _percentiles(silent_ms),
            }
        return out

    def words(self) -> Result:
        recogniser = load_recogniser(self.settings)
        errors = {"with_echo": 0, "without": 0}
        total = 0
        names = list(self.voices)
        for n, (text, clip, _) in enumerate(self.over):
            number = n % len(ROOMS)
            at = int(LEARN_S * SAMPLE_RATE_HZ)
            loud = _unbroken(self.voices[names[n % len(names)]], LEARN_S + 7, n)
            for name, far in (("with_echo", loud), ("without", np.zeros_like(loud))):
                scene = Scene(room(number), far, NEAR_RMS if name == "with_echo" else 1.0)
                heard = scene.run(self.vad, self.policy, [(at, clip)], seed=n)
                onset = next((first for now, first in heard.onsets if now > at), at + 1600)
                cut = heard.clean[max(at - 8000, onset - 8000) : at + clip.size + 4800]
                transcript = recogniser.transcribe(cut.astype(np.float32) / 32768)
                wrong, of = count_errors(text, transcript.text)
                errors[name] += wrong
            total += of
        out: Result = {f"wer_{k}_percent": round(100 * v / total, 1) for k, v in errors.items()}
        out["points_lost"] = round(100 * (errors["with_echo"] - errors["without"]) / total, 1)
        return {**out, "words": total}

    def recorded(self) -> Result:
        from bench.echo_recorded import recorded  # noqa: PLC0415

        return recorded(self.data / "aec", self.settings)

    def music(self) -> Result:
        kinds = echo_sounds.music(self.data, self.voices["piper"])
        return {**self._never_a_person(kinds), "noticed_over_it_at_0_db_percent": self._noticed_over(kinds)}

    def clicks(self) -> Result:
        return self._never_a_person(echo_sounds.clicks(self.data, seconds=60.0, seed=self.seed))

    def _never_a_person(self, kinds: dict[str, list[echo_sounds.Named]]) -> Result:
        """`minutes` of it in all, rooms and levels in turn; false interruptions by kind.

        Each run is long enough for the filter to learn the room: for few minutes there are fewer rooms to a sound.
        """
        every = [(kind, *sound) for kind, sounds in kinds.items() for sound in sounds]
        rooms = max(1, min(len(ROOMS), int(self.minutes * 60 / LEAST_S / len(every))))
        runs = [(*sound, (n + r) % len(ROOMS)) for r in range(rooms) for n, sound in enumerate(every)]
        seconds = max(LEAST_S, self.minutes * 60 / len(runs))
        false: dict[str, list[str]] = {kind: [] for kind in kinds}
        for n, (kind, name, pcm, number) in enumerate(runs):
            echo_db = ECHO_DB[(n + n // 4 + self.seed) % 4]
            clipped = (n + n // 10 + self.seed // 4) % 2 == 0
            scene = Scene(
                room(number),
                echo_sounds.loop(pcm, seconds, 1000 * self.seed + n),
                NEAR_RMS * 10 ** (echo_db / 20),
                clipped,
            )
            for decided, _ in scene.run(self.vad, self.policy).onsets:
                where = f"{name}, room {number}, {echo_db:+.0f} dB clipped={clipped}"
                false[kind].append(f"{where} at {decided / SAMPLE_RATE_HZ:.2f} s")
        shares = {kind: round(seconds * len(sounds) * rooms / 60, 1) for kind, sounds in kinds.items()}
        counts = {f"false_interruptions {kind} ({shares[kind]} min)": len(where) for kind, where in false.items()}
        return {**counts, "where": [line for lines in false.values() for line in lines]}

    def _noticed_over(self, kinds: dict[str, list[echo_sounds.Named]]) -> dict[str, float]:
        """Share of the utterances by kind of music, one in each room at a time."""
        out = {}
        for kind, sounds in kinds.items():
            noticed = 0
            for number in range(len(ROOMS)):
                chosen = self.over[number :: len(ROOMS)]
                if not chosen:
                    continue
                far = echo_sounds.loop(sounds[number % len(sounds)][1], LEARN_S + EACH_S * len(chosen), number)
                scene, placed = Scene(room(number), far, NEAR_RMS), _placed(chosen)
                onsets = scene.run(self.vad, self.policy, [(at, clip) for at, clip, _ in placed], seed=number).onsets
                for at, clip, first in placed:
                    noticed += any(at + first <= now < at + clip.size for now, _ in onsets)
            out[kind] = round(100 * noticed / len(self.over), 1)
        return out

    def room_change(self) -> Result:
        names = list(self.voices)
        counts: Result = {}
        rows: list[str] = []
        for kind in ("another room", "something moved", "turned up 6 dB"):
            hurt = 0
            for number in range(len(ROOMS)):
                far = _unbroken(self.voices[names[number % len(names)]], CHANGE_S * 2, 100 * self.seed + number)
                scene = Scene(room(number), far, NEAR_RMS)
                scene.changed_at = int((CHANGE_S + 0.1 * number) * SAMPLE_RATE_HZ) // BLOCK_SAMPLES * BLOCK_SAMPLES
                scene.changed_taps = _changed(kind, number)
                onsets = scene.run(self.vad, self.policy).onsets
                late = [(now - scene.changed_at) / SAMPLE_RATE_HZ for now, _ in onsets]
                hurt += bool(late)
                if late:
                    rows.append(
                        f"{kind}, room {number}: {len(late)} onsets, {late[0]:+.2f} to {late[-1]:+.2f} s from it"
                    )
            counts[f"interrupted itself, {kind}"] = f"{hurt} of {len(ROOMS)}"
        return {**counts, "where": rows}

    def cpu(self) -> Result:
        far = _unbroken(self.voices["piper"], 60, 1)
        mic = (np.convolve(far, room(3)[:4000])[: far.size] * 0.3).astype(np.int16)
        meter = VoiceMeter(self.vad.fresh())
        with FrontEnd() as ear:
            began = time.process_time()
            for at in range(0, far.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
                part = slice(at, at + BLOCK_SAMPLES)
                ear.process(Block(at, mic[part], far[part], Span(0, 0), at + 320))
                meter.feed(ear.for_detector, at)
            spent = time.process_time() - began
        return {"percent_of_a_core": round(100 * spent / (far.size / SAMPLE_RATE_HZ), 2), "goal_percent": 3.0}


def _placed(chosen: list[tuple[str, Int16s, int]]) -> list[tuple[int, Int16s, int]]:
    """Where each utterance begins, the utterance, and its first speech: once the room is learnt, not on a beat."""
    step = [LEARN_S + (EACH_S + 0.137) * i for i in range(len(chosen))]
    return [(int(s * SAMPLE_RATE_HZ), clip, first) for s, (_, clip, first) in zip(step, chosen, strict=True)]


def _changed(kind: str, number: int) -> Floats:
    """The impulse response after the change; of unit energy, but where the loudspeaker is turned up."""
    here, there = room(number), room((number + 3) % len(ROOMS))
    if kind == "turned up 6 dB":
        return here * np.float32(2)
    if kind == "another room":
        return there
    size = max(here.size, there.size)  # a tenth of the energy comes another way: someone sat down beside it
    both = 0.9**0.5 * np.pad(here, (0, size - here.size)) + 0.1**0.5 * np.pad(there, (0, size - there.size))
    return both.astype(np.float32)


def _unbroken(clips: list[Int16s], seconds: float, seed: int) -> Int16s:
    """One answer that does not end: nobody interrupts a pause."""
    rng = np.random.default_rng(seed)
    parts: list[Int16s] = []
    while sum(part.size for part in parts) < seconds * SAMPLE_RATE_HZ:
        parts += [clips[int(rng.integers(len(clips)))], np.zeros(2400, np.int16)]
    return np.concatenate(parts)[: int(seconds * SAMPLE_RATE_HZ)]


def _percentiles(values: list[float]) -> list[float]:
    return [round(float(p)) for p in np.percentile(values, [50, 95])] if values else []


def _lines(results: dict[str, Result]) -> list[str]:
    out = []
    for part, result in results.items():
        out.append(part)
        for key, value in result.items():
            if isinstance(value, list) and value and isinstance(value[0], str):
                out += [f"  {key}"] + [f"    {line}" for line in value]
            else:
                out.append(f"  {key:28} {value}")
    return out


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--minutes", type=float, default=60.0, help="of echo in own_voice, music, clicks each")
    parser.add_argument("--utterances", type=int, default=30, help="of turns.tsv to interrupt with")
    parser.add_argument("--seed", type=int, default=0, help="other words, other levels")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    bench = Bench(args.data, args.minutes, args.utterances, args.seed)
    parts: dict[str, Callable[[], Result]] = {name: getattr(bench, name) for name in PARTS}
    results = {}
    for name in args.only:
        results[name] = parts[name]()
        if not args.json:
            print("\n".join(_lines({name: results[name]})), flush=True)
    if args.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
