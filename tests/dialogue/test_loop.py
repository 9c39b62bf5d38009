"""The rim with real threads: what fails in a worker is told, and ends nothing."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hello_ends import HelloEnds
from loud_vad import Loud

from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.interruption import ResumePolicy
from device.dialogue.loop import Assistant, Models
from models.errors import ModelRunError
from models.protocols import Cancelled, Effort, Floats, Message, Speech, Transcript, never


class Ends(HelloEnds):
    """Each may fail."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def _work(self, stage: str) -> None:
        if stage == self.broken:
            raise ModelRunError(f"{stage} is broken")


class Streaming(Ends):
    """The voice gives a word at a time; it may fail behind the first."""

    def speak_parts(self, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
        for n, word in enumerate(text.split(" ")):
            if n and self.broken == "second part":
                raise ModelRunError("tts is broken")
            speech = self.speak(word, cancelled=cancelled)
            if speech is not None:
                yield speech


def converse(ends: Ends) -> list[ev.Event]:
    """One loud second at 8 times real time; ends 3 s (of the card's clock) after the answer, or after 12 s."""
    card = VirtualCard(speed=8)
    events: list[ev.Event] = []

    def stop_in_time(now: int) -> None:
        answered = next((e.sample for e in events if isinstance(e, ev.PlayoutEnd)), 9 * 16_000)
        if now > answered + 3 * 16_000:
            assistant.stop()

    assistant = Assistant(
        Conversation(Policy(), "Be brief."),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=events.append,
        on_block=stop_in_time,
    )
    card.say(np.full(16_000, 9000, np.int16), 8000)
    with card:
        assistant.run()
    return events


def test_a_turn_through_real_threads() -> None:
    events = converse(Ends())
    (end,) = [e for e in events if isinstance(e, ev.PlayoutEnd)]
    assert (end.turn, end.heard) == (1, "Hello to you.")
    assert not [e for e in events if isinstance(e, ev.Failure)]


@pytest.mark.parametrize(("broken", "heard"), [("", "Hello to you."), ("second part", "Hello")])
def test_the_first_clause_in_parts_through_real_threads(broken: str, heard: str) -> None:
    events = converse(Streaming(broken))
    (end,) = [e for e in events if isinstance(e, ev.PlayoutEnd)]
    assert (end.generated, end.heard) == ("Hello to you.", heard)
    assert {e.stage for e in events if isinstance(e, ev.Failure)} == ({"tts"} if broken else set())
    assert [e.state for e in events if isinstance(e, ev.StateChange)][-1] == "idle"


@pytest.mark.parametrize(
    ("broken", "heard"),
    [("llm", Policy().answer.failed_text), ("stt", Policy().answer.unheard_text), ("tts", "")],
)
def test_a_model_that_raises_is_told_and_ends_nothing(
    broken: str, heard: str, caplog: pytest.LogCaptureFixture
) -> None:
    events = converse(Ends(broken))
    assert {e.stage for e in events if isinstance(e, ev.Failure)} == {broken}
    assert [e.heard for e in events if isinstance(e, ev.PlayoutEnd)] == [heard]
    assert [e.state for e in events if isinstance(e, ev.StateChange)][-1] == "idle"
    assert not any(r.exc_info for r in caplog.records if r.levelname != "DEBUG"), "no traceback for a person to read"


def test_nothing_that_was_said_is_logged_in_any_detail(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    converse(Ends())
    converse(Ends("tts"))
    assert "tts is broken" in caplog.text
    assert "Hello" not in caplog.text


class Disturbed(Ends):
    """Somebody makes a noise while the answer is being written; its second half comes only after that is decoded."""

    def __init__(self, over_the_answer: str) -> None:
        super().__init__()
        self._over_the_answer = over_the_answer
        self.committed = False
        self.decoded = threading.Event()
        self.cut = 0  # replies that were cancelled in the middle

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        text = self._over_the_answer if self.committed else "Hello?"
        if self.committed:
            self.decoded.set()
        return Transcript(text, 0.9, len(audio) / 16, 1.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:
        if messages[-1].text == "Wait.":
            yield "Fine."
            return
        yield "Hello there, my friend. "
        self.decoded.wait(20)
        until = time.monotonic() + (20 if self._over_the_answer else 0.2)
        while time.monotonic() < until:
            if cancelled():
                self.cut += 1
                return
            time.sleep(0.005)
        yield "It is good to hear you."


@pytest.mark.parametrize("said", ["", "Wait."])
def test_an_answer_in_the_making_outlives_a_cough_but_not_words(said: str) -> None:
    card = VirtualCard(speed=4)
    ends = Disturbed(said)
    events: list[ev.Event] = []

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.Commit) and not ends.committed:
            ends.committed = True
            card.say(np.full(6400, 9000, np.int16), event.sample + 6400)
        if isinstance(event, ev.PlayoutEnd):
            assistant.stop()

    assistant = Assistant(
        Conversation(Policy(resume=ResumePolicy(within_ms=60_000)), "Be brief."),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > 60 * 16_000 else None,
    )
    card.say(np.full(16_000, 9000, np.int16), 8000)
    with card:
        assistant.run()
    over = [(e.type, e.heard) for e in events if isinstance(e, ev.PlayoutEnd | ev.Interrupted)]
    if said:
        assert [kind for kind, _ in over] == ["interrupted", "playout_end"]
        assert over[1][1] == "Fine."
        assert ends.cut == 1
    else:
        assert over == [("playout_end", "Hello there, my friend. It is good to hear you.")]
        assert [e.reason for e in events if isinstance(e, ev.Resumed)] == ["no_words"]
        assert ends.cut == 0


def test_stop_from_another_thread_ends_the_run() -> None:
    card = VirtualCard()
    ends = Ends()
    assistant = Assistant(
        Conversation(Policy(), ""), card, PassThrough(), Models(Loud(), ends, ends, ends), on_event=lambda _: None
    )
    threading.Timer(0.2, assistant.stop).start()
    with card:
        assistant.run()


def test_heart_beats_are_answered_until_the_conversation_hangs_and_are_never_waited_for() -> None:
    card = VirtualCard()
    ends = Ends()
    gate, hangs = threading.Event(), threading.Event()

    def on_block(now: int) -> None:
        if now > 8_000:
            hangs.set()
            gate.wait(60)

    assistant = Assistant(
        Conversation(Policy(), ""),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=lambda _: None,
        on_block=on_block,
    )
    with card:
        running = threading.Thread(target=assistant.run)
        running.start()
        answered = heard = 0
        while not hangs.is_set():
            assistant.beat()
            answered, heard = assistant.beats, assistant.heard_samples
            time.sleep(0.01)
        assert answered > 0
        assert 0 < heard < 16_000
        assistant.beat()
        answered = assistant.beats
        for _ in range(5000):
            assistant.beat()
        assert assistant.beats == answered
        assert assistant.heard_samples > 8_000, "the ear goes on by itself"
        assistant.stop()
        gate.set()
        running.join(30)
    assert not running.is_alive()
