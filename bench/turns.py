"""Time to first audio over a list of utterances, from waveform to waveform, on the virtual card in real time.

    nearfield bench turns [MANIFEST|DIR] [--sequential] [--skills DIR] [--load N] [--plot TTFA.png] [--json] [--only N]
                          [--set K=V]

The manifest has columns file, seconds, speech_end, text; files lie beside it (default: ../shared/data/turns.tsv). Of a
folder all recordings are taken, their end of speech found by the rule of docs/performance.md. Each utterance is a
session of its own. TTFA runs from the end of speech to the first audible 10 ms of the answer at the loudspeaker.
--sequential says the same utterances to a pipeline that waits for 700 ms of silence and then does one thing after the
other, with the same models. The language model answers, unless there are --skills: then commands are understood by
their sentences, those that are built in and those in DIR (bench/house knows the recordings). --load N keeps N
processes spinning beside it.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import median, percentiles, ratio, show
from bench.options import Parser, count_or_none, load_utterances
from bench.plots import need_matplotlib, plot_ttfa
from bench.processor_time import busy_processes, peak_rss_mb
from bench.sequential import Sequential, SequentialTurn
from bench.turn_runs import Outcome, Run, acknowledgements, degradations, open_bench
from device.cli.boundary import guarded
from models.cores import lead


def main() -> int:
    parser = Parser(__doc__)
    parser.utterances()
    parser.add_argument("--sequential", action="store_true", help="the same through a sequential pipeline, to compare")
    parser.add_argument("--load", type=count_or_none, default=0, metavar="N", help="N busy processes beside it")
    parser.add_argument("--skills", type=Path, metavar="DIR", help="skills answer, if they can: those in DIR as well")
    parser.add_argument("--plot", type=Path, metavar="F.png", help="draw how TTFA is distributed (needs matplotlib)")
    parser.add_argument("--echo-db", type=float, help="the microphone hears the loudspeaker at this gain, 8 ms late")
    parser.common()
    args = parser.parse_args()
    if args.plot is not None:
        need_matplotlib(args.plot)
    utterances = load_utterances(args.source, args.only)
    skills = [] if args.skills is None else ["skills.enabled=true", f"skills.folder={args.skills.resolve()}"]
    runs: list[Run] = []
    sequential: list[SequentialTurn] = []
    with open_bench([*skills, *args.set]) as bench, busy_processes(args.load):
        for run in bench.each(utterances, echo_db=args.echo_db):
            runs.append(run)
            if not args.json:
                show_turn(run.outcomes[0])
        cpu_a_turn_s = bench.cpu_a_turn_s(runs)
        if args.sequential:
            arm = Sequential(bench.models, bench.settings, bench.persona.prompt)
            with ThreadPoolExecutor(1, initializer=lead) as thread:  # as the appliance calls its models
                for each in utterances:
                    sequential.append(thread.submit(arm.run, each).result())
                    if not args.json:
                        show_sequential(sequential[-1])
        load_s = bench.load_s
    turns = [o for run in runs for o in run.outcomes]
    total = {
        **summary(turns),
        "acknowledgements": acknowledgements(runs),
        "cpu_s_a_turn": cpu_a_turn_s,
        "lost_samples": sum(run.lost_samples for run in runs),
        "starved_samples": sum(run.starved_samples for run in runs),
        "worst_tick_ms": max(run.worst_tick_ms for run in runs),
        "busy_processes": args.load,
        "degraded": degradations(runs),
        **(compared(turns, sequential) if args.sequential else {}),
        **({"sequential_turns": [asdict(t) for t in sequential]} if args.sequential and args.json else {}),
        "models_loaded_s": round(load_s, 2),
        "peak_memory_mb": round(peak_rss_mb()),
    }
    if args.plot is not None:
        arms = {"nearfield": turns, **({"sequential": sequential} if args.sequential else {})}
        plot_ttfa(args.plot, {name: [t.ttfa_ms for t in arm if t.ttfa_ms is not None] for name, arm in arms.items()})
    rows = [turn.to_json() | run.card_json() for turn, run in zip(turns, runs, strict=True)]
    show(total, as_json=args.json, rows=rows, rows_name="turns")
    return 0 if all(t.answered and not t.early for t in turns) else 1


def show_turn(turn: Outcome) -> None:
    mark = "EARLY " if turn.early else "" if turn.answered else "NO ANSWER " if turn.noticed else "NOT NOTICED "
    print(f"{turn.ttfa_ms!s:>8} ms  {mark}{turn.transcript!r} -> {turn.reply[:60]!r}", flush=True)


def show_sequential(turn: SequentialTurn) -> None:
    mark = "EARLY " if turn.early else "" if turn.ttfa_ms is not None else "NO ANSWER "
    print(f"{turn.ttfa_ms!s:>8} ms  sequential: {mark}{turn.transcript!r} -> {turn.reply[:48]!r}", flush=True)


def summary(turns: list[Outcome]) -> dict[str, object]:
    return {
        "utterances": len(turns),
        "answered": sum(t.answered for t in turns),
        "not_noticed": [t.file for t in turns if not t.noticed],
        "before_the_user_had_finished": [t.file for t in turns if t.early],
        "ttfa_ms": percentiles(t.ttfa_ms for t in turns),
        "first_sound_ms": percentiles(t.first_sound_ms for t in turns if not t.early),
        "commit_ms": percentiles(t.commit_ms for t in turns),
    }


def compared(turns: list[Outcome], sequential: list[SequentialTurn]) -> dict[str, object]:
    """`ratio_p50`: of the medians; `ratio_a_turn_p50`: median of the ratios of the utterances that both answered."""
    ratios = [ratio(s.ttfa_ms, t.ttfa_ms) for t, s in zip(turns, sequential, strict=True)]
    return {
        "sequential_ttfa_ms": percentiles(s.ttfa_ms for s in sequential),
        "sequential_answered": sum(s.ttfa_ms is not None for s in sequential),
        "sequential_early": [s.file for s in sequential if s.early],
        "sequential_ratio_p50": ratio(median(s.ttfa_ms for s in sequential), median(t.ttfa_ms for t in turns)),
        "sequential_ratio_a_turn_p50": median(ratios),
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
