"""How long each model takes as the appliance calls it: from a thread of its own, after a rest, behind another model.

    nearfield bench model-waits [--times N] [--load N] [--json] [--set K=V]

A decode, a verdict of the turn model and the beginning of a reply, all on one utterance: at once after the same thing,
after 2 s of rest, and behind a verdict, in turn, medians in ms. `slept`: how often threads of this process gave up a
core of their own accord meanwhile, the barriers between a model's threads included (`models.process`). Run it with
GOMP_SPINCOUNT or OMP_WAIT_POLICY in the environment to see what they do. --load N keeps N processes spinning beside it.
"""

import contextlib
import itertools
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.figures import median, show
from bench.options import DATA, Parser, count, count_or_none, load_utterances
from bench.processor_time import busy_processes
from device.assembly import load_chat, load_recogniser, load_turn
from device.cli.boundary import guarded
from device.config import Settings, load_settings
from models.cores import lead
from models.protocols import SAMPLE_RATE_HZ, Floats, Message

REST_S = 2.0
UTTERANCE = 4  #: of the manifest: "is the Front Door locked"
PROMPT = Message("system", "You are a helpful assistant. Answer briefly.")
QUESTION = Message("user", "Is the front door locked?")
BEGUN = Message("user", "Is the")  #: so much of it the model has been given before
TOKENS = 7

Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Work:
    """What one model does, in the thread of that model; `ready` is not timed."""

    thread: ThreadPoolExecutor
    step: Step
    ready: Step = lambda: None

    def __call__(self) -> tuple[float, int]:
        """Do it: milliseconds, and how often a thread of this process slept."""
        self.thread.submit(self.ready).result()
        slept, began = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw, time.perf_counter()
        self.thread.submit(self.step).result()
        took_ms = (time.perf_counter() - began) * 1000
        return took_ms, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - slept


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=12, metavar="N", help="each of them so often")
    parser.add_argument("--load", type=count_or_none, default=0, metavar="N", help="N busy processes beside it")
    parser.common()
    args = parser.parse_args()
    said = load_utterances(DATA / "turns.tsv", UTTERANCE)[-1]
    audio = said.pcm[: said.speech_end + SAMPLE_RATE_HZ // 16].astype(np.float32) / 32768
    with contextlib.ExitStack() as stack:
        begin = (None, lead, None)  # recogniser, turn model, language model
        threads = [stack.enter_context(ThreadPoolExecutor(1, initializer=each)) for each in begin]
        works = works_of(load_settings(None, args.set), audio, threads)
        stack.enter_context(busy_processes(args.load))
        took: dict[str, list[tuple[float, int]]] = {}
        for _ in range(args.times):
            for name, work in works.items():
                work()
                took.setdefault(name, []).append(work())
                time.sleep(REST_S)
                took.setdefault(f"{name}, after {REST_S:g} s", []).append(work())
                works["verdict"]()
                took.setdefault(f"{name}, behind a verdict", []).append(work())
    total = {
        name: {"ms": round(median(ms for ms, _ in each) or 0.0, 1), "slept": median(float(n) for _, n in each)}
        for name, each in took.items()
    }
    show(dict(total), as_json=args.json)
    return 0


def works_of(settings: Settings, audio: Floats, threads: list[ThreadPoolExecutor]) -> dict[str, Work]:
    """Load the models (in a thread that ends, as the appliance does) and say what each is to do. Raises ModelError."""
    with ThreadPoolExecutor(1) as loader:
        recogniser = loader.submit(load_recogniser, settings).result()
        turn = loader.submit(load_turn, settings).result()
        chat = loader.submit(load_chat, settings).result()

    def reply(tokens: int) -> None:
        with contextlib.closing(chat.reply([PROMPT, QUESTION])) as pieces:
            list(itertools.islice(pieces, tokens))

    def forget() -> None:
        chat.warm([PROMPT, BEGUN])

    stt, judge, llm = threads
    works = {
        "decode": Work(stt, lambda: recogniser.transcribe(audio)),
        "first token": Work(llm, lambda: reply(1), forget),
        f"first {TOKENS} tokens": Work(llm, lambda: reply(TOKENS), forget),
    }
    return {"verdict": Work(judge, lambda: turn.finished(audio) if turn is not None else None), **works}


if __name__ == "__main__":
    sys.exit(guarded(main))
