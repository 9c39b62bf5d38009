"""How soon an answer sounds, and whether it then goes on without a gap: language model and voice, end to end.

    python bench/first_sound.py [--json]

Each question is written once by the real language model, and every clause is made by the real voice, one after the
other beside it, as in the appliance; the loudspeaker is a clock. Twice in the same run: with a first clause as before
(a mark from 12 characters on, whatever comes next) and by the rule of continuity. First sound counts from the
question to the audio of the first clause; a gap is silence beyond the pause that the voice makes itself.
"""

import argparse
import json
import queue
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from device.assembly import load_chat, load_voice
from device.card import Span
from device.config import load_settings
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.clauses import ClausePolicy
from device.dialogue.commands import Output, Play, Speak
from device.dialogue.pace import Pace
from device.persona import load_persona
from models.protocols import SAMPLE_RATE_HZ, Message, Speech, in_parts

QUESTIONS = """What is the capital of France?|How do I boil an egg?|Why is the sky blue?|Tell me a joke.
Can you help me plan a birthday party?|What's the weather like?|How far is the moon?|Who wrote Hamlet?
What is the largest ocean?|How does a microwave oven work?|Why do cats purr?|Is a tomato a fruit?
What should I cook tonight?|How many days are in a leap year?|What does photosynthesis mean?|Good morning.
Can you recommend a book?|How do I remove a coffee stain?|What is the speed of light?|Thank you."""
#: The voice never waits for the loudspeaker: where it is that far ahead no gap is near, and a run takes a minute.
AHEAD_SAMPLES = 600 * SAMPLE_RATE_HZ
CAREFUL_OF_NOTHING = ClausePolicy(first_min_chars=12, first_max_chars=100)


class Hasty(Pace):
    """As it was: a clause ends at its mark, whatever follows."""

    def flows(self, *_: Any, **__: Any) -> bool:
        return True


def synthesised(voice: Any, command: Speak) -> Iterator[tuple[int, Speech | None, bool]]:
    """As the rim has it: the first clause in parts, the others whole."""
    if command.index > 0:
        yield command.index, voice.speak(command.text), False
        return
    for part in in_parts(voice, command.text):
        yield 0, part, True
    yield 0, None, False


def run(question: str, prompt: str, chat: Any, voice: Any, policy: AnswerPolicy, pace: Pace) -> dict[str, Any]:
    """One answer in real time; positions of the loudspeaker are samples since the question."""
    began = time.perf_counter()
    inbox: queue.Queue[tuple[str, Any]] = queue.Queue()
    work: queue.Queue[Speak | None] = queue.Queue()

    def now() -> int:
        return round((time.perf_counter() - began) * SAMPLE_RATE_HZ)

    def write() -> None:
        for piece in chat.reply([Message("system", prompt), Message("user", question)]):
            inbox.put(("token", piece))
        inbox.put(("written", chat.last_complete))

    def speak() -> None:
        while (command := work.get()) is not None:
            for message in synthesised(voice, command):
                inbox.put(("spoken", message))

    threads = [threading.Thread(target=write), threading.Thread(target=speak)]
    for thread in threads:
        thread.start()
    answer = Answer(1, 0, policy, pace, asked=0)  # turn 0: nothing is acknowledged
    starts: list[tuple[float, float, str]] = []  # of every clause, and of every part of the first
    clauses: dict[int, list[str]] = {}
    ring_end, written = 0, 0
    played_to, done = 0, False

    def carry_out(outputs: list[Output]) -> None:
        nonlocal ring_end, written
        for output in outputs:
            if isinstance(output, Speak):
                work.put(output)
            elif isinstance(output, Play):
                speech: Speech = output.speech
                start = max(ring_end, now())
                clauses.setdefault(output.index, []).append(speech.text)
                starts.append((start / 16, (start - ring_end) / 16 if ring_end else 0.0, speech.text))
                ring_end = start + speech.pcm.size
                answer.queued(Span(written, written + speech.pcm.size), speech)
                written += speech.pcm.size

    carry_out(answer.release(0))
    while not (done and answer.placed):  # what is left only has to be played
        try:
            what, value = inbox.get(timeout=0.01)
        except queue.Empty:
            what, value = "", None
        if what == "token":
            carry_out(answer.token(value, now()))
        elif what == "written":
            done = True
            carry_out(answer.written(now(), complete=value))
        elif what == "spoken":
            index, speech, more = value
            carry_out(answer.spoken(index, speech, now(), more=more))
        to = written - max(0, ring_end - now())
        if to > played_to:
            carry_out(answer.played(Span(played_to, to), now()))
            played_to = to
    work.put(None)
    for thread in threads:
        thread.join()
    return {
        "question": question,
        "first_sound_ms": round(starts[0][0], 1),
        "first_clause": " ".join(clauses[0]),
        "clauses": len(clauses),
        "gaps": [(round(gap), before[2]) for before, (_, gap, _) in pairwise(starts) if gap > 0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", type=int, default=0, help="so many questions")
    args = parser.parse_args()
    settings = load_settings(None, [])
    prompt = load_persona(settings.persona).prompt
    chat, voice = load_chat(settings), load_voice(settings)
    questions = QUESTIONS.replace("\n", "|").split("|")[: args.only or None]
    rules: dict[str, tuple[AnswerPolicy, Pace]] = {
        "before": (AnswerPolicy(CAREFUL_OF_NOTHING, ahead_samples=AHEAD_SAMPLES), Hasty()),
        "now": (AnswerPolicy(ahead_samples=AHEAD_SAMPLES), Pace()),
    }
    out: dict[str, Any] = {}
    for name in rules:
        out[name] = {"rows": []}
    for question in questions:
        for name, (policy, pace) in rules.items():
            chat.warm([Message("system", prompt)])
            out[name]["rows"].append(run(question, prompt, chat, voice, policy, pace))
    for name, result in out.items():
        first = [row["first_sound_ms"] for row in result["rows"]]
        gaps = [gap for row in result["rows"] for gap in row["gaps"]]
        for p in (50, 95):
            result[f"first_sound_ms_p{p}"] = round(float(np.percentile(first, p)))
        result["gaps"], result["longest_gap_ms"] = len(gaps), max((g for g, _ in gaps), default=0)
        if not args.json:
            for row in result["rows"]:
                print(f"{name:7} {row['first_sound_ms']:7.0f} ms  {row['first_clause']!r}  {row['gaps'] or ''}")
    if args.json:
        print(json.dumps(out))
    else:
        for name, result in out.items():
            print(name, {key: value for key, value in result.items() if key != "rows"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
