"""The conversation with its microphone muted, on virtual time."""

import numpy as np
import pytest
from virtual_rim import FRAME, MS, VirtualRim

from device.card import BLOCK_SAMPLES, Span
from device.dialogue import events as ev
from device.dialogue.commands import Chime, Decode, Flush, Reply
from device.dialogue.conversation import Conversation, Policy

QUESTION = "What is the capital of France?"
NOTHING = Span(0, 0)


class MutableRim(VirtualRim):
    """A world whose card can be muted. What is spoken meanwhile reaches the voice detector all the same: harder."""

    def __post_init__(self) -> None:
        self.muted = False
        super().__post_init__()
        hear = self.talk.hear

        def with_flag(*args: object) -> object:
            return hear(*args, muted=self.muted)  # type: ignore[arg-type]

        self.talk.hear = with_flag  # type: ignore[assignment, method-assign]

    def mute(self, ms: int, muted: bool = True) -> None:
        def change() -> list[object]:
            self.muted = muted
            return []

        self.at(ms, change)  # type: ignore[arg-type]

    def chimes(self) -> list[str]:
        return [command.name for _, command in self.commands if isinstance(command, Chime)]


def test_nothing_said_while_muted_is_heard() -> None:
    rim = MutableRim()
    rim.mute(500)
    rim.say(1000, 2000, QUESTION)
    rim.run(5000)
    assert rim.kinds() == ["state", "mute"]
    assert rim.of(ev.Mute) == [ev.Mute(500 * MS, 0, True)]
    assert rim.chimes() == ["muted"]


def test_mute_while_the_user_speaks_drops_the_turn() -> None:
    rim = MutableRim(answers=["Paris."])
    rim.say(1000, 3000, QUESTION)
    rim.mute(2000)
    rim.run(6000)
    assert [e for e in rim.kinds() if e in ("commit", "final", "speech_end")] == []
    assert [e.state for e in rim.of(ev.StateChange)] == ["idle", "listening", "idle"]  # type: ignore[attr-defined]
    assert rim.talk.state == "idle"


def test_mute_in_a_pause_drops_the_turn_and_what_was_prepared() -> None:
    rim = MutableRim(answers=["Paris."])
    rim.say(1000, 2000, QUESTION)
    rim.mute(2350)
    rim.run(6000)
    assert any(isinstance(command, Decode) for _, command in rim.commands), "something had been prepared"
    assert "commit" not in rim.kinds()
    assert not rim.sounded


def test_a_question_asked_to_the_end_is_answered() -> None:
    rim = MutableRim(answers=["Paris."], stt_ms=3000)
    rim.say(1000, 2000, QUESTION)
    rim.mute(4500)  # the end-point was at 4000 at the latest; the transcript is still awaited
    rim.run(9000)
    assert rim.of(ev.PlayoutEnd)
    assert rim.truly_heard() == "Paris."


def test_mute_does_not_stop_an_answer_and_speech_does_not_interrupt_it() -> None:
    answer = "The capital of France is Paris, and it has been for a very long time indeed."
    rim = MutableRim(answers=[answer])
    rim.say(1000, 2000, QUESTION)
    rim.mute(3500)
    rim.say(4000, 6000, "Stop!")
    rim.run(15_000)
    assert rim.truly_heard() == answer
    assert not rim.of(ev.Interrupted)


def test_the_button_stops_an_answer_but_opens_no_turn() -> None:
    rim = MutableRim(answers=["The capital of France is Paris, and it has been for a very long time indeed."])
    rim.say(1000, 2000, QUESTION)
    rim.mute(3500)
    rim.press(4500)
    rim.release(5500)
    rim.run(12_000)
    assert any(isinstance(command, Flush) for _, command in rim.commands)
    assert rim.of(ev.Interrupted)
    assert len(rim.of(ev.SpeechStart)) == 1
    assert rim.chimes() == ["muted", "muted"]
    assert rim.talk.state == "idle"


def test_after_mute_it_listens_as_before() -> None:
    rim = MutableRim(answers=["Paris."])
    rim.mute(500)
    rim.mute(2000, muted=False)
    rim.say(3000, 4000, QUESTION)
    rim.run(9000)
    assert [e.muted for e in rim.of(ev.Mute)] == [True, False]  # type: ignore[attr-defined]
    assert rim.chimes() == ["muted", "unmuted"]
    assert rim.truly_heard() == "Paris."


def test_nothing_from_before_or_during_a_mute_comes_to_the_recogniser() -> None:
    """Not from the pre-roll either, and not what the canceller still held when mute came."""
    talk = Conversation(Policy(), "Be brief.")
    talk.open()
    loud = np.full(BLOCK_SAMPLES, 9999, np.int16)
    decodes = []
    for block in range(300):
        sample = block * BLOCK_SAMPLES
        heard = talk.hear(loud, sample, NOTHING, sample, muted=100 <= block < 120)
        decodes += [command for command in heard if isinstance(command, Decode)]
        if block * BLOCK_SAMPLES // FRAME != (block - 1) * BLOCK_SAMPLES // FRAME:
            start = sample // FRAME * FRAME
            talk.voice(0.9 if 125 <= block < 200 else 0.0, start, start + FRAME)
    audio = decodes[-1].audio
    opened = 120 * BLOCK_SAMPLES
    start = np.flatnonzero(audio)[0]
    assert audio[:start].size > 0, "the pre-roll reaches back into the mute"
    assert np.all(audio[start:] > 0.3)
    onset = 125 * BLOCK_SAMPLES // FRAME * FRAME
    pre_roll = round(Policy().pre_roll_ms * MS)
    assert abs((onset - pre_roll + start) - opened) <= FRAME


@pytest.mark.parametrize("name", ["error"])
def test_a_voice_that_fails_is_sounded(name: str) -> None:
    rim = MutableRim(answers=["Paris."])
    rim.say(1000, 2000, QUESTION)
    rim.run(2400)
    job = next(command.job for _, command in rim.commands if isinstance(command, Reply))
    outputs = rim.talk.failed(job, "tts", "no voice", rim.clock)
    assert Chime(name) in outputs


def test_toggle_begins_and_then_asks() -> None:
    rim = MutableRim(answers=["Paris."], policy=Policy(open_microphone=False))
    rim.at(1000, lambda: rim.talk.toggle(rim.clock))
    rim.say(1200, 2200, QUESTION)
    rim.run(4000)
    assert not rim.of(ev.Commit), "a pause is no end"
    rim.at(4000, lambda: rim.talk.toggle(rim.clock))
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.reason == "release"  # type: ignore[attr-defined]
    assert rim.chimes() == ["listening"]
    assert rim.truly_heard() == "Paris."


def test_toggle_after_a_turn_that_ended_by_itself_begins_a_new_one() -> None:
    rim = MutableRim(policy=Policy(open_microphone=False))
    rim.at(1000, lambda: rim.talk.toggle(rim.clock))
    rim.mute(2000)
    rim.mute(3000, muted=False)
    rim.run(4000)
    assert rim.talk.state == "idle"
    rim.at(4000, lambda: rim.talk.toggle(rim.clock))
    rim.run(4500)
    assert rim.talk.state == "listening"
