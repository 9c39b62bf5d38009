"""Conversations behind a wake word, on virtual time."""

from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.commands import Chime, Decode
from device.dialogue.conversation import Policy
from device.dialogue.wake_gate import WakePolicy
from models.protocols import WakeDetection

LONG = "The capital of France is Paris, and there is a great deal more to be said about it than that."
WAKE = WakePolicy(attend_ms=3000, follow_up_ms=2000, follow_up_question_ms=6000)


@dataclass
class WakeRim(VirtualRim):
    policy: Policy = field(default_factory=lambda: Policy(turn_model=False, open_microphone=False, wake=WAKE))

    def wake(self, ms: int, phrase: str = "Okay Nabu") -> None:
        """The model is convinced at `ms`, 150 ms behind the word, which the VAD hears too."""
        word = phrase.lower().replace(" ", "_")
        self.noise(ms - 750, ms - 150)
        self.at(ms, lambda: self.talk.wake(WakeDetection(word, phrase, ms * MS, (ms - 200) * MS, 0.98), self.clock))

    def texts(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, ev.Commit)]

    def chimes(self) -> list[str]:
        return [c.name for _, c in self.commands if isinstance(c, Chime)]

    def states(self) -> list[str]:
        return [e.state for e in self.events if isinstance(e, ev.StateChange)]


def test_nobody_is_listened_to_without_the_word() -> None:
    rim = WakeRim(answers=["Paris."])
    rim.say(1000, 2500, "What is the capital of France?")
    rim.run(5000)
    assert rim.kinds() == ["state"]
    assert not any(isinstance(c, Decode) for _, c in rim.commands), "nor is it recognised"


def test_word_pause_question() -> None:
    rim = WakeRim(answers=["Paris."])
    rim.wake(1500)
    rim.say(2600, 4000, "What is the capital of France?")
    rim.run(7000)
    assert rim.texts() == ["What is the capital of France?"]
    wake = next(e for e in rim.events if isinstance(e, ev.Wake))
    assert (wake.word, wake.probability, wake.end_sample) == ("okay_nabu", 0.98, 1500 * MS)
    assert rim.chimes()[0] == "listening"
    assert rim.states()[:5] == ["idle", "attentive", "listening", "thinking", "speaking"]


@pytest.mark.parametrize("gap_ms", [0, 30, 100])
def test_word_and_question_in_one_breath(gap_ms: int) -> None:
    """The question begins while the model still listens to the word; no earcon talks into it."""
    rim = WakeRim(answers=["Paris."])
    rim.wake(1500)
    rim.say(1350 + gap_ms, 3000, "What is the capital of France?")
    rim.run(4500)
    assert rim.texts() == ["What is the capital of France?"]
    assert "listening" not in rim.chimes()
    audio = [c.audio for _, c in rim.commands if isinstance(c, Decode)]
    assert audio and all(len(a) <= (4500 - 1300) * MS for a in audio), "the word itself is not recognised"


def test_what_is_left_of_the_word_is_no_part_of_the_question() -> None:
    rim = WakeRim(answers=["Paris."], hears=lambda text: f"Nabu, {text}" if text else text)
    rim.wake(1500)
    rim.say(1400, 3000, "what is the capital of France?")
    rim.run(5000)
    assert rim.texts() == ["What is the capital of France?"]


def test_the_word_alone_is_no_turn_and_leaves_time_for_one() -> None:
    """The recogniser hears nothing but the word's end."""
    rim = WakeRim(answers=["Paris."], hears=lambda text: text or "Nabu.")
    rim.wake(1500)
    rim.noise(1500, 1700)
    rim.say(3000, 4200, "What is the capital of France?")
    rim.run(7000)
    assert rim.texts() == ["What is the capital of France?"]


def test_nothing_is_said() -> None:
    rim = WakeRim()
    rim.wake(1500)
    rim.run(6000)
    assert [e.after for e in rim.events if isinstance(e, ev.WakeTimeout)] == ["word"]
    assert rim.chimes() == ["listening", "not listening"]
    assert rim.states() == ["idle", "attentive", "idle"]
    rim.say(6500, 7500, "Hello there.")
    assert rim.run(9000).texts() == []


def test_a_sentence_that_was_cut_too_early_goes_on() -> None:
    rim = WakeRim(answers=["Wrong.", "Paris."], stt_ms=50, first_token_ms=900)
    rim.wake(1500)
    rim.say(1700, 2500, "What is the capital")
    rim.say(3300, 4000, "of France?")
    rim.run(7000)
    assert rim.texts()[-1].endswith("of France?")


def answering(**more: object) -> WakeRim:
    rim = WakeRim(answers=[LONG, "Yes."], **more)  # type: ignore[arg-type]
    rim.wake(1500)
    rim.say(1700, 2700, "What is the capital of France?")
    rim.run(5000)
    assert rim.talk.state == "speaking"
    return rim


def test_other_voices_do_not_interrupt() -> None:
    rim = answering()
    rim.say(5200, 6200, "Have you seen my keys?")
    rim.run(20_000)
    assert not rim.of(ev.Interrupted)
    assert rim.truly_heard() == LONG
    assert len(rim.texts()) == 1


@pytest.mark.parametrize("word", ["Stop.", "Never mind!"])
def test_stop_needs_no_wake_word(word: str) -> None:
    rim = answering()
    rim.say(5200, 5600, word)
    rim.run(9000)
    assert len(rim.of(ev.Interrupted)) == 1
    assert rim.of(ev.Controlled)
    assert len(rim.texts()) == 1, "it is obeyed, not answered"
    assert rim.talk.state == "idle"
    silent = rim.sounded[-1][2]
    assert silent < 6100 * MS


def test_a_long_speech_over_the_answer_is_not_even_recognised() -> None:
    rim = answering()
    before = sum(isinstance(c, Decode) for _, c in rim.commands)
    rim.say(5200, 8500, "and then she said that he should stop, and he said that he would not")
    rim.run(8700)
    assert sum(isinstance(c, Decode) for _, c in rim.commands) == before


def test_any_voice_interrupts_where_that_is_wanted() -> None:
    rim = answering(policy=Policy(turn_model=False, open_microphone=False, wake=WakePolicy(barge_in="any")))
    rim.say(5200, 6200, "Have you seen my keys?")
    rim.run(9000)
    assert len(rim.of(ev.Interrupted)) == 1
    assert rim.texts()[-1] == "Have you seen my keys?"


def test_the_word_over_the_answer_silences_it_and_takes_the_turn() -> None:
    rim = answering()
    rim.wake(5800)
    rim.say(5900, 7000, "Is it a big city?")
    rim.run(9500)
    assert rim.texts() == ["What is the capital of France?", "Is it a big city?"]
    assert len(rim.of(ev.Interrupted)) == 1
    interrupted = rim.of(ev.Interrupted)[0]
    assert isinstance(interrupted, ev.Interrupted)
    assert LONG.startswith(interrupted.heard) and interrupted.heard != LONG
    assert not rim.of(ev.Resumed)


def test_the_word_over_the_answer_and_then_nothing() -> None:
    """It was meant: what was being said does not go on."""
    rim = answering()
    rim.wake(5800)
    rim.run(14_000)
    assert len(rim.of(ev.Interrupted)) == 1 and not rim.of(ev.Resumed)
    assert rim.talk.state == "idle"


def test_a_follow_up_needs_no_word_but_only_for_a_while() -> None:
    rim = WakeRim(answers=["Paris.", "Two million.", "Never."])
    rim.wake(1500)
    rim.say(1700, 2700, "What is the capital of France?")
    rim.run(4200)
    end = next(e for e in rim.events if isinstance(e, ev.PlayoutEnd)).sample // MS
    rim.say(end + 1000, end + 2000, "How big is it?")
    rim.run(end + 5000)
    assert rim.texts() == ["What is the capital of France?", "How big is it?"]
    again = [e for e in rim.events if isinstance(e, ev.PlayoutEnd)][-1].sample // MS
    rim.run(again + 2500)
    assert [e.after for e in rim.events if isinstance(e, ev.WakeTimeout)] == ["answer"]
    rim.say(again + 3000, again + 4000, "And how old?")
    assert len(rim.run(again + 7000).texts()) == 2


def test_a_question_waits_longer_for_its_answer() -> None:
    rim = WakeRim(answers=["Which one?", "Good."])
    rim.wake(1500)
    rim.say(1700, 2700, "Turn on the lamp.")
    rim.run(4500)
    end = next(e for e in rim.events if isinstance(e, ev.PlayoutEnd)).sample // MS
    rim.say(end + 4000, end + 5000, "The big one.")
    assert rim.run(end + 8000).texts() == ["Turn on the lamp.", "The big one."]


def test_the_button_works_too_and_a_tap_is_a_wake_word() -> None:
    rim = WakeRim(answers=["Paris.", "Yes."])
    rim.press(1000)
    rim.say(1100, 2100, "What is the capital of France?")
    rim.release(2200)
    rim.run(3000)
    assert rim.texts() == ["What is the capital of France?"]
    rim.run(9000)
    rim.press(9000)
    rim.release(9100)
    rim.say(9800, 10_800, "Is it big?")
    assert rim.run(13_000).texts() == ["What is the capital of France?", "Is it big?"]


def test_a_muted_microphone_hears_no_word() -> None:
    rim = WakeRim()
    rim.talk.hear = partial(rim.talk.hear, muted=True)  # type: ignore[method-assign]
    rim.wake(2000)
    rim.say(2500, 3500, "Hello there.")
    rim.run(6000)
    assert not rim.of(ev.Wake) and rim.texts() == []


def test_a_word_while_somebody_else_has_the_turn() -> None:
    """A television went on behind the first word; who says the word again begins anew."""
    rim = WakeRim(answers=["Paris."])
    rim.wake(1500)
    rim.say(1700, 2900, "and now the weather for tomorrow")
    rim.wake(3500)
    rim.say(3600, 4600, "What is the capital of France?")
    rim.run(7000)
    assert rim.texts() == ["What is the capital of France?"]


def test_in_open_mode_the_word_is_no_part_of_the_question() -> None:
    rim = WakeRim(answers=["Paris."], policy=Policy(turn_model=False, wake=WAKE), hears=lambda t: t)
    rim.say(1000, 3000, "Okay Nabu, what is the capital of France?")
    rim.at(1800, lambda: rim.talk.wake(WakeDetection("okay_nabu", "Okay Nabu", 1800 * MS, 1600 * MS, 0.97), rim.clock))
    rim.run(6000)
    assert rim.texts() == ["What is the capital of France?"]
    assert len(rim.of(ev.Wake)) == 1


stretch = st.tuples(st.integers(0, 700), st.integers(1, 300), st.sampled_from(["Stop.", "Is it big?", "", "Well then"]))


@given(
    st.lists(stretch, max_size=4),
    st.lists(st.integers(80, 1200), max_size=3),
    st.lists(st.integers(0, 1200), max_size=2),
)
@settings(max_examples=25, deadline=None)
def test_whatever_people_do_the_gate_holds(
    said: list[tuple[int, int, str]], words: list[int], presses: list[int]
) -> None:
    """Nobody who was not invited has a turn, and in the end nobody is listened to."""
    rim = WakeRim(answers=[LONG, "Yes?", "No.", "Paris.", "Fine."])
    for start, length, text in said:
        rim.say(start * 10, (start + length) * 10, text)
    for at in words:
        rim.wake(at * 10)
    for at in presses:
        rim.press(at * 10)
        rim.release(at * 10 + 500)
    rim.run(13_000)
    rim.run(45_000)
    if not words and not presses:
        assert rim.kinds() == ["state"]
    assert rim.talk.state == "idle"
    before = len(rim.texts())
    rim.say(45_500, 46_500, "Is anybody there?")
    assert len(rim.run(50_000).texts()) == before


@pytest.mark.parametrize(("word", "silent"), [("Stop.", True), ("Have you seen my keys?", False), ("Repeat.", False)])
def test_what_rings_is_stopped_without_the_word(word: str, silent: bool) -> None:
    rim = WakeRim()
    rim.at(1000, lambda: rim.talk.ring("tea", "Your tea timer is done.", rim.clock))
    rim.run(5000)
    assert rim.talk.state == "ringing"
    rim.say(5200, 5600, word)
    rim.run(9000)
    assert (rim.talk.state != "ringing") is silent
    assert rim.texts() == []


def test_who_has_called_is_not_talked_into() -> None:
    """A result that waits to be told waits until they have spoken, or have not."""
    rim = WakeRim()
    rim.wake(1500)
    rim.at(1600, lambda: rim.talk.announce("Your pizza is on its way."))
    rim.run(9000)
    told = [e.sample for e in rim.events if isinstance(e, ev.PlayoutStart)]
    assert len(told) == 1 and told[0] > 4500 * MS


def test_the_last_sound_of_a_word_is_not_more_of_it() -> None:
    """The "t" of "next", heard again behind the commit."""
    rim = WakeRim(answers=["Fine.", "Wrong."], first_token_ms=800)
    rim.wake(1500)
    rim.say(2000, 2400, "Next")
    rim.run(3300)
    assert rim.talk.state == "thinking"
    out = rim.talk.voice(1.0, 2900 * MS, 3300 * MS, second=True)
    assert out == []
    assert rim.run(9000).texts() == ["Next"]


def test_what_rings_makes_room_for_who_has_called() -> None:
    rim = WakeRim(answers=["Four."])
    rim.at(1000, lambda: rim.talk.ring("tea", "Your tea timer is done.", rim.clock))
    rim.run(5000)
    rim.wake(5200)
    rim.run(7900)
    levels = {c.gain_db for at, c in rim.commands if isinstance(c, Chime) and c.name == "alarm" and at > 5210 * MS}
    assert rim.talk.state == "ringing"
    assert levels and 0.0 not in levels, "it rings on, more quietly"
    rim.say(8000, 8400, "Stop.")
    assert rim.run(10_000).talk.state != "ringing"


def test_stop_that_was_not_understood_at_once_is_heard_again() -> None:
    """The first decode ends before the "p": there is no word in it yet."""
    rim = answering()
    heard = iter(["", "Stop."])
    rim.hears = lambda _text: next(heard)
    rim.say(5200, 5600, "Stop.")
    rim.run(9000)
    assert rim.of(ev.Controlled)
    assert len(rim.of(ev.Interrupted)) == 1


def test_what_is_no_command_is_heard_twice_and_no_more() -> None:
    rim = answering()
    before = sum(isinstance(c, Decode) for _, c in rim.commands)
    rim.say(5200, 5600, "Keys?")
    rim.run(12_000)
    assert sum(isinstance(c, Decode) for _, c in rim.commands) == before + 2
    assert not rim.of(ev.Interrupted)
