"""What a model on another machine costs or saves, stage by stage, and what it costs when it is not there.

    python bench/remote.py --llm http://nas:8080 --stt tcp://nas:10300 --tts tcp://nas:10200 [--json]

The same requests to the local model and to the server's, in turn, so that both see the same load: the time to the
first token (behind a warm prefix), to the transcript of two seconds of speech, and to the audio of a clause; medians.
Then, with no server at all, one that refuses connections and one that takes them and is silent: the time to the first
token, turn by turn, with the local model behind.
"""

import argparse
import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from device.assembly import load_chat, load_recogniser, load_voice
from device.config import Settings, load_settings
from device.persona import load_persona
from models.fallback import FallbackChat
from models.guard import Guard
from models.protocols import Message
from models.remote_llm import RemoteChat

QUESTIONS = ["What is the capital of France?", "How far is the moon?", "Who wrote Hamlet?", "Why is the sky blue?"]
CLAUSES = ["The capital of France is Paris.", "One moment.", "It is ten past four,", "Would you like anything else?"]


def configured(*overrides: str) -> Settings:
    return load_settings(None, list(overrides))


def timed_ms(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def medians(works: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, float]:
    """Each in turn, the first round for nothing."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            times[name].append(timed_ms(partial(work, number)))
    return {name: round(median(values[1:]), 1) for name, values in times.items()}


def first_tokens(url: str, rounds: int) -> dict[str, float]:
    chats = {
        "local": load_chat(configured()),
        "server": load_chat(configured(f"llm.server={url}", "llm.fallback=false")),
    }
    system = Message("system", load_persona("assistant").prompt)
    out: dict[str, list[float]] = {name: [] for name in chats}
    for number in range(rounds + 1):
        chat = [system, Message("user", QUESTIONS[number % len(QUESTIONS)])]
        for name, model in chats.items():
            model.warm([system])
            with contextlib.closing(model.reply(chat)) as pieces:
                out[name].append(timed_ms(partial(next, pieces)))
    return {name: round(median(values[1:]), 1) for name, values in out.items()}


def transcripts(uri: str, rounds: int) -> dict[str, float]:
    speech = load_voice(configured()).speak(CLAUSES[0])
    assert speech is not None
    audio = speech.pcm.astype(np.float32) / 32768
    local = load_recogniser(configured())
    server = load_recogniser(configured(f"stt.server={uri}", "stt.fallback=false", "stt.server_timeout_ms=20000"))
    return medians({"local": lambda _: local.transcribe(audio), "server": lambda _: server.transcribe(audio)}, rounds)


def clauses(uri: str, rounds: int) -> dict[str, float]:
    local = load_voice(configured())
    server = load_voice(configured(f"tts.server={uri}", "tts.fallback=false", "tts.server_timeout_ms=20000"))
    return medians(
        {
            "local": lambda number: local.speak(CLAUSES[number % len(CLAUSES)]),
            "server": lambda number: server.speak(CLAUSES[number % len(CLAUSES)]),
        },
        rounds,
    )


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield int(server.getsockname()[1])


def dead_servers(turns: int) -> dict[str, list[float]]:
    """To the first token, turn by turn, with a server that has gone since the start."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        closed = probe.getsockname()[1]
    local = load_chat(configured())
    system = Message("system", load_persona("assistant").prompt)
    out: dict[str, list[float]] = {}
    with silent() as port:
        for name, url in (("refuses", f"http://127.0.0.1:{closed}"), ("is silent", f"http://127.0.0.1:{port}")):
            remote = RemoteChat(url, model="gone")
            model = FallbackChat(remote, local, Guard("language model", url, remote.check, recover_s=1000))
            model.warm([system])
            out[name] = []
            for number in range(turns):
                chat = [system, Message("user", QUESTIONS[number % len(QUESTIONS)])]
                with contextlib.closing(model.reply(chat)) as pieces:
                    out[name].append(round(timed_ms(partial(next, pieces)), 1))
            remote.close()
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("llm", "stt", "tts"):
        parser.add_argument(f"--{name}", default="", metavar="ADDRESS")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    out: dict[str, Any] = {}
    for name, address, measure in (
        ("first token, ms", args.llm, first_tokens),
        ("transcript, ms", args.stt, transcripts),
        ("clause, ms", args.tts, clauses),
    ):
        if address:
            out[name] = measure(address, args.rounds)
    out["dead server"] = dead_servers(5)
    if args.json:
        print(json.dumps(out))
    else:
        for name, result in out.items():
            print(name, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
