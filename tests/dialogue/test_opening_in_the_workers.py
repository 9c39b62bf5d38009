"""The rim: an opening, and the clause that goes on behind it, through the thread of the voice."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hello_ends import HelloEnds
from model_threads import workers_of
from virtual_rim import fake_speech

from device.dialogue.commands import Prepare, Speak
from device.dialogue.patience import LIMITS_S, Patience
from models.errors import ModelRunError
from models.protocols import Cancelled, Opening, Speech, never

CLAUSE = "The capital of France is Paris."


class Begins(HelloEnds):
    """Says the first two words of an opening, and then what is left of the clause."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.broken = self.refuses = self.rest_broken = False
        self.behind_opening_ms: float | None = 70.0

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:  # noqa: ARG002
        self.go.wait(10)
        if self.broken:
            raise ModelRunError("no opening")
        if self.refuses:
            return None
        first = " ".join(text.split()[:2])

        def rest(whole: str, cancelled: Cancelled) -> Iterator[Speech]:  # noqa: ARG001
            if self.rest_broken:
                raise ModelRunError("no rest")
            assert whole.startswith(first)
            yield fake_speech(whole[len(first) + 1 :])

        return Opening(fake_speech(first), rest)

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        return fake_speech(text)


class Told:
    """In the place of the conversation."""

    def __init__(self) -> None:
        self.spoken_of: list[tuple[int, int, str | None, bool]] = []
        self.failures: list[str] = []
        self.behind_opening_ms: list[float | None] = []

    def prepared(self, behind_opening_ms: float | None) -> list[Any]:
        self.behind_opening_ms.append(behind_opening_ms)
        return []

    def spoken(self, job: int, index: int, speech: Speech | None, now: int, *, more: bool = False) -> list[Any]:  # noqa: ARG002
        self.spoken_of.append((job, index, None if speech is None else speech.text, more))
        return []

    def failed(self, job: int, stage: str, message: str, now: int) -> list[Any]:  # noqa: ARG002
        self.failures.append(stage)
        return []


class World:
    def __init__(self, voice: HelloEnds, limit_s: float = 4.0) -> None:
        self.told = Told()
        self.dead: set[int] = set()
        self.workers = workers_of(
            voice,
            self.told,
            self._post,
            alive=lambda job: job not in self.dead,
            patience=Patience({**LIMITS_S, "tts": limit_s}),
        )

    @staticmethod
    def _post(action: Callable[[], list[Any]]) -> None:
        action()

    def give(self, *commands: Speak | Prepare) -> list[tuple[int, int, str | None, bool]]:
        """What came of these, once all of it has come."""
        for command in commands:
            self.workers.give(command)
        done = threading.Event()
        self.workers._tts.give(done.set)
        assert done.wait(10)
        return self.told.spoken_of


def opening(job: int = 1, text: str = "The capital of Fra") -> Speak:
    return Speak(job, 0, text, opening=True)


def test_the_clause_goes_on_behind_its_opening() -> None:
    world = World(Begins())
    assert world.give(opening(), Speak(1, 0, CLAUSE), Speak(1, 1, "Yes.")) == [
        (1, 0, "The capital", True),
        (1, 0, "of France is Paris.", True),
        (1, 0, None, False),
        (1, 1, "Yes.", False),
    ]


@pytest.mark.parametrize("why", ["broken", "refuses"])
def test_without_an_opening_the_clause_is_said_when_it_is_there(why: str) -> None:
    voice = Begins()
    setattr(voice, why, True)
    world = World(voice)
    said = world.give(opening(), Speak(1, 0, CLAUSE))
    assert said == [(1, 0, None, True), (1, 0, CLAUSE, True), (1, 0, None, False)]
    assert world.told.failures == [], "nobody misses anything"


def test_a_voice_that_knows_no_openings() -> None:
    said = World(HelloEnds()).give(opening(), Speak(1, 0, CLAUSE))
    assert said == [(1, 0, None, True), (1, 0, CLAUSE, True), (1, 0, None, False)]


def test_each_answer_goes_on_as_it_began() -> None:
    """One that was interrupted waits while another is begun."""
    world = World(Begins())
    said = world.give(opening(1), opening(2, "I am sorry for that"), Speak(2, 0, "I am sorry."), Speak(1, 0, CLAUSE))
    assert [(job, text) for job, _, text, _ in said if text] == [
        (1, "The capital"), (2, "I am"), (2, "sorry."), (1, "of France is Paris."),
    ]  # fmt: skip


def test_what_nobody_wants_is_not_begun_nor_kept() -> None:
    world = World(Begins())
    world.dead.add(1)
    assert world.give(opening(1)) == [(1, 0, None, True)]
    world = World(Begins())
    world.give(opening(1))
    assert set(world.workers._openings) == {1}
    world.dead.add(1)
    world.give(opening(2))
    assert set(world.workers._openings) == {2}


def test_the_rest_fails() -> None:
    voice = Begins()
    voice.rest_broken = True
    world = World(voice)
    assert world.give(opening(), Speak(1, 0, CLAUSE)) == [(1, 0, "The capital", True), (1, 0, None, False)]
    assert world.told.failures == ["tts"]


def test_an_opening_that_hangs_does_not_count_as_the_clause() -> None:
    voice = Begins()
    voice.go.clear()
    world = World(voice, limit_s=0.05)
    world.workers.give(Speak(1, 0, "", opening=True))
    until_s = time.monotonic() + 5
    while not world.told.failures and time.monotonic() < until_s:
        world.workers.impatient()
        time.sleep(0.005)
    assert world.told.failures == ["tts"]
    assert world.told.spoken_of == [(1, 0, None, True)]
    voice.go.set()
    assert world.give() == [(1, 0, None, True)], "and what comes of it at last is too late"


@pytest.mark.parametrize(("voice", "told"), [(Begins(), 70.0), (HelloEnds(), None)])
def test_how_fast_the_voice_goes_on_is_told_once_it_has_spoken(voice: HelloEnds, told: float | None) -> None:
    world = World(voice)
    world.give(Prepare(("One moment.",)))
    assert world.told.behind_opening_ms == [told]
