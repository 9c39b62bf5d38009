"""Models that hang or die in their threads, a detector that fails: told in time, and the next turn is answered."""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from hello_ends import HelloEnds
from loud_vad import Loud
from virtual_rim import VirtualRim

from device.audio.earcons import earcons
from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue import patience as patience_module
from device.dialogue.commands import Decode, Speak
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.ear_watch import BROKEN_SAMPLES, HOPELESS_S, TELL_S, EarWatch, SteadyMeter
from device.dialogue.loop import Assistant, Models
from device.errors import ModelStuckError
from models.protocols import Cancelled, Floats, Mark, Speech, never

RATE = 16_000
SPEED = 8


@dataclass
class Ends(HelloEnds):
    """The first work of `ill` goes wrong as `how` says."""

    ill: str
    how: str
    cure_s: float = 0.3  # behind the failure
    cured: threading.Event = field(default_factory=threading.Event)
    struck: bool = False

    def _work(self, stage: str) -> None:
        if stage != self.ill or self.struck:
            return
        self.struck = True
        if self.how == "dies":
            raise SystemExit
        self.cured.wait(20.0)

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech:  # noqa: ARG002
        if text.startswith("Hello"):
            self._work("tts")
        return Speech(text, np.full(4800, 3000, np.int16), (Mark(len(text), 4800),))


def converse(ends: Ends) -> list[ev.Event]:
    """Two loud seconds, the second one 3 s behind the failure, at 8 times real time."""
    card = VirtualCard(speed=SPEED)
    events: list[ev.Event] = []
    said = [0]

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.Failure):
            threading.Timer(ends.cure_s, ends.cured.set).start()

    def on_block(now: int) -> None:
        if not said[0] and now > RATE // 2:
            said[0] = card.say(np.full(RATE, 9000, np.int16))
        failed = [event for event in events if isinstance(event, ev.Failure)]
        if len(said) == 1 and failed and assistant_idle(events) and ends.struck and now > failed[0].sample + 3 * RATE:
            said.append(card.say(np.full(RATE, 9000, np.int16)))
        answered = [event for event in events if isinstance(event, ev.PlayoutEnd) and event.turn]
        if now > 60 * RATE or (len(said) == 2 and answered and answered[-1].sample > said[1]):
            assistant.stop()

    assistant = Assistant(
        Conversation(Policy(), "Be brief."),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=on_event,
        on_block=on_block,
        earcons=earcons(),
    )
    with card:
        assistant.run()
    return events


def assistant_idle(events: list[ev.Event]) -> bool:
    return [event.state for event in events if isinstance(event, ev.StateChange)][-1] == "idle"


@pytest.mark.parametrize(("stage", "how"), [("stt", "hangs"), ("llm", "hangs"), ("tts", "hangs"), ("stt", "dies")])
def test_the_turn_gets_a_sign_and_the_next_one_an_answer(stage: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = dict.fromkeys(patience_module.LIMITS_S, 0.4)
    monkeypatch.setattr(patience_module, "LIMITS_S", limits)
    monkeypatch.setattr(patience_module, "WORK_SHARE", 0.0)
    begun_s = time.monotonic()
    events = converse(Ends(stage, how))
    assert {e.stage for e in events if isinstance(e, ev.Failure)} == {stage}
    answered = [e for e in events if isinstance(e, ev.PlayoutEnd) and e.turn]
    assert answered[-1].heard == "Hello to you."
    assert time.monotonic() - begun_s < 15, "it was answered before what hung came back by itself"


def test_a_model_that_hangs_for_good_ends_it_so_that_a_supervisor_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "LIMITS_S", dict.fromkeys(patience_module.LIMITS_S, 0.3))
    monkeypatch.setattr(patience_module, "WORK_SHARE", 0.0)
    monkeypatch.setattr(patience_module, "HOPELESS_LIMITS", 3)
    with pytest.raises(ModelStuckError, match="hangs") as stuck:
        converse(Ends("stt", "hangs", cure_s=2.0))
    assert stuck.value.exit_status == 75


class Faulty(Loud):
    """Fails for the calls in `bad`."""

    def __init__(self, bad: range) -> None:
        self._bad = bad
        self._calls = 0

    def probability(self, frame: Floats) -> float:
        self._calls += 1
        if self._calls in self._bad:
            raise RuntimeError("no")
        return super().probability(frame)


def feed(meter: SteadyMeter, seconds: float) -> int:
    """Blocks of 10 ms; how many readings there were."""
    block = np.full(160, 9000, np.int16)
    return sum(len(meter.feed(block, 160 * n)) for n in range(round(seconds * 100)))


def test_a_detector_that_fails_now_and_then_is_told_of_and_goes_on() -> None:
    told: list[Exception] = []
    meter = SteadyMeter(Faulty(range(10, 14)), told.append)
    assert feed(meter, 3.0) >= 85
    assert len(told) == 1


def test_a_detector_that_is_broken_ends_it() -> None:
    told: list[Exception] = []
    meter = SteadyMeter(Faulty(range(10, 100_000)), told.append)
    with pytest.raises(RuntimeError, match="no"):
        feed(meter, BROKEN_SAMPLES / RATE + 1.0)
    assert len(told) == 1


def looks(watch: EarWatch, from_s: float, to_s: float, *, card_lost: bool = False) -> list[str]:
    """Four times a second; what is told."""
    told = []
    while from_s < to_s:
        told.append(watch.look(from_s, card_lost=card_lost))
        from_s += 0.25
    return [each for each in told if each]


def test_an_ear_that_hangs_is_told_once_each_time_and_ends_it_at_last() -> None:
    watch = EarWatch(0.0)
    assert looks(watch, 0.0, TELL_S) == []
    assert len(looks(watch, TELL_S, 10.0)) == 1
    watch.alive(10.0)
    assert looks(watch, 10.0, 10.0 + TELL_S) == []
    assert len(looks(watch, 10.0 + TELL_S, 9.0 + HOPELESS_S)) == 1
    with pytest.raises(ModelStuckError):
        looks(watch, 9.0 + HOPELESS_S, 11.0 + HOPELESS_S)


def test_a_process_that_stood_still_is_no_ear_that_hangs() -> None:
    watch = EarWatch(0.0)
    assert looks(watch, 0.0, 2.0) == []
    assert looks(watch, 500.0, 500.9) == []
    assert len(looks(watch, 500.9, 503.0)) == 1


def test_a_card_that_is_looked_for_may_take_its_time() -> None:
    watch = EarWatch(0.0)
    assert looks(watch, 0.0, HOPELESS_S * 2, card_lost=True) == []


def test_a_recogniser_that_always_fails_is_not_asked_a_hundred_times_a_second() -> None:
    rim = VirtualRim(hears=lambda _text: RuntimeError("no"), stt_ms=1)
    rim.say(500, 3500, "Hello there, what time is it?")
    rim.run(8000)
    asked = [at for at, command in rim.commands if isinstance(command, Decode)]
    assert 2 <= len(asked) <= 12
    assert "error" in rim.kinds()
    spoken = [command.text for _, command in rim.commands if isinstance(command, Speak)]
    assert Policy().answer.unheard_text in spoken, "somebody who said something is told that it was not understood"
    assert rim.talk.state == "idle"
