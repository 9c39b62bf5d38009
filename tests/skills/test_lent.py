"""What the appliance lends to skills."""

import pytest
from builtin_kit import builtin_skills

from device.dialogue.events import Commit, Interrupted, PlayoutEnd, SpeechStart
from device.skills.lent import Lent, Recollection, asks
from device.skills.services import ConversationMemory, DeviceControls
from device.skills.skill import SkillError


def memory() -> Recollection:
    return Recollection(lambda text: asks(builtin_skills().fast_path, text))


def test_lent_by_type() -> None:
    made = memory()
    lent = Lent({ConversationMemory: made})
    assert lent.get(ConversationMemory) is made
    with pytest.raises(SkillError, match="there is no DeviceControls"):
        lent.get(DeviceControls)


def test_nothing_was_said_yet() -> None:
    assert (memory().last_heard(), memory().last_said()) == (None, None)


@pytest.mark.parametrize("committed", [False, True], ids=["before its commit", "after it"])
def test_the_turn_that_asks_does_not_count(committed: bool) -> None:
    made = memory()
    made.on_event(SpeechStart(0, 1, 0))
    made.on_event(Commit(0, 1, "What is the capital of France?", "silence"))
    made.on_event(PlayoutEnd(0, 1, "It is Paris. And more.", "It is Paris."))
    made.on_event(Commit(0, 2, "What did you hear?", "silence"))
    made.on_event(PlayoutEnd(0, 2, "I heard: ...", "I heard: What is the capital of France?"))
    if committed:
        made.on_event(Commit(0, 3, "What did you say?", "silence"))
    assert (made.last_heard(), made.last_said()) == ("What is the capital of France?", "It is Paris.")


def test_an_answer_that_went_on() -> None:
    made = memory()
    made.on_event(Commit(0, 1, "Tell me a story.", "silence"))
    made.on_event(Interrupted(0, 1, 0, "Once upon a time.", "Once"))
    assert made.last_said() == "Once"
    made.on_event(PlayoutEnd(0, 1, "Once upon a time.", "Once upon a time."))
    assert made.last_said() == "Once upon a time."
