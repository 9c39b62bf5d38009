"""Does it wait for somebody who thinks? Pauses cut into commands and between dictated digits.

    nearfield bench hesitations [MANIFEST|DIR] [--pause-s S] [--numbers 12] [--json] [--only N] [--set K=V]

Commands pause where their speaker came closest to a pause (the quietest 50 ms inside the utterance), for 0.3, 0.6, 0.9
and 1.2 s in turn, filled with their own room. Numbers are four digits of one speaker (`spoken_digits`) with pauses of
0.3 to 1.2 s between them. Measured: the share of pauses in which an answer becomes audible. Real time, virtual card.
"""

import random
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.clips import Paused, dictated, with_pause
from bench.figures import percentiles, share, show
from bench.options import Parser, Utterance, count, count_or_none, load_utterances, read_manifest, seconds
from bench.turn_runs import Run, first_sound, open_bench
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
    parser.add_argument("--seed", type=int, default=0, help="of the choice of digits and pauses")
    parser.common()
    args = parser.parse_args()
    pauses = PAUSES_S if args.pause_s is None else (args.pause_s,)
    commands, too_short = paused_commands(load_utterances(args.source, args.only), pauses)
    numbers = dictated_numbers(args.data / "spoken_digits", args.numbers, pauses, args.seed) if args.numbers else []
    rows: dict[str, list[dict[str, object]]] = {"commands": [], "numbers": []}
    with open_bench([_SHORT_ANSWERS, *args.set]) as bench:
        for kind, paused in (("commands", commands), ("numbers", numbers)):
            said = [each.utterance for each in paused]
            for number, run in enumerate(bench.batches(said, args.batch, _TIMING)):
                of = paused[number * args.batch :][: args.batch]
                rows[kind] += of_run(run, of, show_rows=not args.json)
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


def of_run(run: Run, paused: list[Paused], *, show_rows: bool) -> list[dict[str, object]]:
    """A row for every pause of a session."""
    rows: list[dict[str, object]] = []
    for n, (each, outcome) in enumerate(zip(paused, run.outcomes, strict=True)):
        start = run.result.placed[n]
        for first, end in each.pauses:
            inside = first_sound(run.speaker, start + first, start + end) is not None
            before = first_sound(run.speaker, start + first - _BEFORE_SAMPLES, start + first) is not None
            rows.append(
                {
                    "file": each.utterance.name,
                    "pause_s": round((end - first) / SAMPLE_RATE_HZ, 2),
                    "at_s": round(first / SAMPLE_RATE_HZ, 2),
                    "begun_inside": inside and not before,
                    "turns": len(outcome.commits_ms),
                    "commit_ms": outcome.commit_ms,
                    "transcript": outcome.transcript,
                }
            )
            if show_rows:
                mark = "BEGUN" if rows[-1]["begun_inside"] else "waited"
                print(f"{mark:6} {each.utterance.name}: {outcome.transcript[:70]!r}", flush=True)
    return rows


def by_pause(rows: list[dict[str, object]]) -> dict[str, str]:
    """Length of the pause -> "begun of all"."""
    lengths = sorted({str(r["pause_s"]) for r in rows})
    of = {length: [bool(r["begun_inside"]) for r in rows if str(r["pause_s"]) == length] for length in lengths}
    return {f"{length} s": f"{sum(hits)} of {len(hits)}" for length, hits in of.items()}


if __name__ == "__main__":
    sys.exit(guarded(main))
