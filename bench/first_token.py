"""Two files of a language model beside each other: how soon is the first token there, and the eighth?

    python bench/first_token.py [MODEL MODEL] [--times 6] [--json]

By default smollm2-135m-instruct-q4_1 and -q8_0. Seven questions behind the assistant's prompt, which the model has read
before, as in the appliance; both models in turn, medians in ms from the question to the token. Beside it what each
expects behind the last word (`models.sentence_end`), and the answer.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import median
from bench.options import Parser, count
from device.assembly import open_store
from device.cli.boundary import guarded
from device.config import load_settings
from device.errors import UsageError
from device.persona import load_persona
from models.llm import LlamaCpp
from models.protocols import Message

MODELS = ("smollm2-135m-instruct-q4_1", "smollm2-135m-instruct-q8_0")
QUESTIONS = (
    "What is the capital of France?",
    "How do airplanes fly?",
    "Tell me a short story about a fox.",
    "Why is the sky blue?",
    "What should I cook tonight?",
    "Who wrote Hamlet?",
    "Give me some advice for sleeping better.",
)
LATER = 8


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--times", type=count, default=6)
    parser.common()
    args = parser.parse_args()
    if len(set(args.models)) < 2:
        raise UsageError("there is nothing to compare", hint="name two models of 'nearfield models list'")
    settings = load_settings(None, args.set)
    store = open_store(settings)
    loaded = {name: LlamaCpp(store.path(name), max_reply_tokens=3 * LATER) for name in args.models}
    prompt = Message("system", load_persona(settings.persona).prompt)
    first: dict[str, list[float]] = {name: [] for name in loaded}
    later: dict[str, list[float]] = {name: [] for name in loaded}
    said: dict[str, dict[str, tuple[float | None, str]]] = {question: {} for question in QUESTIONS}
    for _ in range(args.times):
        for question in QUESTIONS:
            for name, model in loaded.items():
                model.warm([prompt])
                pieces, at_ms = timed(model, [prompt, Message("user", question)])
                first[name].append(at_ms[0])
                later[name] += at_ms[LATER - 1 : LATER]
                said[question][name] = model.sentence_end, "".join(pieces)
    figures = {name: {"first_ms": median(first[name]), f"token_{LATER}_ms": median(later[name])} for name in loaded}
    if args.json:
        print(json.dumps({"models": figures, "questions": said}, ensure_ascii=False))
        return 0
    for name, of in figures.items():
        print(f"{name}: first token {of['first_ms']:.1f} ms, token {LATER} {of[f'token_{LATER}_ms']:.1f} ms")
    for question, answers in said.items():
        print(question)
        for name, (end, answer) in answers.items():
            print(f"  {name}: {end or 0:.2f} {answer!r}")
    return 0


def timed(model: LlamaCpp, messages: list[Message]) -> tuple[list[str], list[float]]:
    """The pieces of the answer, and when each was there, in ms."""
    begun_s = time.perf_counter()
    pieces: list[str] = []
    at_ms: list[float] = []
    with contextlib.closing(model.reply(messages)) as reply:  # type: ignore[type-var]
        for piece in reply:
            at_ms.append((time.perf_counter() - begun_s) * 1000)
            pieces.append(piece)
    return pieces, at_ms


if __name__ == "__main__":
    sys.exit(guarded(main))
