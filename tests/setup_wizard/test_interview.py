"""The questions of the wizard, and what comes of the answers."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.config import Settings
from device.config.describe import keys_of
from device.setup_wizard.advice import advise, level_verdict
from device.setup_wizard.answers import PINS, SAME, Answers, present_answers
from device.setup_wizard.interview import Choice, Facts, Interview, Question

FACTS = Facts(
    microphones=(Choice("auto", "now USB"), Choice("usb:0d8c:0014", "USB PnP"), Choice("none", "")),
    loudspeakers=(Choice("auto", "now USB"), Choice("none", "")),
    voices=(Choice("piper-en_US-joe-medium", ""), Choice("piper-en_GB-alan-low", "")),
    personas=("assistant", "mirror"),
    memory_mb=8_000,
    cores=4,
    header=True,
    page=True,
)


def interview(facts: Facts = FACTS, *, fresh: bool = False, **present: object) -> Interview:
    return Interview(facts, present_answers(Settings(), "Europe/Vienna").model_copy(update=present), fresh=fresh)


def asked(talk: Interview, *said: str) -> list[str]:
    """The names of the questions that came up for these answers; trials are made."""
    names = []
    for each in said:
        step = make_trials(talk)
        assert isinstance(step, Question), f"nothing is asked any more, but {each!r} is said"
        names.append(step.name)
        assert talk.answer(each) == ""
    return names


def make_trials(talk: Interview) -> Question | None:
    while (step := talk.step) is not None and not isinstance(step, Question):
        talk.done()
    return step


def to_its_end(talk: Interview, said: Sequence[str] = ()) -> list[str]:
    names = asked(talk, *said)
    while (step := make_trials(talk)) is not None:
        names.append(step.name)
        assert talk.answer("") == ""
    return names


def test_enter_all_the_way_keeps_all_as_it_is() -> None:
    talk = interview()
    names = to_its_end(talk)
    assert names == [
        "microphone", "loudspeaker", "tone", "tone heard", "level", "calibrate", "mode", "models", "voice", "persona",
        "clock_hours", "time_zone", "buttons", "page",
    ]  # fmt: skip
    defaults = Settings()
    for key, value in talk.given.keys().items():
        section, _, name = key.rpartition(".")
        assert value == getattr(getattr(defaults, section) if section else defaults, name)


def test_answers_by_number_and_by_word() -> None:
    talk = interview()
    to_its_end(
        talk, ["2", "AUTO", "no", "no", "no", "wake", "3", "2", "1", "mirror", "24", "Europe/Berlin", "no", "yes"]
    )
    given = talk.given
    assert (given.microphone, given.loudspeaker, given.mode, given.wake_words) == (
        "usb:0d8c:0014",
        "auto",
        "wake",
        "alexa",
    )
    assert (given.models, given.persona, given.clock_hours, given.page) == ("base", "mirror", 24, True)
    assert given.keys()["stt.model"] == "whisper-base"
    assert given.time_zone == "Europe/Berlin"


def test_a_tone_that_nobody_heard_asks_for_another_loudspeaker() -> None:
    talk = interview()
    assert asked(talk, "", "", "yes", "no", "none", "yes", "open") == [
        "microphone", "loudspeaker", "tone", "tone heard", "loudspeaker", "level", "mode",
    ]  # fmt: skip
    assert talk.given.loudspeaker == "none"


def test_a_trial_comes_behind_its_question_and_another_question_behind_it() -> None:
    talk = interview()
    asked(talk, "", "", "yes")
    assert talk.step == "tone"
    talk.done()
    step = talk.step
    assert isinstance(step, Question)
    assert (step.name, talk.number) == ("tone heard", 4)


def test_back_goes_to_the_question_before_and_forgets_its_answer() -> None:
    talk = interview(Facts())
    assert asked(talk, "wake", "back", "back", "open") == ["mode", "wake_words", "mode", "mode"]
    assert talk.given.wake_words is None


def test_without_a_card_nothing_is_asked_about_it() -> None:
    names = to_its_end(interview(Facts(no_card="none")))
    assert names == ["mode", "models", "clock_hours", "time_zone"]


def test_buttons_pin_by_pin() -> None:
    talk = interview(Facts(header=True))
    asked(talk, "", "", "", "", "yes", "17")
    assert talk.answer("17") == "pin 17 is that of push_to_talk_pin already"
    assert "0 to 53" in talk.answer("54")
    assert "0 to 53" in talk.answer("left")
    to_its_end(talk, ["27"])
    assert (talk.given.push_to_talk_pin, talk.given.mute_pin, talk.given.led_pin) == (17, 27, "none")


def test_buttons_that_are_gone_are_taken_out() -> None:
    talk = interview(Facts(), push_to_talk_pin=17)
    to_its_end(talk, ["", "", "", "", "no"])
    assert talk.given.push_to_talk_pin == "none"
    assert talk.given.mute_pin is None


def test_a_recogniser_of_the_owners_is_left_alone() -> None:
    assert "models" not in to_its_end(interview(models=None))


def test_on_a_new_machine_the_advice_is_the_default() -> None:
    facts = Facts(memory_mb=16_000, cores=8)
    for fresh, models in ((True, "base"), (False, "tiny")):
        talk = interview(facts, fresh=fresh)
        to_its_end(talk)
        assert talk.given.models == models


@pytest.mark.parametrize(
    ("said", "complaint"),
    [("4", "numbers from 1 to 3"), ("loud", "not allowed"), ("0", "numbers from 1 to 3")],
)
def test_what_makes_no_sense_is_asked_again(said: str, complaint: str) -> None:
    talk = interview(Facts())
    assert complaint in talk.answer(said)
    step = talk.step
    assert isinstance(step, Question)
    assert step.name == "mode"


def test_a_time_zone_that_is_misspelt() -> None:
    talk = interview(Facts())
    asked(talk, "", "", "")
    assert (
        talk.answer("Europe/Viena") == "time_zone: there is no time zone 'Europe/Viena'; did you mean 'Europe/Vienna'?"
    )


def test_a_wake_word_twice() -> None:
    talk = interview(Facts())
    asked(talk, "wake")
    assert "the same word twice" in talk.answer("alexa, alexa")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["", "1", "2", "yes", "no", "back", "wake", "none", "17", "27", "nonsense"]), max_size=60)
)
def test_whatever_is_said_there_is_a_next_question_and_the_answers_are_right(said: list[str]) -> None:
    talk = interview()
    for each in said:
        if make_trials(talk) is None:
            break
        talk.answer(each)
    given = talk.given
    pins = [pin for name in PINS if (pin := getattr(given, name)) not in (None, "none")]
    assert len(set(pins)) == len(pins)
    assert set(given.keys()) <= set(keys_of(Settings))
    names = to_its_end(talk)
    assert len(names) == len(set(names))


def test_every_answer_has_its_key() -> None:
    assert {name for name in Answers.model_fields if name not in SAME} == {"models", "time_zone"}
    assert {key for key in SAME.values() if key not in keys_of(Settings)} <= {"web.enabled"}


@pytest.mark.parametrize(
    ("memory_mb", "cores", "board", "models"),
    [
        (480, 4, "Raspberry Pi Zero 2 W Rev 1.0", "tiny"),
        (4000, 4, "Raspberry Pi Compute Module 4 Rev 1.0", "tiny"),
        (8000, 4, "Raspberry Pi Compute Module 5 Rev 1.0", "tiny"),
        (3900, 4, "NVIDIA Jetson Nano Developer Kit", "tiny"),
        (7600, 6, "NVIDIA Jetson Orin Nano Developer Kit", "base"),
        (1_000, 8, "", "tiny"),
        (8_000, 4, "Raspberry Pi 4 Model B Rev 1.5", "tiny"),
        (8_000, 4, "Raspberry Pi 5 Model B Rev 1.0", "tiny"),
        (8_000, 2, "", "tiny"),
        (8_000, 4, "", "base"),
    ],
)
def test_advice(memory_mb: int, cores: int, board: str, models: str) -> None:
    advised, why = advise(memory_mb, cores, board)
    assert advised == models
    assert why


@pytest.mark.parametrize(
    ("peak_dbfs", "clipped", "verdict"),
    [(-120.0, 0, "nothing but zeros"), (0.0, 7, "clips"), (-55.0, 0, "very quiet, -55 dBFS"), (-12.4, 0, "Good")],
)
def test_what_a_level_means(peak_dbfs: float, clipped: int, verdict: str) -> None:
    assert verdict in level_verdict(peak_dbfs, clipped)
