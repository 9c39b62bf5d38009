"""Does it wait for somebody who thinks? Pauses cut into commands and between dictated digits.

    nearfield bench hesitations [MANIFEST|DIR] [--virtual] [--pause-s S] [--numbers 12] [--json] [--only N] [--set K=V]

Commands pause where their speaker came closest to a pause (the quietest 50 ms inside the utterance), for 0.3, 0.6, 0.9
and 1.2 s in turn, filled with their own room. Numbers are four digits of one speaker (`spoken_digits`) with pauses of
0.3 to 1.2 s between them. Measured: the share of pauses in which an answer becomes audible. Real time, virtual card;
--virtual: in virtual time, each utterance by itself, whatever else the machine does (bench/virtual_time.py).
"""

import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.clips import Paused, dictated, with_pause
from bench.figures import percentiles, share, show
from bench.options import Parser, Utterance, count, count_or_none, load_utterances, read_manifest, seconds
from bench.turn_runs import Bench, first_sound, open_bench
from bench.virtual_time import VirtualEars
from device.appliance import policy_of
from device.audio.files import load_audio
from device.cli.boundary import guarded
from device.converse.script import Timing
from device.errors import UsageError
from models.protocols import SAMPLE_RATE_HZ

PAUSES_S = (0.3, 0.6, 0.9, 1.2)
DIGITS = 4
_BEFORE_SAMPLES = SAMPLE_RATE_HZ // 10  # what sounds already when the pause begins did not begin in it
_SHORT_ANSWERS = "llm.max_reply_tokens=8"
_TIMING = Timing(gap_s=0.6, patience_s=3.0, tail_s=0.2)


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.data()
    parser.add_argument("--pause-s", type=seconds, help="all pauses this long, in s")
    parser.add_argument("--numbers", type=count_or_none, default=12, help="numbers to dictate; 0: none")
    parser.add_argument("--batch", type=count, default=6, help="utterances a session")
    parser.add_argument("--virtual", action="store_true", help="in virtual time: a minute or two, no card")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of digits and pauses")
    parser.common()
    args = parser.parse_args()
    pauses = PAUSES_S if args.pause_s is None else (args.pause_s,)
    commands, too_short = paused_commands(load_utterances(args.source, args.only), pauses)
    numbers = dictated_numbers(args.data / "spoken_digits", args.numbers, pauses, args.seed) if args.numbers else []
    rows: dict[str, list[Row]] = {"commands": [], "numbers": []}
    with open_bench([_SHORT_ANSWERS, *args.set]) as bench:
        heard = in_virtual_time(bench) if args.virtual else in_real_time(bench, args.batch)
        for kind, paused in (("commands", commands), ("numbers", numbers)):
            for row in heard(paused):
                rows[kind].append(row)
                if not args.json:
                    mark = "BEGUN" if row["begun_inside"] else "waited"
                    print(f"{mark:6} {row['file']}: {str(row['transcript'])[:70]!r}", flush=True)
    total = {
        "commands": len(commands),
        "numbers": len(numbers),
        "too_short_to_hesitate_in": too_short,
        "pauses": sum(map(len, rows.values())),
        "begun_inside_percent": share([bool(r["begun_inside"]) for of in rows.values() for r in of]),
        "begun_inside_commands_percent": share([bool(r["begun_inside"]) for r in rows["commands"]]),
        "begun_inside_numbers_percent": share([bool(r["begun_inside"]) for r in rows["numbers"]]),
        "by_pause": by_pause([r for of in rows.values() for r in of]),
        "in_one_turn_percent": share([r["turns"] == 1 for of in rows.values() for r in of]),
        "commit_ms": percentiles(r["commit_ms"] for of in rows.values() for r in of),  # type: ignore[misc]
    }
    show(total, as_json=args.json, rows=[r for of in rows.values() for r in of], rows_name="pauses_cut")
    return 0


def paused_commands(utterances: list[Utterance], pauses_s: tuple[float, ...]) -> tuple[list[Paused], list[str]]:
    """Each with one pause, their lengths in turn; and the names of those that are too short for one."""
    out: list[Paused] = []
    too_short = []
    for each in utterances:
        try:
            out.append(with_pause(each, pauses_s[len(out) % len(pauses_s)], seed=len(out)))
        except UsageError:
            too_short.append(each.name)
    return out, too_short


def dictated_numbers(folder: Path, numbers: int, pauses_s: tuple[float, ...], seed: int) -> list[Paused]:
    """Numbers of four different digits, each said by one speaker. Raises UsageError: too few digits there."""
    speakers: dict[str, list[Utterance]] = defaultdict(list)
    for row in read_manifest(folder / "manifest.tsv", ("file", "label", "speaker")):
        pcm = load_audio(folder / row["file"])
        speakers[row["speaker"]].append(Utterance(row["file"], row["label"], pcm, pcm.size))
    names = sorted(name for name, digits in speakers.items() if len(digits) >= DIGITS)
    if not names:
        raise UsageError(f"no speaker of {folder} says {DIGITS} digits")
    choice = random.Random(seed)
    return [
        dictated(
            choice.sample(speakers[names[n % len(names)]], DIGITS),
            choice.choices(pauses_s, k=DIGITS - 1),
            seed=seed + n,
        )
        for n in range(numbers)
    ]


Row = dict[str, object]
Listen = Callable[[list[Paused]], Iterator[Row]]  #: a row for every pause


def in_real_time(bench: Bench, batch: int) -> Listen:
    """On the virtual card, `batch` utterances a session."""

    def listen(paused: list[Paused]) -> Iterator[Row]:
        said = [each.utterance for each in paused]
        for number, run in enumerate(bench.batches(said, batch, _TIMING)):
            of = paused[number * batch :][:batch]
            for n, (each, outcome) in enumerate(zip(of, run.outcomes, strict=True)):
                start = run.result.placed[n]
                for first, end in each.pauses:
                    inside = first_sound(run.speaker, start + first, start + end) is not None
                    before = first_sound(run.speaker, start + first - _BEFORE_SAMPLES, start + first) is not None
                    yield row(each, first, end, inside and not before, outcome.commits_ms, outcome.transcript)

    return listen


def in_virtual_time(bench: Bench) -> Listen:
    """Each utterance by itself."""
    ears = VirtualEars(bench.models, policy_of(bench.settings))

    def listen(paused: list[Paused]) -> Iterator[Row]:
        for each in paused:
            heard = ears.hear(each.utterance)
            for first, end in each.pauses:
                begun = any(first <= sound < end for sound, _ in heard.sounds)
                yield row(each, first, end, begun, heard.ending.commits_ms, heard.transcript)

    return listen


def row(said: Paused, first: int, end: int, begun: bool, commits_ms: Sequence[float], transcript: str) -> Row:
    """What is told of one pause, samples [first, end) of the utterance."""
    return {
        "file": said.utterance.name,
        "pause_s": round((end - first) / SAMPLE_RATE_HZ, 2),
        "at_s": round(first / SAMPLE_RATE_HZ, 2),
        "begun_inside": begun,
        "turns": len(commits_ms),
        "commit_ms": commits_ms[-1] if commits_ms else None,
        "transcript": transcript,
    }


def by_pause(rows: list[Row]) -> dict[str, str]:
    """Length of the pause -> "begun of all"."""
    lengths = sorted({str(r["pause_s"]) for r in rows})
    of = {length: [bool(r["begun_inside"]) for r in rows if str(r["pause_s"]) == length] for length in lengths}
    return {f"{length} s": f"{sum(hits)} of {len(hits)}" for length, hits in of.items()}


if __name__ == "__main__":
    sys.exit(guarded(main))
