"""The rim: no further token is made while the voice is about to say what the newest one completed."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hello_ends import HelloEnds
from model_threads import workers_of
from virtual_rim import fake_speech

from device.dialogue.commands import Reply, Speak
from models.protocols import Cancelled, Message, Opening, Speech, never

PIECES = ["The", " capital", " of", " France", " is", " Paris", "."]
CLAUSE = "".join(PIECES)
REPLY = Reply(1, (Message("user", "What is the capital of France?"),))


class Ends(HelloEnds):
    """A language model and a voice that tell when they are at work."""

    behind_opening_ms: float | None = None

    def __init__(self) -> None:
        self.log: list[str] = []

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        for piece in PIECES:
            self.log.append(piece)
            yield piece

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:  # noqa: ARG002
        self.log.append("opens")
        time.sleep(0.02)
        self.log.append("opened")
        return Opening(fake_speech("The capital"), lambda whole, _: iter([fake_speech(whole)]))

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        self.log.append("speaks")
        time.sleep(0.02)
        self.log.append("spoke")
        return fake_speech(text)


class Talk:
    """In the place of the conversation: the voice is given the first words with one piece, the clause with another."""

    def __init__(self, ends: Ends, opening_with: str = "") -> None:
        self._opening_with = opening_with
        self.workers = workers_of(ends, self, self.post)
        self.inbox: queue.Queue[Callable[[], list[Any]]] = queue.Queue()
        self.over = False

    def post(self, action: Callable[[], list[Any]]) -> None:
        self.inbox.put(action)

    def token(self, job: int, piece: str, now: int) -> list[Any]:  # noqa: ARG002
        if piece == self._opening_with:
            return [Speak(job, 0, "The capital of", opening=True)]
        return [Speak(job, 0, CLAUSE)] if piece == "." else []

    def written(self, job: int, now: int, *, complete: bool) -> list[Any]:  # noqa: ARG002
        self.over = True
        return []

    def spoken(self, job: int, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Any]:  # noqa: ARG002
        return []

    def run(self, dawdles_s: float) -> None:
        """The thread of the conversation, which takes its time over each message."""
        until_s = time.monotonic() + 10
        while not self.over and time.monotonic() < until_s:
            action = self.inbox.get(timeout=10)
            time.sleep(dawdles_s)
            for command in action():
                self.workers.give(command)
        self.workers.finish(5)
        assert self.over


@pytest.mark.parametrize("opening_with", ["", " of", " France"])
def test_the_voice_begins_before_the_next_token_is_made(opening_with: str) -> None:
    ends = Ends()
    talk = Talk(ends, opening_with)
    talk.workers.give(REPLY)
    talk.run(dawdles_s=0.002)
    assert [entry for entry in ends.log if entry in PIECES] == PIECES
    if opening_with:
        at = ends.log.index(opening_with)
        assert ends.log[at : at + 3] == [opening_with, "opens", "opened"]
    else:
        assert ends.log[-2:] == ["speaks", "spoke"]


def test_a_conversation_that_is_busy_holds_no_token_up_for_long() -> None:
    """Its pieces wait in the inbox, as they did."""
    ends = Ends()
    talk = Talk(ends)
    talk.workers.give(REPLY)
    until_s = time.monotonic() + 10
    while len(ends.log) < len(PIECES) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert ends.log == PIECES
    talk.run(dawdles_s=0.0)
