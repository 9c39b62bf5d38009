"""Word errors of long utterances, cut as the conversation cuts them, beside those of whole decoding with full context.

    python bench/long_utterances.py [--model whisper-tiny.en] [--data ../shared/data] [--sets read_misc] [--seconds 60]
                                    [--count 4] [--gap-ms 300] [--json]

Recordings of a set are joined to utterances of so many seconds, with `gap-ms` between them. The voice detector finds
the pauses, a decode is made at each, as hypotheses are, and `UtteranceWindow` says of what. `--gap-ms 0 --trim` leaves
no pauses between the recordings: the longest stretch and the cuts at quiet places are to be seen there.
"""

import argparse
import csv
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import models.process  # noqa: F401  first: the runtime reads what it sets up

# isort: split
import numpy as np

from bench.words import count_errors
from device.audio.files import load_audio
from device.config import load_settings
from device.dialogue.endpointer import Endpointer, EndpointPolicy, Pause, Resume
from device.dialogue.utterance import UtterancePolicy, UtteranceWindow
from models.protocols import SAMPLE_RATE_HZ, Floats
from models.store import open_store
from models.stt import WhisperCpp
from models.vad import SileroVad

BLOCK_SAMPLES = 160


@dataclass
class Score:
    words: int = 0
    errors: int = 0
    whole_errors: int = 0
    utterances: int = 0
    decodes: int = 0
    frozen: int = 0
    longest_stretch_s: float = 0.0
    longest_decode_ms: float = 0.0
    texts: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def difference_points(self) -> float:
        return 100 * (self.errors - self.whole_errors) / max(1, self.words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper-tiny.en")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["read_misc", "librispeech_other"])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--count", type=int, default=100, help="at most so many utterances a set")
    parser.add_argument("--gap-ms", type=float, default=300.0)
    parser.add_argument("--trim", action="store_true", help="cut off the silence at the ends of the recordings")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    store = open_store(load_settings(None, []).models.dir)
    recogniser, vad = WhisperCpp(store.path(args.model)), SileroVad(store.path("silero-vad"))
    score = Score()
    for name in args.sets:
        for audio, label in utterances(args.data / name, args.seconds, args.gap_ms, trim=args.trim)[: args.count]:
            text = in_the_window(audio, recogniser, vad, score)
            whole = recogniser.transcribe(audio).text
            errors, words = count_errors(label, text)
            score.errors += errors
            score.words += words
            score.whole_errors += count_errors(label, whole)[0]
            score.utterances += 1
            score.texts.append((label, text, whole))
    recogniser.close()
    if args.json:
        print(json.dumps(asdict(score) | {"difference_points": round(score.difference_points, 2)}, ensure_ascii=False))
        return 0
    print(
        f"{score.utterances} utterances, {score.words} words: {100 * score.errors / score.words:.2f} % wrong, whole "
        f"{100 * score.whole_errors / score.words:.2f} %, difference {score.difference_points:+.2f} points\n"
        f"{score.decodes} decodes, {score.frozen} cuts, longest stretch {score.longest_stretch_s:.1f} s, longest "
        f"decode {score.longest_decode_ms:.0f} ms"
    )
    return 0


def utterances(folder: Path, seconds: float, gap_ms: float, *, trim: bool) -> list[tuple[Floats, str]]:
    """The recordings of a set joined to utterances of at least `seconds`, with what is said in each."""
    gap = np.zeros(round(gap_ms * SAMPLE_RATE_HZ / 1000), np.float32)
    out: list[tuple[Floats, str]] = []
    parts: list[Floats] = []
    labels: list[str] = []
    with (folder / "manifest.tsv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["label"].startswith("("):
                continue  # a description, not a transcript
            audio = load_audio(folder / row["file"]).astype(np.float32) / 32768
            parts += [trimmed(audio) if trim else audio, gap]
            labels.append(row["label"])
            if sum(map(len, parts)) >= seconds * SAMPLE_RATE_HZ:
                out.append((np.concatenate(parts), " ".join(labels)))
                parts, labels = [], []
    return out


def trimmed(audio: Floats) -> Floats:
    """`audio` from the first to the last 10 ms that is not quiet."""
    blocks = audio[: len(audio) // BLOCK_SAMPLES * BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES)
    rms = np.sqrt(np.mean(blocks**2, axis=1))
    loud = np.flatnonzero(rms > 0.05 * rms.max())
    return audio[loud[0] * BLOCK_SAMPLES : (loud[-1] + 1) * BLOCK_SAMPLES]


def in_the_window(audio: Floats, recogniser: WhisperCpp, vad: SileroVad, score: Score) -> str:
    """Hear `audio` as one utterance under push-to-talk: only its end ends it."""
    vad.reset()
    pointer = Endpointer(EndpointPolicy(max_utterance_ms=1e9))
    pointer.hold(0)
    window = UtteranceWindow(UtterancePolicy(), 0)
    frame = vad.frame_samples
    for start in range(0, len(audio) - frame + 1, frame):
        end = start + frame
        block = audio[start:end]
        window.level(start, end, float(np.sqrt(np.mean(block**2))))
        heard = pointer.hear((block * 32767).astype(np.int16), start)
        for decision in [*heard, *pointer.feed(vad.probability(block), start, end)]:
            if isinstance(decision, Pause):
                decode(window, end, audio, recogniser, score, last=False)
            elif isinstance(decision, Resume):
                window.pause(decision.start_sample, decision.end_sample)
        if window.overdue(end):
            decode(window, end, audio, recogniser, score, last=False)
    decode(window, len(audio), audio, recogniser, score, last=True)
    return window.text


def decode(
    window: UtteranceWindow, now: int, audio: Floats, recogniser: WhisperCpp, score: Score, *, last: bool
) -> None:
    """Decode what is due until the newest audio is covered."""
    while True:
        before = window.decode_from
        stretch = window.stretch(now, last=last)
        score.frozen += window.decode_from != before
        began = time.perf_counter()
        text = recogniser.transcribe(audio[stretch.start_sample : stretch.end_sample]).text
        score.longest_decode_ms = max(score.longest_decode_ms, 1000 * (time.perf_counter() - began))
        score.longest_stretch_s = max(
            score.longest_stretch_s, (stretch.end_sample - stretch.start_sample) / SAMPLE_RATE_HZ
        )
        score.decodes += 1
        window.decoded(text, stretch)
        if not stretch.cut:
            return


if __name__ == "__main__":
    sys.exit(main())
