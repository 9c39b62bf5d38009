"""Answers that come late, badly, or not at all: what is said, and what the history knows of it."""

import dataclasses

import numpy as np
import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.commands import Play, Speak
from device.dialogue.conversation import Policy
from device.dialogue.lateness import LatenessPolicy
from device.dialogue.notice import ACKNOWLEDGEMENT
from models.protocols import Mark, Speech

POLICY = AnswerPolicy()


def asked(**how: object) -> VirtualRim:
    rim = VirtualRim(**how)  # type: ignore[arg-type]
    rim.say(500, 1500, "What is the capital of France?")
    return rim.run(20_000)


def spoken(rim: VirtualRim) -> str:
    (end,) = [e for e in rim.events if isinstance(e, ev.PlayoutEnd)]
    assert end.heard == end.generated == rim.truly_heard()
    apology = end.heard in POLICY.apologies  # which is no answer, and no example for a model
    assert [m.text for m in rim.talk.history.messages[2:]] == ([] if apology else [end.heard])
    assert rim.talk.state == "idle"
    return end.heard


@pytest.mark.parametrize("written", ["", "   \n ", "**__** `` \n---\n", "🙂🙂 🎉", "...", "```\ncode()\n```"])
def test_nothing_that_can_be_said(written: str) -> None:
    assert spoken(asked(answers=[written])) == POLICY.empty_text


def test_an_error_at_once() -> None:
    rim = asked(answers=[RuntimeError("broken")])
    assert spoken(rim) == POLICY.failed_text
    assert [e.stage for e in rim.events if isinstance(e, ev.Failure)] == ["llm"]


def test_an_error_in_the_middle_leaves_whole_clauses() -> None:
    answer = Answer(1, 1, POLICY)
    out = [*answer.token("Yes. It is Paris. It lies on", 10), *answer.failed(20)]
    assert [o.text for o in out if isinstance(o, ev.Clause)] == ["Yes.", "It is Paris."]


def test_cut_off_at_its_longest_length() -> None:
    assert spoken(asked(answers=["It is Paris. It lies on the river"], cut_off=True)) == "It is Paris."


def test_a_loop_is_not_heard_thrice() -> None:
    assert spoken(asked(answers=["Thank you. " * 20])) == "Thank you. Thank you."
    assert spoken(asked(answers=["thank you " * 30])).casefold().count("thank you") == 2
    assert spoken(asked(answers=["I do not know that. " * 9])) == "I do not know that."


def test_ten_seconds_to_the_first_token() -> None:
    rim = asked(answers=["It is Paris."], first_token_ms=10_000)
    assert spoken(rim) == "It is Paris."
    (late,) = [e for e in rim.events if isinstance(e, ev.Acknowledged)]
    (commit,) = [e for e in rim.events if isinstance(e, ev.Commit)]
    (start,) = [e for e in rim.events if isinstance(e, ev.PlayoutStart)]
    assert late.text == "One moment."
    assert 800 * MS < late.sample - commit.sample < 1_600 * MS
    assert start.sample > late.sample + 9_000 * MS - commit.sample
    plays = [c for _, c in rim.commands if isinstance(c, Play)]
    assert [p.index for p in plays] == [ACKNOWLEDGEMENT, 0]
    assert not any("moment" in m.text for m in rim.talk.history.messages)


@pytest.mark.parametrize("first_token_ms", [40, 300])
def test_an_answer_in_time_is_not_announced(first_token_ms: int) -> None:
    rim = asked(answers=["It is Paris."], first_token_ms=first_token_ms)
    assert not [e for e in rim.events if isinstance(e, ev.Acknowledged)]
    assert not [c for _, c in rim.commands if isinstance(c, Speak) and c.index == ACKNOWLEDGEMENT]


def test_switched_off() -> None:
    answer = dataclasses.replace(POLICY, lateness=LatenessPolicy(enabled=False))
    rim = asked(answers=["It is Paris."], first_token_ms=5_000, policy=Policy(answer=answer))
    assert not [e for e in rim.events if isinstance(e, ev.Acknowledged)]
    assert spoken(rim) == "It is Paris."


@pytest.mark.parametrize("token_at_ms", range(1200, 3600, 200))
def test_the_answer_follows_the_acknowledgement_without_overlap(token_at_ms: int) -> None:
    rim = asked(answers=["It is Paris."], first_token_ms=token_at_ms)
    assert spoken(rim) == "It is Paris."
    positions = [(start, end) for start, end, _ in rim.sounded]
    assert positions == sorted(positions), "the ring plays in order: one after the other"
    assert sum(isinstance(e, ev.Acknowledged) for e in rim.events) <= 1
    (start,) = [e for e in rim.events if isinstance(e, ev.PlayoutStart)]
    notices = [e.sample for e in rim.events if isinstance(e, ev.Acknowledged)]
    if notices:
        assert start.sample >= notices[0] + len("One moment.") * 60 * MS


def test_an_interruption_while_it_is_said_leaves_no_word_of_it() -> None:
    rim = VirtualRim(answers=["It is Paris."], first_token_ms=9_000)
    rim.say(500, 1500, "What is the capital of France?")
    rim.say(3_900, 4_700, "Never mind.")
    rim.run(6_000)
    assert [e for e in rim.events if isinstance(e, ev.Acknowledged)]
    assert [m.role for m in rim.talk.history.messages] == ["system", "user"]
    assert not any("moment" in e.heard for e in rim.events if isinstance(e, ev.Interrupted))


def test_audio_that_is_there_comes_before_an_acknowledgement_that_is_not() -> None:
    def made(text: str) -> Speech:
        return Speech(text, np.ones(16_000, np.int16), (Mark(len(text), 16_000),))

    answer = Answer(1, 1, POLICY)
    answer.release(0)
    from device.card import Span  # noqa: PLC0415

    late = [o for t in range(0, 3_000, 10) for o in answer.played(Span(0, 0), t * MS)]
    assert [o.index for o in late if isinstance(o, Speak)] == [ACKNOWLEDGEMENT]
    answer.token("It is Paris. ", 3_000 * MS)
    first = answer.spoken(0, made("It is Paris."), 3_100 * MS)
    assert [o.index for o in first if isinstance(o, Play)] == [0]
    assert answer.spoken(ACKNOWLEDGEMENT, made("One moment."), 3_200 * MS) == []


def test_a_language_model_that_stalls_does_not_hold_back_what_it_has_written() -> None:
    answer = Answer(1, 1, POLICY)
    answer.release(0)
    from device.card import Span  # noqa: PLC0415

    out = [*answer.token("Sure, I ", 100 * MS)]
    assert not [o for o in out if isinstance(o, Speak)], "a word alone would be followed by a gap"
    out = [o for t in range(100, 900, 10) for o in answer.played(Span(0, 0), t * MS)]
    assert [o.text for o in out if isinstance(o, Speak) and o.index == 0] == ["Sure,"]
