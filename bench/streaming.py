"""Words of the program that listens along, against the same model on the whole utterance with its whole window.

    nearfield bench streaming [--sets read_misc ha_commands_en librispeech_other] [--virtual] [--only N] [--long-s 60]
                              [--json] [--set K=V]

Each recording is said to the whole program in real time, the talk button held so that the end of the turn is not in
question, and released 50 ms after the end of speech. Measured: word errors of the text that was committed, and of one
pass over the whole file with the full context; the words of the stable prefix that were taken back; and for an
utterance of a minute (recordings joined) the time from the release to the commit and the memory. Sets are folders with
a manifest.tsv (file, label). About twenty minutes for 14 of each. --virtual: in virtual time, whatever else the machine
does, each decode taking a set time (bench/virtual_time.py); how long the release takes and the memory are not in it.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from bench.turn_runs import Bench, open_bench
from bench.virtual_time import VirtualEars
from bench.words import count_errors
from device.appliance import policy_of
from device.cli.boundary import guarded
from device.dialogue.events import Commit, Event, Final, Partial, to_ms
from models.protocols import SAMPLE_RATE_HZ, Floats

SETS = ("read_misc", "ha_commands_en", "librispeech_other")
_SETTINGS = ("turn.listen=push-to-talk", "turn.max_utterance_s=120", "llm.max_reply_tokens=4")


@dataclass(frozen=True, slots=True)
class Held:
    """What came of one utterance."""

    heard: str
    partials: tuple[Partial, ...]
    release_to_commit_ms: float | None  #: None: it was not committed, or virtual time has nothing to say of it
    memory_most_mb: float | None = None  #: while it was said

    @property
    def kept(self) -> Stability:
        return stability([p.stable for p in self.partials], self.heard)


Listen = Callable[[Utterance], Held]


def main() -> int:
    parser = Parser(__doc__)
    parser.data()
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="SET")
    parser.add_argument("--only", type=count, metavar="N", help="the first N recordings of each set")
    parser.add_argument("--virtual", action="store_true", help="in virtual time: no card, no times")
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
        listen = in_virtual_time(bench) if args.virtual else in_real_time(bench)
        for name, utterances in sets.items():
            for each in utterances:
                held = listen(each)
                kept += held.kept
                rows.append(compare(name, each, held, whole(each.pcm.astype(np.float32) / 32768)))
                if not args.json:
                    print("{errors}/{whole_errors} of {words} wrong: {heard!r}".format(**rows[-1]), flush=True)
        total: dict[str, object] = {name: wer([r for r in rows if r["set"] == name]) for name in sets}
        total |= {
            "all": wer(rows),
            "stable_words": kept.declared,
            "stable_words_retracted": kept.retracted,
            "stable_words_retracted_percent": kept.percent,
            "stable_words_erased": kept.erased,
            "partials": sum(int(str(r["partials"])) for r in rows),
        }
        if not args.virtual:
            waits = percentiles(r["release_to_commit_ms"] for r in rows)  # type: ignore[misc]
            total["release_to_commit_ms"] = waits
        if long is not None:
            total |= {f"long_{key}": value for key, value in of_long(listen, long, whole).items()}
    show(total, as_json=args.json, rows=rows)
    return 0


def in_real_time(bench: Bench) -> Listen:
    """On the virtual card, a session each."""

    def listen(said: Utterance) -> Held:
        most_mb = rss_mb()

        def watch(_rehearsal: object, now: int) -> None:
            nonlocal most_mb
            if now % SAMPLE_RATE_HZ == 0:
                most_mb = max(most_mb, rss_mb())

        run, release = bench.held(said, on_block=watch)
        commits = [e.sample for e in run.result.events if isinstance(e, Commit)]
        waited_ms = round(to_ms(commits[-1] - release), 1) if commits else None
        return Held(committed(run.result.events), partials(run.result.events), waited_ms, most_mb)

    return listen


def in_virtual_time(bench: Bench) -> Listen:
    """Each by itself."""
    ears = VirtualEars(bench.models, policy_of(bench.settings))

    def listen(said: Utterance) -> Held:
        events, _release = ears.held(said)
        return Held(committed(events), partials(events), None)

    return listen


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


def compare(name: str, said: Utterance, held: Held, whole: str) -> dict[str, object]:
    errors, words = count_errors(said.text, held.heard)
    return {
        "set": name,
        "file": said.name,
        "heard": held.heard,
        "whole": whole,
        "words": words,
        "errors": errors,
        "whole_errors": count_errors(said.text, whole)[0],
        "partials": len(held.partials),
        "release_to_commit_ms": held.release_to_commit_ms,
    }


def committed(events: Sequence[Event]) -> str:
    return " ".join(e.text for e in events if isinstance(e, Final))


def partials(events: Sequence[Event]) -> tuple[Partial, ...]:
    return tuple(e for e in events if isinstance(e, Partial))


def wer(rows: list[dict[str, object]]) -> dict[str, object]:
    words, ours, whole = (sum(int(str(r[key])) for r in rows) for key in ("words", "errors", "whole_errors"))
    per_cent = 100 / max(1, words)
    return {
        "words": words,
        "wer_percent": round(ours * per_cent, 2),
        "whole_wer_percent": round(whole * per_cent, 2),
        "difference_points": round((ours - whole) * per_cent, 2),
    }


def of_long(listen: Listen, said: Utterance, whole: Callable[[Floats], str]) -> dict[str, object]:
    """One utterance of a minute."""
    before_mb = rss_mb()
    held = listen(said)
    row = compare("long", said, held, whole(said.pcm.astype(np.float32) / 32768))
    times = {
        "release_to_commit_ms": held.release_to_commit_ms,
        "partial_decode_ms": percentiles(p.decode_ms for p in held.partials),
        "memory_before_mb": round(before_mb),
        "memory_most_mb": round(held.memory_most_mb or 0.0),
    }
    return {
        "seconds": round(said.pcm.size / SAMPLE_RATE_HZ, 1),
        **wer([row]),
        "partials": row["partials"],
        "stable_words_retracted": f"{held.kept.retracted} of {held.kept.declared}",
        **({} if held.memory_most_mb is None else times),
    }


if __name__ == "__main__":
    sys.exit(guarded(main))
