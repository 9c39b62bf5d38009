"""One long conversation: is the hundredth answer as quick as the first, and does the memory stay?

    nearfield bench conversation [MANIFEST|DIR] [--turns 100] [--json] [--set K=V]

One session, in fifths: each says the same utterances in the same order, each a moment after the answer before it has
ended. Measured: TTFA at the median of the first and of the last fifth, and the memory of the process (anonymous, as in
the soak, the recogniser's largest buffers being filled before) from the end of the first fifth, when everything has
been said once, to the end: medians of five answers. In real time: a hundred turns take some 9 minutes.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import median, percentiles, ratio, show
from bench.options import Parser, Utterance, count, load_utterances
from bench.processor_time import memory_mb
from bench.soak_resources import touch
from bench.turn_runs import open_bench
from device.audio.recording import StereoWriter
from device.cli.boundary import guarded
from device.dialogue.events import Event, PlayoutEnd
from device.errors import UsageError

FIFTHS = 5
LEAST_TURNS = 10
_AROUND = 5  # answers whose memory is looked at together


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.add_argument("--turns", type=count, default=100)
    parser.common()
    args = parser.parse_args()
    if args.turns < LEAST_TURNS:
        raise UsageError(f"{args.turns} turns tell nothing of a long conversation", hint=f"{LEAST_TURNS} or more")
    there = load_utterances(args.source, args.only)
    fifth = args.turns // FIFTHS
    said = in_fifths(there, fifth) + [there[n % len(there)] for n in range(args.turns - FIFTHS * fifth)]
    held_mb: list[float] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PlayoutEnd):
            held_mb.append(memory_mb())
            if not args.json and len(held_mb) % 10 == 0:
                print(f"{len(held_mb)} answers, {held_mb[-1]:.0f} MB", flush=True)

    # the recording goes to a file: in memory it would be what grows
    with tempfile.TemporaryDirectory(prefix="nearfield-bench-") as scratch, open_bench(args.set) as bench:
        touch(bench.models.recogniser)
        run = bench.session(said, recorder=StereoWriter(Path(scratch) / "conversation.wav"), on_event=on_event)
    turns = run.outcomes
    first, last = (median(t.ttfa_ms for t in of) for of in (turns[:fifth], turns[(FIFTHS - 1) * fifth :][:fifth]))
    total = {
        "turns": len(turns),
        "answered": sum(t.answered for t in turns),
        "not_noticed": [t.file for t in turns if not t.noticed],
        "before_the_user_had_finished": [t.file for t in turns if t.early],
        "minutes": round(run.seconds / 60, 1),
        "ttfa_ms": percentiles(t.ttfa_ms for t in turns),
        "ttfa_first_fifth_p50_ms": first,
        "ttfa_last_fifth_p50_ms": last,
        "last_to_first": ratio(last, first),
        **growth(held_mb, fifth),
        "lost_samples": run.lost_samples,
        "starved_samples": run.starved_samples,
    }
    show(total, as_json=args.json, rows=[t.to_json() for t in turns], rows_name="each")
    return 0


def in_fifths(there: Sequence[Utterance], each: int) -> list[Utterance]:
    """`each` of them five times over; fewer utterances than that come round again within a fifth."""
    return [there[n % len(there)] for _ in range(FIFTHS) for n in range(each)]


def growth(held_mb: list[float], warm: int) -> dict[str, object]:
    """From answer `warm` to the last, in per cent; Nones when there are too few answers to say."""
    if len(held_mb) < warm + _AROUND:
        return dict.fromkeys(("memory_warm_mb", "memory_end_mb", "memory_growth_percent"))
    start, end = statistics.median(held_mb[warm - 1 :][:_AROUND]), statistics.median(held_mb[-_AROUND:])
    return {
        "memory_warm_mb": round(start, 1),
        "memory_end_mb": round(end, 1),
        "memory_growth_percent": round(100 * (end - start) / start, 2),
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
