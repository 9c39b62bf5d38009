"""A second look through real threads: by the recogniser's own, that does one thing at a time, and never for long."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from device.dialogue.commands import Decode, Understand
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.deed_workers import DeedWorkers, HearAgain
from device.dialogue.deeds import Meaning
from device.dialogue.model_workers import Models, ModelWorkers
from device.dialogue.work_meter import WorkMeter
from device.skills.testing import SkillBench
from models.protocols import Cancelled, Effort, Floats, Recogniser, Transcript, never

AUDIO = np.zeros(16_000, np.float32)
GUESS = Meaning("lock", question="Lock the front door?")
HOUSE = Path(__file__).resolve().parents[2] / "bench" / "house"


class Looks:
    """An interpreter that knows nothing but by a second look."""

    hints = "Lock the front door."

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.guessed: list[tuple[str, str]] = []

    def interpret(self, text: str) -> Meaning | None:
        return Meaning("known") if text == "Known." else None

    def near(self, text: str) -> bool:
        self.asked.append(text)
        if text == "Break.":
            raise RuntimeError("no letters")
        if text == "Exit.":
            raise SystemExit
        return text != "Hello."

    def guess(self, heard: str, again: str) -> Meaning | None:
        self.guessed.append((heard, again))
        if again == "Break.":
            raise RuntimeError("no sense")
        if again == "Exit.":
            raise SystemExit
        return GUESS


class Hears:
    """A recogniser that takes as long as it is held."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Semaphore(0)
        self.at_once = 0
        self.most_at_once = 0
        self.expected: list[str] = []
        self.error: BaseException | None = None

    def _hear(self, text: str, cancelled: Cancelled) -> Transcript:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.release()
        while not self.open.wait(0.01) and not cancelled():
            pass
        self.at_once -= 1
        if self.error is not None:
            raise self.error
        return Transcript(text, 0.9, 1000.0, 1.0, complete=not cancelled())

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        return self._hear("First.", cancelled)

    def transcribe_expecting(self, audio: Floats, expected: str, *, cancelled: Cancelled = never) -> Transcript:  # noqa: ARG002
        self.expected.append(expected)
        return self._hear("Lock the front door.", cancelled)


class Deaf:
    """A recogniser that cannot be told what to expect."""

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        return Transcript("First.", 0.9, 1000.0, 1.0)


def workers(recogniser: Any, wanted: set[int]) -> ModelWorkers:
    talk = Conversation(Policy(), "")
    nobody = cast("Any", None)
    return ModelWorkers(
        Models(nobody, cast("Recogniser", recogniser), nobody, nobody),
        talk,
        lambda message: message() and None,  # type: ignore[func-returns-value]
        lambda: 0,
        alive=wanted.__contains__,
        work=WorkMeter(talk.degrade),
        stopping=lambda: False,
    )


class Rim:
    def __init__(self, hear_again: HearAgain, look: Any = None) -> None:
        self.wanted = {1, 2, 3}
        self.came: list[tuple[int, Meaning | None]] = []
        self.arrived = threading.Semaphore(0)
        self.look = look or Looks()
        self.deeds = DeedWorkers(
            self.look,
            None,
            understood=self._understood,
            acted=lambda *_: None,
            alive=self.wanted.__contains__,
            hear_again=hear_again,
        )

    def _understood(self, job: int, meaning: Meaning | None) -> None:
        self.came.append((job, meaning))
        self.arrived.release()

    def asks(self, text: str, audio: Floats | None = AUDIO) -> Meaning | None:
        self.deeds.understand(Understand(1, text, audio))
        assert self.arrived.acquire(timeout=20)
        return self.came[-1][1]


@pytest.fixture
def hears() -> Iterator[tuple[Hears, Rim, ModelWorkers]]:
    recogniser = Hears()
    wanted: set[int] = set()
    models = workers(recogniser, wanted)
    rim = Rim(models.hear_again)
    wanted |= rim.wanted
    rim.models_want = wanted  # type: ignore[attr-defined]
    yield recogniser, rim, models
    recogniser.open.set()
    rim.deeds.finish(20)
    models.finish(20)


def test_what_is_near_is_heard_again_and_guessed(hears: tuple[Hears, Rim, ModelWorkers]) -> None:
    recogniser, rim, _ = hears
    assert rim.asks("Walk the front door.") == GUESS
    assert rim.look.guessed == [("Walk the front door.", "Lock the front door.")]
    assert recogniser.expected == [Looks.hints]


@pytest.mark.parametrize(
    ("text", "audio"), [("Hello.", AUDIO), ("Break.", AUDIO), ("Exit.", AUDIO), ("Walk.", None), ("Known.", AUDIO)]
)
def test_what_is_known_or_is_not_near_is_not_heard_again(
    hears: tuple[Hears, Rim, ModelWorkers], text: str, audio: Floats | None
) -> None:
    recogniser, rim, _ = hears
    assert rim.asks(text, audio) == (Meaning("known") if text == "Known." else None)
    assert recogniser.expected == []


@pytest.mark.parametrize("error", [RuntimeError("no ears"), SystemExit(), MemoryError()])
def test_a_recogniser_that_fails_means_nothing(hears: tuple[Hears, Rim, ModelWorkers], error: BaseException) -> None:
    recogniser, rim, _ = hears
    recogniser.error = error
    assert rim.asks("Walk the front door.") is None
    recogniser.error = None
    assert rim.asks("Walk the front door.") == GUESS, "and the next time it may go well"


@pytest.mark.parametrize("again", ["Break.", "Exit."])
def test_a_guess_that_fails_means_nothing(again: str) -> None:
    def heard_badly(_job: int, _audio: Floats, _expected: str, then: Callable[[str], None]) -> bool:
        then(again)
        return True

    rim = Rim(heard_badly)
    assert rim.asks("Walk the front door.") is None
    rim.deeds.finish(20)


def test_who_cannot_be_told_what_to_expect_is_not_asked() -> None:
    models = workers(Deaf(), {1})
    rim = Rim(models.hear_again)
    assert rim.asks("Walk the front door.") is None
    assert rim.look.guessed == []
    rim.deeds.finish(20)
    models.finish(20)


def test_it_makes_room_for_what_is_said_next_and_two_never_decode_at_once(
    hears: tuple[Hears, Rim, ModelWorkers],
) -> None:
    recogniser, rim, models = hears
    recogniser.open.clear()
    rim.deeds.understand(Understand(1, "Walk the front door.", AUDIO))
    assert recogniser.begun.acquire(timeout=20)
    models.give(Decode(2, AUDIO))  # somebody speaks
    assert rim.arrived.acquire(timeout=20)
    assert rim.came == [(1, None)], "at once: the language model is asked"
    recogniser.open.set()
    assert recogniser.begun.acquire(timeout=20)
    assert recogniser.most_at_once == 1


def test_while_work_waits_for_the_recogniser_there_is_no_second_look(hears: tuple[Hears, Rim, ModelWorkers]) -> None:
    recogniser, rim, models = hears
    recogniser.open.clear()
    models.give(Decode(2, AUDIO))
    assert recogniser.begun.acquire(timeout=20)
    models.give(Decode(3, AUDIO))
    assert rim.asks("Walk the front door.") is None
    assert recogniser.expected == []


def test_a_hypothesis_that_is_gone_is_given_up(hears: tuple[Hears, Rim, ModelWorkers]) -> None:
    recogniser, rim, _ = hears
    recogniser.open.clear()
    rim.deeds.understand(Understand(1, "Walk the front door.", AUDIO))
    assert recogniser.begun.acquire(timeout=20)
    rim.models_want.discard(1)  # type: ignore[attr-defined]
    assert rim.arrived.acquire(timeout=20), "though the recogniser is held"
    assert rim.came == [(1, None)]


def test_it_never_takes_long(hears: tuple[Hears, Rim, ModelWorkers], monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser, rim, _ = hears
    monkeypatch.setattr("device.dialogue.model_workers._LONGEST_LOOK_S", 0.05)
    recogniser.open.clear()
    assert rim.asks("Walk the front door.") is None
    assert recogniser.expected == [Looks.hints]


@pytest.mark.models
def test_a_recording(recogniser: Any, shared_data: Path) -> None:
    import soundfile  # noqa: PLC0415

    file = shared_data / "ha_commands_en" / "set_a_timer_for_3_hours_and_10_minutes.wav"
    audio, _ = soundfile.read(file, dtype="float32")
    models = workers(recogniser, {1})
    rim = Rim(models.hear_again, SkillBench(HOUSE, builtin=False).skills.fast_path)
    heard = recogniser.transcribe(audio).text
    assert rim.look.interpret(heard) is None, "else there is nothing to mend"
    meaning = rim.asks(heard, audio)
    assert meaning is not None
    assert (meaning.skill, dict(meaning.arguments)) == ("house_timer", {"hours": 3, "minutes": 10})
    assert meaning.question.startswith("Did you mean: ")
    assert rim.asks("Why is the sky blue?", audio) is None
    rim.deeds.finish(20)
    models.finish(20)
