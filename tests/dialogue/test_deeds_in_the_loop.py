"""What is said is done through real threads: looked up, carried out, told; and what fails there is an outcome."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pytest
from loud_vad import Loud

from device.audio.earcons import earcons
from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.commands import Act, Understand
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.deed_workers import DeedWorkers
from device.dialogue.deeds import Call, Meaning, Outcome, Unable
from device.dialogue.doing import DoingPolicy
from device.dialogue.loop import Assistant, Models
from device.dialogue.workers import Worker
from models.protocols import Cancelled, Effort, Floats, Mark, Message, Speech, ToolRequest, ToolSpec, Transcript, never

DOING = DoingPolicy(interpreter=True)
TOOLS = (ToolSpec("buy", "Buy it.", {}),)


class Ends:
    """Recogniser, chat with tools, voice, interpreter and doer in one."""

    last_complete = True

    def __init__(self, meaning: Meaning | None = None, *, said: str = "Add milk.") -> None:
        self.meaning = meaning
        self.said = said
        self.calls: list[Call] = []
        self.tools: list[tuple[ToolSpec, ...]] = []
        self.outcome: Outcome | BaseException = Outcome("done", "Milk is on the list.")

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        return Transcript(self.said, 0.9, len(audio) / 16, 1.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        yield f"It says {messages[-1].text}"

    def reply_with_tools(
        self,
        messages: Sequence[Message],  # noqa: ARG002
        tools: Sequence[ToolSpec],
        *,
        cancelled: Cancelled = never,  # noqa: ARG002
    ) -> Iterator[str | ToolRequest]:
        self.tools.append(tuple(tools))
        yield ToolRequest("buy", {"what": "milk"})

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        return Speech(text, np.full(4800, 3000, np.int16), (Mark(len(text), 4800),))

    def interpret(self, text: str) -> Meaning | None:
        if text == "Break.":
            raise RuntimeError("no sentences")
        if text == "Exit.":
            raise SystemExit
        return self.meaning

    def carry_out(self, call: Call) -> Outcome:
        self.calls.append(call)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def converse(
    ends: Ends, doing: DoingPolicy = DOING, *, doer: bool = True, then: Callable[[Assistant], None] = lambda _: None
) -> tuple[list[ev.Event], VirtualCard]:
    """One loud second at 8 times real time; ends 2 s of the card's clock after the last answer, or after 20 s."""
    card = VirtualCard(speed=8)
    events: list[ev.Event] = []
    ended = [20 * 16_000]

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.PlayoutEnd):
            ended[0] = event.sample + 2 * 16_000

    assistant = Assistant(
        Conversation(Policy(acting=ActingPolicy(doing=doing)), "", check=lambda r: Meaning(r.name, r.arguments)),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > ended[0] else None,
        interpreter=ends,
        doer=ends if doer else None,
    )
    card.say(np.full(16_000, 9000, np.int16), 8000)
    then(assistant)
    with card:
        assistant.run()
    return events, card


def heard(events: list[ev.Event]) -> list[str]:
    return [e.heard for e in events if isinstance(e, ev.PlayoutEnd)]


def test_what_is_known_is_done_and_said() -> None:
    ends = Ends(Meaning("add_item", {"item": "milk"}))
    events, _ = converse(ends)
    assert [(c.turn, c.index, c.skill, c.arguments) for c in ends.calls] == [(1, 0, "add_item", {"item": "milk"})]
    assert heard(events) == ["Milk is on the list."]
    order = [e.type for e in events if e.type in ("commit", "called", "call_ended", "playout_start")]
    assert order == ["commit", "called", "call_ended", "playout_start"]


def test_aside() -> None:
    ends = Ends(Meaning("add_item", aside=True, promise="I am on it."))
    ends.outcome = Outcome("done", "There you are.")
    events, _ = converse(ends)
    assert heard(events) == ["I am on it.", "There you are."]
    assert [e.type for e in events].count("told") == 1


@pytest.mark.parametrize("said", ["What is it?", "Break.", "Exit."])
def test_what_is_not_known_or_cannot_be_looked_up_is_for_the_language_model(said: str) -> None:
    events, _ = converse(Ends(None, said=said))
    assert heard(events) == [f"It says {said}"]


class Orders(Ends):
    """Knows an order when it hears one."""

    def unable(self, text: str) -> Unable | None:
        if text == "Break.":
            raise RuntimeError("no list of orders")
        return Unable("That is beyond me.") if text.startswith("Turn") else None


@pytest.mark.parametrize(("said", "answer"), [
    ("Turn it on.", "That is beyond me."), ("What is it?", "It says What is it?"), ("Break.", "It says Break."),
])  # fmt: skip
def test_an_order_that_is_not_known_is_for_nobody(said: str, answer: str) -> None:
    events, _ = converse(Orders(None, said=said))
    assert heard(events) == [answer]


class Twice(Ends):
    """Knows what it heard only when it hears it again."""

    hints = "Add milk."

    def near(self, text: str) -> bool:
        return text == "At milk."

    def guess(self, heard: str, again: str) -> Meaning | None:
        return Meaning("add_item", question="Did you mean: add milk?") if (heard, again) == ("At milk.", "M.") else None

    def transcribe_expecting(self, audio: Floats, expected: str, *, cancelled: Cancelled = never) -> Transcript:  # noqa: ARG002
        assert expected == self.hints
        return Transcript("M." if audio.any() else "", 0.9, len(audio) / 16, 1.0)


@pytest.mark.parametrize(("said", "answer"), [("At milk.", "Did you mean: add milk?"), ("Hello.", "It says Hello.")])
def test_what_is_near_is_heard_again(said: str, answer: str) -> None:
    ends = Twice(said=said)
    events, _ = converse(ends)
    assert answer in heard(events)
    assert ends.calls == []


def test_a_doer_that_raises_may_have_done_it(caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends(Meaning("add_item"))
    ends.outcome = RuntimeError("out of paper")
    events, _ = converse(ends)
    (ended,) = (e for e in events if isinstance(e, ev.CallEnded))
    assert (ended.status, ended.error) == ("unknown", "out of paper")
    assert heard(events) == [DOING.unknown_text]
    assert not any(r.exc_info for r in caplog.records if r.levelname != "DEBUG")


def test_a_skill_that_ends_the_program_ends_its_call() -> None:
    ends = Ends(Meaning("add_item"))
    ends.outcome = SystemExit("no more")
    events, _ = converse(ends)
    assert heard(events) == [DOING.unknown_text]


def test_nobody_to_carry_it_out() -> None:
    events, _ = converse(Ends(Meaning("add_item")), doer=False)
    assert heard(events) == [DOING.failed_text]


def test_the_language_model_asks_for_a_tool_and_puts_its_result_in_words() -> None:
    ends = Ends(None)
    ends.outcome = Outcome("done", data='"two euros"')
    events, _ = converse(ends, DoingPolicy(interpreter=True, tools=lambda: TOOLS))
    assert ends.tools == [TOOLS], "with the result it is asked without"
    assert [c.skill for c in ends.calls] == ["buy"]
    assert heard(events) == ['It says "two euros"']


def test_it_rings_with_its_words_and_stops() -> None:
    ends = Ends(said="Stop.")
    snoozed: list[str] = []
    card = VirtualCard(speed=8)
    events: list[ev.Event] = []
    rung = threading.Event()

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.RingStart):
            card.say(np.full(8000, 9000, np.int16), event.sample + 4 * 16_000)
        if isinstance(event, ev.RingEnd):
            rung.set()

    assistant = Assistant(
        Conversation(Policy(), ""),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > 30 * 16_000 or rung.is_set() else None,
        on_snooze=snoozed.append,
        earcons=earcons(),
    )
    assistant.ring("pasta", "Your pasta timer is done.")
    with card:
        assistant.run()
    (end,) = (e for e in events if isinstance(e, ev.RingEnd))
    assert (end.name, end.reason) == ("pasta", "stopped")
    sound = card.recording()[1]
    assert (sound == 3000).sum() >= 4800, "its words"
    alarm = earcons()["alarm"]
    start = int(np.flatnonzero(sound)[0])
    assert any(np.array_equal(sound[at : at + alarm.size], alarm) for at in range(max(0, start - 8), start + 8))
    assert [e.state for e in events if isinstance(e, ev.StateChange)][:2] == ["idle", "ringing"]
    assert not snoozed


def test_snooze_is_for_whoever_had_it_ring() -> None:
    ends = Ends(said="Snooze.")
    snoozed: list[str] = []
    card = VirtualCard(speed=8)
    assistant = Assistant(
        Conversation(Policy(), ""),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=lambda event: assistant.stop() if isinstance(event, ev.RingEnd) else None,
        on_block=lambda now: assistant.stop() if now > 30 * 16_000 else None,
        on_snooze=snoozed.append,
    )
    card.say(np.full(8000, 9000, np.int16), 3 * 16_000)
    assistant.ring("pasta", "Done.")
    with card:
        assistant.run()
    assert snoozed == ["pasta"]


def test_announced_and_withdrawn_from_another_thread() -> None:
    ends = Ends()
    card = VirtualCard(speed=8)
    events: list[ev.Event] = []

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.RingStart):
            threading.Thread(target=assistant.stop_ringing).start()
        if isinstance(event, ev.RingEnd):
            threading.Thread(target=assistant.announce, args=("Dinner is ready.",)).start()
        if isinstance(event, ev.PlayoutEnd):
            assistant.stop()

    assistant = Assistant(
        Conversation(Policy(), ""),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > 30 * 16_000 else None,
    )
    assistant.ring("pasta", "Done.")
    with card:
        assistant.run()
    assert [e.reason for e in events if isinstance(e, ev.RingEnd)] == ["withdrawn"]
    assert heard(events) == ["Dinner is ready."]


class Gate:
    """A doer that waits to be let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)

    def carry_out(self, call: Call) -> Outcome:
        self.begun.release()
        assert self.open.wait(20)
        return Outcome("done", call.skill)


def deeds(doer: Gate, *, wanted: bool = True) -> tuple[DeedWorkers, list[tuple[int, Outcome]]]:
    came: list[tuple[int, Outcome]] = []
    workers = DeedWorkers(
        None,
        doer,
        understood=lambda job, _meaning: came.append((job, Outcome("failed"))),
        acted=lambda job, _call, outcome: came.append((job, outcome)),
        alive=lambda _job: wanted,
    )
    return workers, came


def act(job: int, *, aside: bool = False, read_only: bool = False) -> Act:
    return Act(job, Call(job, 0, f"skill {job}", {}), read_only=read_only, aside=aside)


def test_slow_ones_do_not_hold_up_quick_ones_and_their_number_is_bounded() -> None:
    slow = Gate()
    workers, _ = deeds(slow)
    for job in range(6):
        workers.act(act(job, aside=True))
    for _ in range(4):
        assert slow.begun.acquire(timeout=20)
    assert not slow.begun.acquire(timeout=0.05), "four at a time"
    workers.act(act(99))
    assert slow.begun.acquire(timeout=20), "a quick one has a thread of its own"
    slow.open.set()
    workers.finish(20)


def test_acts_are_refused_and_never_dropped() -> None:
    gate = Gate()
    workers, came = deeds(gate)
    for job in range(40):
        workers.act(act(job))
    refused = [job for job, outcome in came if outcome.status == "failed"]
    assert refused
    assert all(outcome.say for _, outcome in came), "and the user hears why"
    gate.open.set()
    workers.finish(20)
    assert sorted(job for job, _ in came) == list(range(40)), "each has an outcome"


def test_what_was_only_looked_up_for_a_hypothesis_that_is_gone_is_not_done() -> None:
    gate = Gate()
    gate.open.set()
    workers, came = deeds(gate, wanted=False)
    workers.understand(Understand(1, "Hello."))
    workers.act(act(2, read_only=True))
    workers.act(act(3))
    workers.finish(20)
    assert [job for job, _ in came] == [3], "what was committed is done, whatever is wanted now"


def test_a_full_queue_of_a_worker() -> None:
    gate = threading.Event()
    done: list[int] = []
    worker = Worker("test", queue_size=2)
    worker.give(lambda: gate.wait(20) and None)  # type: ignore[func-returns-value]
    while worker.busy:
        pass
    assert worker.offer(lambda: done.append(1))
    assert worker.offer(lambda: done.append(2))
    assert not worker.offer(lambda: done.append(3))
    worker.give(lambda: done.append(4))  # the oldest makes room
    gate.set()
    worker.finish(20)
    assert 4 in done
    assert 3 not in done
    assert 1 not in done


def test_the_end_drops_nothing_that_was_accepted() -> None:
    gate = threading.Event()
    done: list[int] = []
    worker = Worker("test", queue_size=4)
    worker.give(lambda: gate.wait(20) and None)  # type: ignore[func-returns-value]
    while worker.busy:
        pass
    for number in range(4):
        assert worker.offer(partial(done.append, number))
    threading.Timer(0.05, gate.set).start()
    worker.finish(20)
    assert done == [0, 1, 2, 3]
