"""Finished or only thinking? The recordings of `eot`: unfinished ones must not be answered, finished ones quickly.

    nearfield bench end-points [--virtual] [--finished MANIFEST|DIR]... [--curve F.png] [--json] [--only N] [--data DIR]
                               [--batch 8] [--set K=V]

Each clip is followed by 1.2 s of its own room. Unfinished (cut 200 ms into a real hesitation): the share that is
answered, audibly, within 0.8 s of the end of speech; `incomplete_cut_weak` is doubtful and counted by itself. Finished:
the share that is committed within 500 ms of the end of speech. --curve draws the one against the other for other
patience (decided anew from what was recorded, see bench/verdicts.py), and for Smart Turn alone, asked once after
200 ms, at every threshold. Real time on the virtual card, several clips a session; 99 clips take about a quarter of an
hour. --virtual: in virtual time, each clip by itself, whatever else the machine does (bench/virtual_time.py).
--finished: more utterances that are finished, counted by themselves.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.clips import extended
from bench.figures import percentiles, share, show
from bench.options import Parser, Utterance, count, load_utterances, read_manifest, utterance
from bench.plots import Points, need_matplotlib, plot_trade_off
from bench.turn_runs import Bench, open_bench
from bench.verdicts import Ending, quickly_committed, verdicts, wrongly_begun
from bench.virtual_time import VirtualEars
from device.appliance import policy_of
from device.assembly import open_store
from device.cli.boundary import guarded, say
from device.converse.script import Timing
from models.errors import ModelError
from models.protocols import SAMPLE_RATE_HZ

KINDS = ("incomplete", "incomplete_cut_weak", "complete")
ROOM_S = 1.2
BEGUN_MS = 800.0
COMMITTED_MS = 500.0
GOAL = (15.0, 90.0)  #: per cent of unfinished answered, at most; of finished committed, at least
PATIENCE = tuple(np.round(np.geomspace(0.1, 4.0, 40), 3).tolist())
THRESHOLDS = tuple(np.linspace(0.0, 1.0, 101).tolist())
_ASKED_SAMPLES = SAMPLE_RATE_HZ // 5
_SHORT_ANSWERS = "llm.max_reply_tokens=8"  # what is said does not matter here, only when
_TIMING = Timing(gap_s=0.6, patience_s=3.0, tail_s=0.2)


def main() -> int:
    parser = Parser(__doc__)
    parser.data()
    parser.add_argument("--only", type=count, metavar="N", help="the first N clips of each kind")
    parser.add_argument("--batch", type=count, default=8, help="clips a session")
    parser.add_argument("--virtual", action="store_true", help="in virtual time: a minute or two, no card")
    parser.add_argument("--finished", type=Path, action="append", default=[], metavar="M", help="manifest or folder")
    parser.add_argument("--curve", type=Path, metavar="F.png", help="draw the trade-off (needs matplotlib)")
    parser.common()
    args = parser.parse_args()
    if args.curve is not None:
        need_matplotlib(args.curve)
    clips = {kind: load(args.data / "eot", kind, args.only) for kind in KINDS}
    clips |= {f"finished {source.stem}": load_finished(source, args.only) for source in args.finished}
    endings: dict[str, list[Ending]] = {kind: [] for kind in clips}
    with open_bench([_SHORT_ANSWERS, *args.set]) as bench:
        heard = in_virtual_time(bench) if args.virtual else in_real_time(bench, args.batch)
        for kind in clips:
            for ending, transcript in heard(clips[kind]):
                endings[kind].append(ending)
                if not args.json:
                    print(f"{kind:20} {ending.commit_ms()!s:>8} ms  {transcript[:70]!r}", flush=True)
        alone = smart_turn_alone(bench, {kind: clips[kind] for kind in KINDS})
    total = {**summary(endings), **(summary_alone(alone) if alone else {})}
    if args.curve is not None:
        curves = {"Nearfield": ours(endings)}
        if any(e.looks for kind in KINDS for e in endings[kind]):
            curves["Nearfield, more or less patient"] = ours(endings, PATIENCE)
        if alone:
            curves["Smart Turn alone"] = alone_curve(alone)
        plot_trade_off(args.curve, curves, GOAL)
    rows = [{"kind": kind, **as_row(e)} for kind in clips for e in endings[kind]]
    show(total, as_json=args.json, rows=rows, rows_name="endings")
    return 0


Listen = Callable[[list[Utterance]], Iterator[tuple[Ending, str]]]  #: how each ended, and what was understood of it


def in_real_time(bench: Bench, batch: int) -> Listen:
    """On the virtual card, `batch` clips a session."""

    def listen(clips: list[Utterance]) -> Iterator[tuple[Ending, str]]:
        done = 0
        for run in bench.batches(clips, batch, _TIMING):
            for n, outcome in enumerate(run.outcomes):
                looks = tuple(verdicts(run.result, n, clips[done + n]))
                yield Ending(outcome.file, outcome.commits_ms, outcome.first_sound_ms, looks), outcome.transcript
            done += len(run.outcomes)

    return listen


def in_virtual_time(bench: Bench) -> Listen:
    """Each clip by itself."""
    ears = VirtualEars(bench.models, policy_of(bench.settings))

    def listen(clips: list[Utterance]) -> Iterator[tuple[Ending, str]]:
        for clip in clips:
            heard = ears.hear(clip)
            yield heard.ending, heard.transcript

    return listen


def load(folder: Path, kind: str, only: int | None) -> list[Utterance]:
    """The clips of one kind, each with its room behind it. Raises UsageError."""
    rows = [r for r in read_manifest(folder / "manifest.tsv", ("file", "label")) if r["label"] == kind][:only]
    return [_with_room(utterance(folder / row["file"]), row["file"], kind) for row in rows]


def load_finished(source: Path, only: int | None) -> list[Utterance]:
    """The utterances of a manifest or folder, each with its room behind it. Raises UsageError, AudioFileError."""
    return [_with_room(each, each.name, each.text) for each in load_utterances(source, only)]


def _with_room(clip: Utterance, name: str, text: str) -> Utterance:
    return Utterance(name, text, extended(clip.pcm, ROOM_S), clip.speech_end)


def summary(endings: dict[str, list[Ending]]) -> dict[str, object]:
    begun = {kind: share([wrongly_begun(e, BEGUN_MS) for e in endings[kind]]) for kind in KINDS[:2]}
    return {
        "clips": {kind: len(endings[kind]) for kind in endings},
        "incomplete_answered_percent": begun["incomplete"],
        "incomplete_cut_weak_answered_percent": begun["incomplete_cut_weak"],
        "complete_committed_percent": share([quickly_committed(e, COMMITTED_MS) for e in endings["complete"]]),
        "complete_cut_off": [e.file for e in endings["complete"] if (e.first_sound_ms or 0.0) < 0],
        "complete_commit_ms": percentiles(e.commit_ms() for e in endings["complete"]),
        "not_answered": [e.file for kind in endings for e in endings[kind] if not e.commits_ms],
        **{
            kind.replace(" ", "_") + name: figure
            for kind in endings
            if kind not in KINDS
            for name, figure in (
                ("_committed_percent", share([quickly_committed(e, COMMITTED_MS) for e in endings[kind]])),
                ("_commit_ms", percentiles(e.commit_ms() for e in endings[kind])),
            )
        },
    }


def ours(endings: dict[str, list[Ending]], patience: tuple[float, ...] = (1.0,)) -> Points:
    """(unfinished answered, finished committed) in per cent, for each factor of patience."""
    return [
        (
            share([wrongly_begun(e, BEGUN_MS, p) for e in endings["incomplete"]]) or 0.0,
            share([quickly_committed(e, COMMITTED_MS, p) for e in endings["complete"]]) or 0.0,
        )
        for p in patience
    ]


def smart_turn_alone(bench: Bench, clips: dict[str, list[Utterance]]) -> dict[str, list[float]]:
    """Its probability for every clip with 200 ms of silence behind the voice; {} with a word where it is not there."""
    try:
        from models.turn import SmartTurn  # noqa: PLC0415 - a version without it can be measured too

        model = SmartTurn(open_store(bench.settings).path("smart-turn-v3.2"))
    except (ImportError, ModelError) as error:
        say(f"without Smart Turn alone: {error}")
        return {}
    return {
        kind: [float(model.finished(c.pcm[: c.speech_end + _ASKED_SAMPLES].astype(np.float32) / 32768)) for c in of]
        for kind, of in clips.items()
    }


def alone_curve(alone: dict[str, list[float]]) -> Points:
    return [
        (share([p >= t for p in alone["incomplete"]]) or 0.0, share([p >= t for p in alone["complete"]]) or 0.0)
        for t in THRESHOLDS
    ]


def summary_alone(alone: dict[str, list[float]]) -> dict[str, object]:
    return {f"smart_turn_alone_{kind}_percent": share([p >= 0.5 for p in alone[kind]]) for kind in KINDS}


def as_row(ending: Ending) -> dict[str, object]:
    looks = [
        [round(k.at_ms), round(k.silence_ms), round(k.wait_ms), k.finished, k.wording, k.verdict, k.sentence_end]
        for k in ending.looks
    ]
    return {
        "file": ending.file,
        "commits_ms": list(ending.commits_ms),
        "first_sound_ms": ending.first_sound_ms,
        "looks": looks,
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
