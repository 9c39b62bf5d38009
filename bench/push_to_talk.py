"""Time to first audio with a talk button: from its release to the first audible 10 ms at the loudspeaker.

    nearfield bench push-to-talk [MANIFEST|DIR] [--after-s 0.05] [--json] [--only N] [--set K=V]

The button goes down before each utterance and comes up --after-s behind its end of speech. Real time, virtual card, a
session for each.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import percentiles, show
from bench.options import Parser, load_utterances, seconds
from bench.turn_runs import open_bench
from device.cli.boundary import guarded


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.add_argument("--after-s", type=seconds, default=0.05, help="from the end of speech to the release, in s")
    parser.common()
    args = parser.parse_args()
    rows = []
    utterances = load_utterances(args.source, args.only)
    with open_bench(["turn.listen=push-to-talk", *args.set]) as bench:
        for each in utterances:
            run, _release = bench.held(each, args.after_s)
            (turn,) = run.outcomes
            after_ms = args.after_s * 1000
            rows.append(
                {
                    "file": turn.file,
                    "transcript": turn.transcript,
                    "reply": turn.reply,
                    "ttfa_ms": None if turn.ttfa_ms is None else round(turn.ttfa_ms - after_ms, 1),
                    "commit_ms": None if turn.commit_ms is None else round(turn.commit_ms - after_ms, 1),
                    "early": turn.early,
                    "answered": turn.answered,
                }
            )
            if not args.json:
                print(f"{rows[-1]['ttfa_ms']!s:>8} ms  {turn.transcript!r} -> {turn.reply[:60]!r}", flush=True)
    total = {
        "utterances": len(rows),
        "answered": sum(bool(r["answered"]) for r in rows),
        "before_the_release": [r["file"] for r in rows if r["early"]],
        "ttfa_from_release_ms": percentiles(r["ttfa_ms"] for r in rows),
        "commit_from_release_ms": percentiles(r["commit_ms"] for r in rows),
    }
    show(total, as_json=args.json, rows=rows, rows_name="turns")
    return 0 if total["answered"] == len(rows) and not total["before_the_release"] else 1


if __name__ == "__main__":
    sys.exit(guarded(main))
