"""What is forbidden before the commit does not happen, whoever asks for it."""

import numpy as np
import pytest
from virtual_rim import MS, VirtualRim, fake_speech

from device.dialogue import events as ev
from device.dialogue.boundary import CommitBoundary
from device.dialogue.commands import Act, Cancel, Chime, Decode, Flush, Judge, Output, Play, Reply, Speak, Warm
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Call
from device.dialogue.history import History
from device.dialogue.turn_end import TurnEndPolicy
from models.protocols import Message

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."


def test_preparation_is_allowed_at_any_time() -> None:
    nothing = np.zeros(0, np.float32)
    prepared: list[Output] = [
        Decode(1, nothing), Judge(2, nothing), Warm(()), Reply(3, ()), Speak(3, 0, "Paris."), Cancel(3), Flush(),
        Chime("listening"), ev.Supposed(0, 1, QUESTION),
    ]  # fmt: skip
    assert CommitBoundary(History("")).admit(prepared) == prepared


def test_speech_of_a_job_that_is_not_committed_is_refused_and_told(caplog: pytest.LogCaptureFixture) -> None:
    boundary = CommitBoundary(History(""))
    spoken = Play(3, 0, fake_speech("Paris."))
    assert boundary.admit([spoken]) == []
    assert "refused before the commit" in caplog.text
    assert "Paris" not in caplog.text
    boundary.commit(4, QUESTION)
    assert boundary.admit([spoken]) == [], "another job was"
    boundary.commit(3, QUESTION)
    assert boundary.admit([spoken]) == [spoken]


def test_history_has_the_words_with_the_commit_and_not_before() -> None:
    history = History("Be brief.")
    boundary = CommitBoundary(history)
    boundary.admit([Reply(3, history.messages_with(QUESTION))])
    assert history.messages == (Message("system", "Be brief."),)
    boundary.commit(3, QUESTION)
    assert history.messages[-1] == Message("user", QUESTION)


def test_what_the_assistant_says_of_its_own_answers_no_turn() -> None:
    history = History("")
    boundary = CommitBoundary(history)
    boundary.announce(1)
    greeting = Play(1, 0, fake_speech("Hello."))
    assert boundary.admit([greeting]) == [greeting]
    assert history.messages == ()


def patient(**ends: object) -> VirtualRim:
    """Everything is ready long before the turn is committed."""
    policy = Policy(turn_model=False, turn_end=TurnEndPolicy(plain_silence_ms=3000, longest_silence_ms=3000))
    rim = VirtualRim(answers=[ANSWER, ANSWER], policy=policy, **ends)  # type: ignore[arg-type]
    rim.say(1000, 2000, QUESTION)
    rim.run(4500)
    assert rim.of(ev.Supposed), "there should be a hypothesis"
    assert any(isinstance(c, Speak) for _, c in rim.commands), "... and audio for it"
    assert not rim.of(ev.Commit)
    return rim


def test_no_speech_on_an_unstable_transcript() -> None:
    rim = patient()
    assert rim.sounded == []
    assert not any(isinstance(c, Play) for _, c in rim.commands)


def test_no_history_on_an_unstable_transcript() -> None:
    rim = patient()
    assert rim.talk.history.messages == (Message("system", "Be brief."),)


def test_no_side_effect_on_an_unstable_transcript() -> None:
    """Nothing that is written down or counted: no turn, no number, no event of a commit."""
    rim = patient()
    assert {"commit", "final", "playout_start"}.isdisjoint(rim.kinds())


def test_a_hypothesis_that_is_discarded_leaves_none_of_it_behind_either() -> None:
    rim = patient()
    rim.say(4600, 5400, "And of Spain?")
    rim.run(14_000)
    (gone,) = rim.of(ev.Discarded)
    assert (gone.text, gone.reason) == (QUESTION, "more_speech")
    (commit,) = rim.of(ev.Commit)
    assert commit.text == f"{QUESTION} And of Spain?"
    cancelled = {c.job for _, c in rim.commands if isinstance(c, Cancel)}
    assert not any(isinstance(c, Play) and c.job in cancelled for _, c in rim.commands)
    assert [m.text for m in rim.talk.history.messages if m.role == "user"] == [commit.text]
    assert commit.sample >= (5400 + 3000) * MS - 512


def test_an_act_is_refused_before_the_commit_and_a_second_one_after_it(caplog: pytest.LogCaptureFixture) -> None:
    boundary = CommitBoundary(History(""))
    act, look = Act(3, Call(1, 0, "buy", {}), read_only=False), Act(3, Call(1, 1, "look", {}), read_only=True)
    assert boundary.admit([act, look]) == [look]
    boundary.commit(3, QUESTION)
    assert boundary.admit([act, act, look]) == [act, look]
    assert boundary.admit([act]) == [], "one turn, one act"
    assert "refused" in caplog.text
