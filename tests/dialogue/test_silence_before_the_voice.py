"""The talk button goes down, and it takes a while until somebody speaks: that silence is not decoded.

A small recogniser that is given much silence before the first word says it twice ("Next Next").
"""

import pytest
from placed_rim import PlacedRim
from virtual_rim import MS, VirtualRim

from device.dialogue.commands import Decode
from device.dialogue.conversation import Policy
from device.dialogue.events import Final, Partial

HELD = Policy(turn_model=False, open_microphone=False)
PRE_ROLL_MS = HELD.pre_roll_ms


def decoded_ms(rim: VirtualRim) -> list[float]:
    return [len(command.audio) / MS for _at, command in rim.commands if isinstance(command, Decode)]


@pytest.mark.parametrize("silence_ms", [900, 2_000, 5_000])
def test_what_is_decoded_begins_shortly_before_the_voice(silence_ms: int) -> None:
    rim = VirtualRim(answers=["Done."], policy=HELD)
    rim.press(1_000)
    rim.say(1_000 + silence_ms, 2_000 + silence_ms, "Next.")
    rim.release(2_100 + silence_ms)
    rim.run(6_000 + silence_ms)
    assert [e.text for e in rim.of(Final)] == ["Next."]
    assert 1_000 <= decoded_ms(rim)[-1] <= PRE_ROLL_MS + 1_000 + 200


def test_who_speaks_at_once_loses_nothing_from_before_the_press() -> None:
    rim = VirtualRim(answers=["Done."], policy=HELD)
    rim.say(900, 2_000, "Next.")
    rim.press(1_000)
    rim.release(2_100)
    rim.run(6_000)
    assert decoded_ms(rim)[-1] >= PRE_ROLL_MS + 1_000


def test_where_no_voice_is_heard_all_is_decoded() -> None:
    """Somebody whispers."""
    rim = VirtualRim(answers=["Done."], policy=HELD)
    rim.press(1_000)
    rim.release(4_000)
    rim.run(8_000)
    assert decoded_ms(rim)[-1] >= 3_000


def test_words_that_were_understood_before_the_voice_stay() -> None:
    """Whispered at first: the detector hears no voice in it, the recogniser words."""
    rim = PlacedRim(answers=["Done."], policy=HELD)
    rim.press(1_000)
    rim.say(1_100, 1_101, "Turn on")  # too short for the detector
    rim.say(4_000, 5_000, "the light.")
    rim.release(5_100)
    rim.run(9_000)
    assert any(e.text == "Turn on" for e in rim.of(Partial))
    assert [e.text for e in rim.of(Final)] == ["Turn on the light."]


def test_a_second_voice_moves_nothing() -> None:
    rim = PlacedRim(answers=["Done."], policy=HELD)
    rim.press(1_000)
    rim.say(3_000, 4_000, "Turn on")
    rim.say(6_000, 7_000, "the light.")
    rim.release(7_100)
    rim.run(10_000)
    assert [e.text for e in rim.of(Final)] == ["Turn on the light."]


def test_the_button_is_pushed_again_before_all_was_understood() -> None:
    """What was said at the first push is not what was before the voice of the second one."""
    rim = PlacedRim(answers=["Done."], policy=HELD, stt_ms=700)
    rim.press(1_000)
    rim.say(3_000, 4_000, "Turn on")
    rim.release(4_100)
    rim.press(4_200)
    rim.say(6_500, 7_500, "the light.")
    rim.release(7_600)
    rim.run(12_000)
    assert [e.text for e in rim.of(Final)] == ["Turn on the light."]


def test_a_recogniser_that_fails_in_between_loses_no_words() -> None:
    failed: list[str] = []

    def hears(text: str) -> str | Exception:
        if text == "Turn on" and not failed:
            failed.append(text)
            return RuntimeError("no")
        return text

    rim = PlacedRim(answers=["Done."], policy=HELD, stt_ms=300, hears=hears)
    rim.press(1_000)
    rim.say(3_000, 4_000, "Turn on")
    rim.say(6_500, 7_500, "the light.")
    rim.release(7_600)
    rim.run(12_000)
    assert failed
    assert [e.text for e in rim.of(Final)] == ["Turn on the light."]
