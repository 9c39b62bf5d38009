"""Whatever is said, whenever, and however long it takes: what is done was said, is committed, and is done once."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.commands import Act
from device.dialogue.confirmation import answer_in
from device.dialogue.control_words import control_in
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Call, Meaning, Outcome, Undelivered
from device.dialogue.doing import DoingPolicy
from models.protocols import ToolRequest, ToolSpec

MEANINGS = {
    "Set a timer.": Meaning("set_timer", says="Timer set."),
    "Add milk.": Meaning("add_item", {"item": "milk"}),
    "What time is it?": Meaning("get_time", read_only=True),
    "Where is my order?": Meaning("look_up", aside=True, promise="I will ask."),
    "Cancel my order.": Meaning("cancel_order", question="Shall I cancel it?", says="It is cancelled."),
    "Sell all of it.": Meaning("sell", question="Really all of it?"),
}
WORDS = [*MEANINGS, "Yes.", "Yes.", "No.", "Okay.", "Stop.", "Never mind.", "Say that again.", "Snooze.", "", "Mm-hm."]
ANSWER = "That is a long story. It began a hundred years ago."
BUY = ToolRequest("buy", {"what": "milk"})


class Refusals(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@pytest.fixture
def refusals() -> Iterator[Refusals]:
    handler = Refusals()
    log = logging.getLogger("device.dialogue.boundary")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def check(request: ToolRequest) -> Meaning | str:
    return Meaning(request.name, request.arguments) if request.arguments else "what is to be bought?"


outcomes = st.sampled_from(
    [
        Outcome("done"),
        Outcome("done", "It is so."),
        Outcome("failed", "No."),
        Outcome("unknown"),
        Outcome("done", data="{}"),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stretches=st.lists(
        st.tuples(
            st.one_of(st.integers(40, 3500), st.integers(200, 500)), st.integers(200, 1800), st.sampled_from(WORDS)
        ),
        max_size=8,
    ),
    stt_ms=st.one_of(st.integers(10, 100), st.integers(10, 900)),
    first_token_ms=st.integers(5, 900),
    tts_ms=st.integers(5, 600),
    understand_ms=st.integers(1, 900),
    act_ms=st.integers(1, 4000),
    results=st.lists(outcomes, max_size=4),
    requests=st.lists(st.sampled_from([ANSWER, BUY, ToolRequest("buy", {})]), max_size=4),
    button=st.lists(st.tuples(st.integers(500, 9000), st.integers(50, 1500)), max_size=1),
    rings=st.lists(st.integers(500, 12_000), max_size=2),
    probability=st.sampled_from([0.2, 0.9]),
    turn_model=st.booleans(),
    yes_after_ms=st.lists(st.integers(400, 6000), max_size=4),
    earlier=st.booleans(),
    opens=st.booleans(),
    lost=st.one_of(st.none(), st.tuples(st.integers(500, 12_000), st.integers(100, 4000))),
)
def test_whatever_people_want(refusals: Refusals, **drawn: Any) -> None:
    refusals.told.clear()
    results = list(drawn["results"])
    doing = DoingPolicy(interpreter=True, tools=lambda: (ToolSpec("buy", "Buy it.", {}),), longest_wait_ms=2000)
    rim = VirtualRim(
        answers=[*drawn["requests"], *[ANSWER] * 40],
        policy=Policy(turn_model=drawn["turn_model"], acting=ActingPolicy(doing=doing)),
        meanings=MEANINGS,
        check=check,
        pending=MEANINGS["Cancel my order."] if drawn["earlier"] else None,
        undelivered=(Undelivered(0, 0, "Your order came."),) if drawn["earlier"] else (),
        does=lambda _call: results.pop() if results else Outcome("done", "It is so."),
        **{
            k: drawn[k]
            for k in ("stt_ms", "first_token_ms", "tts_ms", "understand_ms", "act_ms", "probability", "opens")
        },
    )
    at = 500
    yes_after_ms = list(drawn["yes_after_ms"])
    for gap, length, words in drawn["stretches"]:
        rim.say(at + gap, at + gap + length, words)
        at += gap + length
        if words in MEANINGS and MEANINGS[words].question and yes_after_ms:
            at += yes_after_ms.pop()
            rim.say(at, at + 400, "Yes, do it.")
            at += 400
    for start, length in drawn["button"]:
        rim.press(start)
        rim.release(start + length)
        at = max(at, start + length)
    for n, when in enumerate(drawn["rings"]):
        rim.at(when, lambda name=f"alarm {n}": rim.talk.ring(name, "It rings.", rim.clock))  # type: ignore[misc]
    if drawn["lost"] is not None:
        gone, back = drawn["lost"][0], sum(drawn["lost"])
        rim.at(gone, lambda: rim.talk.card_lost(rim.clock, "gone"))
        rim.at(back, lambda: rim.talk.card_back(rim.clock, 1.0))
        at = max(at, back)
    while rim.clock < (at + 60_000) * MS:
        rim.run(rim.clock // MS + 500)
        assert rim.history_is_what_was_heard(), "history never tells more than was heard"
    assert rim.talk.state in ("idle", "ringing")
    assert not refusals.told, "it does not even try what is not allowed"
    its_turns(rim)
    if not drawn["button"]:  # it may come up in the middle of a word
        its_words(rim)
    its_acts(rim)
    its_questions(rim)


def its_turns(rim: VirtualRim) -> None:
    commits = [e.turn for e in rim.of(ev.Commit)]
    assert commits == list(range(1, len(commits) + 1))
    assert sorted(e.turn for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted) and e.turn) == commits
    assert all(control_in(e.text) != "stop" or answer_in(e.text) == "no" for e in rim.of(ev.Commit))  # type: ignore[attr-defined]
    heard = [e.heard for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted)]
    assert " ".join(h for h in heard if h) == rim.truly_heard()


def its_words(rim: VirtualRim) -> None:
    """What was said once is in one turn at most."""
    committed = " ".join(e.text for e in rim.of(ev.Commit))  # type: ignore[attr-defined]
    for words in MEANINGS:
        assert committed.count(words) <= sum(said.text == words for said in rim.said), words


def its_acts(rim: VirtualRim) -> None:
    commits: dict[int, ev.Commit] = {e.turn: e for e in rim.of(ev.Commit)}  # type: ignore[misc]
    agreed: dict[int, ev.Asked] = {}  # what was said yes to, by the turn of the yes
    asked = None
    for event in rim.events:
        if isinstance(event, ev.Asked):
            asked = event
        if isinstance(event, ev.Settled) and event.answer == "yes":
            assert asked is not None
            agreed[event.turn] = asked
    acts = [(when, c) for when, c in rim.commands if isinstance(c, Act)]
    names = [(c.call.turn, c.call.index) for _, c in acts]
    assert len(set(names)) == len(names), "no call is named twice"
    changing = [(when, c.call) for when, c in acts if not c.read_only]
    assert len({call.turn for _, call in changing}) == len(changing), "no turn does two things"
    for when, call in changing:
        commit = commits[call.turn]
        assert when >= commit.sample, "nothing is done for words that are not committed"
        assert _meant(call, commit.text, agreed.get(call.turn)), (call, commit)
    called = [(e.turn, e.index) for e in rim.of(ev.Called)]  # type: ignore[attr-defined]
    assert len(set(called)) == len(called)
    assert {(call.turn, call.index) for _, call in changing} <= set(called)
    assert {turn for turn, _ in called} <= set(commits)
    ended = [(e.turn, e.index) for e in rim.of(ev.CallEnded)]  # type: ignore[attr-defined]
    assert sorted(ended) == sorted(called), "what came of it is told, also where nobody hears it"
    told = [(e.turn, e.index) for e in rim.of(ev.Told)]  # type: ignore[attr-defined]
    assert len(set(told)) == len(told)


def _meant(call: Call, text: str, agreed: ev.Asked | None) -> bool:
    """Was just this said, or agreed to, or asked for by the language model?"""
    if agreed is not None:
        return agreed.skill == call.skill and answer_in(text) == "yes"
    meaning = MEANINGS.get(text)
    if meaning is not None and not meaning.question:
        return meaning.skill == call.skill
    return meaning is None and call.skill == "buy"


def its_questions(rim: VirtualRim) -> None:
    """A yes began behind the last word of the question, which was heard whole."""
    onsets = {e.turn: e.onset_sample for e in rim.of(ev.SpeechStart)}  # type: ignore[attr-defined]
    for settled in rim.of(ev.Settled):
        if settled.answer != "yes":  # type: ignore[attr-defined]
            continue
        before = [e for e in rim.events if isinstance(e, ev.Asked) and e.sample <= settled.sample]
        question = before[-1]
        ends = [
            e
            for e in rim.of(ev.PlayoutEnd)
            if e.turn == question.turn and e.heard == question.question  # type: ignore[attr-defined]
        ]
        assert ends, "it was heard whole"
        assert onsets[settled.turn] >= min(e.sample for e in ends if e.sample >= question.sample)
