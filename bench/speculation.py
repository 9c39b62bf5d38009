"""What preparing answers that are thrown away costs: CPU seconds a committed turn, with speculation and without.

    nearfield bench speculation [MANIFEST|DIR] [--json] [--only N] [--set K=V]

The same utterances twice, `turn.speculate` true and false; of the process's CPU time what listening to silence costs
is taken off. Real time, virtual card, a session for each utterance.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import percentiles, ratio, show
from bench.options import Parser, load_utterances
from bench.turn_runs import open_bench
from device.cli.boundary import guarded, say
from device.config import load_settings
from device.dialogue.events import Discarded
from device.errors import ConfigError

KEY = "turn.speculate"


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.common()
    args = parser.parse_args()
    utterances = load_utterances(args.source, args.only)
    load_settings(None, args.set)  # what is wrong with these is not ours
    try:
        load_settings(None, [*args.set, f"{KEY}=false"])
    except ConfigError as error:
        say(f"nothing to compare: this version has no {KEY} ({error.message})")
        return 0
    total: dict[str, object] = {}
    cost: dict[str, float | None] = {}
    with open_bench(args.set) as plain:
        for name, value in (("with", "true"), ("without", "false")):
            bench = plain.changed(f"{KEY}={value}")
            runs = list(bench.each(utterances))
            cost[name] = bench.cpu_a_turn_s(runs)
            turns = [o for run in runs for o in run.outcomes]
            total |= {
                f"{name}_cpu_s_a_turn": cost[name],
                f"{name}_ttfa_ms": percentiles(t.ttfa_ms for t in turns),
                f"{name}_commits": sum(run.commits for run in runs),
                f"{name}_discarded": sum(isinstance(e, Discarded) for run in runs for e in run.result.events),
            }
            if not args.json:
                print(f"{name} speculation: {cost[name]} CPU s a turn", flush=True)
    total["ratio"] = ratio(cost["with"], cost["without"])
    show(total, as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
