"""What has been said, or will not be, keeps its words and not its audio: 32 kB a second, for as long as it is known."""

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
from virtual_rim import VirtualRim, fake_speech

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.conversation import Policy
from device.dialogue.ledger import PlayoutLedger
from models.protocols import Speech

ANSWER = "The capital of France is Paris. It lies on the Seine, and it is a large city."
QUESTIONS = 6


def audio_there() -> list[Speech]:
    return [each for each in gc.get_objects() if isinstance(each, Speech) and each.pcm.size]


Kept = Callable[[VirtualRim], list[str]]


@pytest.fixture
def audio_kept() -> Iterator[Kept]:
    """The texts of all audio that a conversation holds.

    Without the collector what is in a circle stays, as it does where it has little to do.
    """
    gc.collect()
    gc.disable()
    before = audio_there()

    def kept(rim: VirtualRim) -> list[str]:
        rim.spans.clear()
        rim.commands.clear()
        return [each.text for each in audio_there() if not any(each is other for other in before)]

    yield kept
    gc.enable()


def test_answers_that_were_heard(audio_kept: Kept) -> None:
    rim = VirtualRim(answers=[ANSWER] * QUESTIONS)
    for i in range(QUESTIONS):
        rim.say(1000 + i * 10_000, 2500 + i * 10_000, "What is the capital of France?")
    rim.run(1000 + QUESTIONS * 10_000)
    assert len(rim.of(ev.PlayoutEnd)) == QUESTIONS
    assert audio_kept(rim) == []
    assert [m.text for m in rim.talk.history.messages if m.role == "assistant"][-1] == ANSWER


def test_answers_that_were_interrupted(audio_kept: Kept) -> None:
    rim = VirtualRim(answers=[ANSWER] * QUESTIONS)
    for i in range(QUESTIONS):
        rim.say(1000 + i * 3000, 2500 + i * 3000, f"What is the capital of country {i}?")
    rim.run(1000 + QUESTIONS * 3000 + 10_000)
    assert len(rim.of(ev.Interrupted)) == QUESTIONS - 1
    assert audio_kept(rim) == []


def test_answers_that_were_prepared_for_nothing(audio_kept: Kept) -> None:
    rim = VirtualRim(answers=[ANSWER] * QUESTIONS, policy=Policy(turn_model=False))
    for i in range(QUESTIONS):  # who goes on after half a second has not finished
        rim.say(1000 + i * 2000, 2500 + i * 2000, f"And this is word {i}")
    rim.run(1000 + (QUESTIONS - 1) * 2000 + 1000)
    assert len(rim.of(ev.Discarded)) >= QUESTIONS - 2
    assert not rim.of(ev.PlayoutStart)
    assert len(audio_kept(rim)) <= AnswerPolicy().prepared_clauses, "only the hypothesis in hand has audio"


def test_an_answer_is_no_circle() -> None:
    answer = Answer(1, 1, AnswerPolicy())
    answer.token("The capital", 0)
    known = weakref.ref(answer)
    del answer
    assert known() is None


def test_a_ledger_without_its_audio_knows_what_was_heard() -> None:
    ledger, whole = PlayoutLedger(), PlayoutLedger()
    for each in (ledger, whole):
        for start, text in ((0, "The capital"), (100_000, "of France is")):
            speech = fake_speech(text)
            each.add(Span(start, start + speech.pcm.size), speech)
        each.advance(Span(0, 105_000), 7000)
    ledger.let_audio_go()
    ledger.cut(111_000)
    whole.cut(111_000)
    assert ledger.heard == whole.heard == "The capital of"
    for name in ("first_dac_sample", "last_dac_sample", "words_end_sample", "queued_to", "waiting_samples"):
        assert getattr(ledger, name) == getattr(whole, name), name
