"""Earcons and mute through real threads, on the virtual card: what is asked of it comes out as sound and events."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from quiet_models import Quiet

from device.audio.earcons import earcons
from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.loop import Assistant, Models
from models.protocols import Floats, Int16s

WAIT_S = 20.0


class HearsNoise(Quiet):
    """Whatever is loud is a voice."""

    def probability(self, frame: Floats) -> float:
        return float(np.abs(frame).max() > 0.5)


class Session:
    def __init__(self, *, with_earcons: bool = True, greeting: str = "") -> None:
        self.card = VirtualCard(speed=4)
        self.events: list[ev.Event] = []
        quiet = HearsNoise()
        self.assistant = Assistant(
            Conversation(Policy(), ""),
            self.card,
            PassThrough(),
            Models(quiet, quiet, quiet, quiet),
            on_event=self.events.append,
            greeting=greeting,
            earcons=earcons() if with_earcons else None,
        )

    def run(self, script: Callable[["Session"], None]) -> Int16s:
        """What the loudspeaker played."""
        failures: list[BaseException] = []

        def play() -> None:
            try:
                script(self)
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)
            finally:
                self.assistant.stop()

        hand = threading.Thread(target=play)
        with self.card:
            hand.start()
            self.assistant.run()
            hand.join()
        if failures:
            raise failures[0]
        return self.card.recording()[1]

    def until(self, what: Callable[[ev.Event], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not any(what(event) for event in list(self.events)):
            assert time.monotonic() < deadline, self.events
            time.sleep(0.005)

    def wait_for(self, seconds: float) -> None:
        """Of the card's own clock."""
        deadline, end = time.monotonic() + WAIT_S, self.card.now + round(seconds * 16_000)
        while self.card.now < end:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def contains(sound: Int16s, part: Int16s) -> bool:
    begin = np.flatnonzero(sound)
    return bool(begin.size) and any(
        np.array_equal(sound[at : at + part.size], part) for at in range(max(0, begin[0] - 8), begin[-1])
    )


def mute_and_open(session: Session) -> None:
    session.card.mute(True)
    session.until(lambda e: isinstance(e, ev.Mute) and e.muted)
    session.wait_for(0.5)
    session.card.mute(False)
    session.until(lambda e: isinstance(e, ev.Mute) and not e.muted)
    session.wait_for(0.5)


def test_mute_is_sounded_when_it_has_come_true() -> None:
    sound = Session().run(mute_and_open)
    assert contains(sound, earcons()["muted"])
    assert contains(sound, earcons()["unmuted"])


def test_without_earcons_there_is_silence() -> None:
    session = Session(with_earcons=False)
    assert not session.run(mute_and_open).any()
    assert [e.muted for e in session.events if isinstance(e, ev.Mute)] == [True, False]


@pytest.mark.parametrize("name", ["card back", "error"])
def test_others_may_ask_for_one(name: str) -> None:
    def ask(session: Session) -> None:
        session.assistant.chime(name)
        session.wait_for(1.0)

    assert contains(Session().run(ask), earcons()[name])


def test_behind_an_answer_there_is_none() -> None:
    def ask(session: Session) -> None:
        session.until(lambda e: isinstance(e, ev.PlayoutStart))
        session.assistant.chime("error")
        session.until(lambda e: isinstance(e, ev.PlayoutEnd))
        session.wait_for(1.0)

    sound = Session(greeting="Good evening.").run(ask)
    assert set(np.unique(sound)) == {0, 321}
