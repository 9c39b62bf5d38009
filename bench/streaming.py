"""Words of the program that listens along, against the same model on the whole utterance with its whole window.

    nearfield bench streaming [--sets read_misc ha_commands_en librispeech_other] [--only N] [--long-s 60] [--json]

Each recording is said to the whole program in real time, the talk button held so that the end of the turn is not in
question, and released 50 ms after the end of speech. Measured: word errors of the text that was committed, and of one
pass over the whole file with the full context; the words of the stable prefix that were taken back; and for an
utterance of a minute (recordings joined) the time from the release to the commit and the memory. Sets are folders with
a manifest.tsv (file, label). About twenty minutes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.whole_window import whole_window

# isort: split
import numpy as np

from bench.clips import extended, joined
from bench.figures import percentiles, show
from bench.options import Parser, Utterance, count, read_manifest, seconds, utterance
from bench.processor_time import rss_mb
from bench.stability import Stability, stability
from bench.turn_runs import Bench, Run, open_bench
from bench.words import count_errors
from device.cli.boundary import guarded
from device.dialogue.events import Final, Partial
from models.protocols import SAMPLE_RATE_HZ

SETS = ("read_misc", "ha_commands_en", "librispeech_other")
_SETTINGS = ("turn.listen=push-to-talk", "turn.max_utterance_s=120", "llm.max_reply_tokens=4")


def main() -> int:
    parser = Parser(__doc__)
    parser.data()
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="SET")
    parser.add_argument("--only", type=count, metavar="N", help="the first N recordings of each set")
    parser.add_argument("--long-s", type=seconds, default=60.0, help="length of the long utterance, in s; 0: none")
    parser.add_argument("--long-from", default="librispeech_other", metavar="SET", help="what it is joined of")
    parser.common()
    args = parser.parse_args()
    sets = {name: load(args.data / name, args.only) for name in args.sets}
    long = load_long(args.data / args.long_from, args.long_s) if args.long_s else None
    rows: list[dict[str, object]] = []
    kept = Stability()
    with open_bench([*_SETTINGS, *args.set]) as bench:
        whole = whole_window(bench.settings)
        for name, utterances in sets.items():
            for each in utterances:
                run, _release = bench.held(each)
                kept += stability_of(run)
                rows.append(compare(name, each, run, whole(each.pcm.astype(np.float32) / 32768)))
                if not args.json:
                    print("{errors}/{whole_errors} of {words} wrong: {heard!r}".format(**rows[-1]), flush=True)
        total: dict[str, object] = {name: wer([r for r in rows if r["set"] == name]) for name in sets}
        total |= {
            "all": wer(rows),
            "stable_words": kept.declared,
            "stable_words_retracted": kept.retracted,
            "stable_words_retracted_percent": kept.percent,
            "partials": sum(int(str(r["partials"])) for r in rows),
            "release_to_commit_ms": percentiles(r["release_to_commit_ms"] for r in rows),  # type: ignore[misc]
        }
        if long is not None:
            total |= {f"long_{key}": value for key, value in of_long(bench, long, whole).items()}
    show(total, as_json=args.json, rows=rows)
    return 0


def load(folder: Path, only: int | None) -> list[Utterance]:
    """The recordings of a set that have a transcript (one in parentheses describes the sound). Raises UsageError."""
    rows = [r for r in read_manifest(folder / "manifest.tsv", ("file", "label")) if not r["label"].startswith("(")]
    return [utterance(folder / row["file"], row["label"]) for row in rows[:only]]


def load_long(folder: Path, seconds_wanted: float) -> Utterance:
    """Recordings of a set, joined until they are so long."""
    parts: list[Utterance] = []
    for row in read_manifest(folder / "manifest.tsv", ("file", "label")):
        if sum(p.pcm.size for p in parts) >= seconds_wanted * SAMPLE_RATE_HZ:
            break
        parts.append(utterance(folder / row["file"], row["label"]))
    pcm = joined([p.pcm for p in parts])
    end = pcm.size - parts[-1].pcm.size + parts[-1].speech_end
    return Utterance(f"{len(parts)} recordings", " ".join(p.text for p in parts), extended(pcm, 0.3), end)


def compare(name: str, said: Utterance, run: Run, whole: str) -> dict[str, object]:
    heard = committed(run)
    errors, words = count_errors(said.text, heard)
    commit_ms = run.outcomes[0].commit_ms
    return {
        "set": name,
        "file": said.name,
        "heard": heard,
        "whole": whole,
        "words": words,
        "errors": errors,
        "whole_errors": count_errors(said.text, whole)[0],
        "partials": len(partials(run)),
        "release_to_commit_ms": None if commit_ms is None else round(commit_ms - 50.0, 1),
    }


def committed(run: Run) -> str:
    return " ".join(e.text for e in run.result.events if isinstance(e, Final))


def partials(run: Run) -> list[Partial]:
    return [e for e in run.result.events if isinstance(e, Partial)]


def stability_of(run: Run) -> Stability:
    return stability([p.stable for p in partials(run)], committed(run))


def wer(rows: list[dict[str, object]]) -> dict[str, object]:
    words, ours, whole = (sum(int(str(r[key])) for r in rows) for key in ("words", "errors", "whole_errors"))
    per_cent = 100 / max(1, words)
    return {
        "words": words,
        "wer_percent": round(ours * per_cent, 2),
        "whole_wer_percent": round(whole * per_cent, 2),
        "difference_points": round((ours - whole) * per_cent, 2),
    }


def of_long(bench: Bench, said: Utterance, whole: object) -> dict[str, object]:
    """One utterance of a minute."""
    assert callable(whole)
    before_mb = peak_mb = rss_mb()

    def watch(_rehearsal: object, now: int) -> None:
        nonlocal peak_mb
        if now % SAMPLE_RATE_HZ == 0:
            peak_mb = max(peak_mb, rss_mb())

    run, _release = bench.held(said, on_block=watch)
    row = compare("long", said, run, whole(said.pcm.astype(np.float32) / 32768))
    kept = stability_of(run)
    return {
        "seconds": round(said.pcm.size / SAMPLE_RATE_HZ, 1),
        **wer([row]),
        "release_to_commit_ms": row["release_to_commit_ms"],
        "partials": row["partials"],
        "partial_decode_ms": percentiles(p.decode_ms for p in partials(run)),
        "stable_words_retracted": f"{kept.retracted} of {kept.declared}",
        "memory_before_mb": round(before_mb),
        "memory_most_mb": round(peak_mb),
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
