"""When somebody speaks, pauses, goes on and ends."""

from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.endpointer import (
    Cap,
    Decision,
    End,
    Endpointer,
    EndpointPolicy,
    Onset,
    OnsetRule,
    Pause,
    Resume,
)

FRAME = 512  # 32 ms


def feed(pointer: Endpointer, *runs: tuple[float, int], start: int = 0, over: bool = False) -> list[Decision]:
    """`runs` of (probability, frames); returns all decisions."""
    out: list[Decision] = []
    at = start
    for probability, frames in runs:
        for _ in range(frames):
            out += pointer.feed(probability, at, at + FRAME, over_playout=over)
            at += FRAME
    return out


def test_speech_then_silence() -> None:
    decisions = feed(Endpointer(EndpointPolicy()), (0.0, 3), (0.9, 20), (0.0, 30))
    assert decisions == [Onset(3 * FRAME), Pause(23 * FRAME), End(23 * FRAME)]


def test_the_decisions_come_when_the_silence_is_long_enough() -> None:
    pointer = Endpointer(EndpointPolicy(pause_ms=200, end_silence_ms=600))
    assert feed(pointer, (0.9, 20), (0.0, 6)) == [Onset(0)]  # 192 ms
    assert feed(pointer, (0.0, 1), start=26 * FRAME) == [Pause(20 * FRAME)]  # 224 ms
    assert feed(pointer, (0.0, 11), start=27 * FRAME) == []  # 576 ms
    assert feed(pointer, (0.0, 1), start=38 * FRAME) == [End(20 * FRAME)]  # 608 ms
    assert not pointer.talking


def test_a_click_is_not_speech() -> None:
    assert feed(Endpointer(EndpointPolicy()), (0.0, 3), (0.99, 1), (0.0, 30)) == []


def test_a_pause_that_was_only_a_pause() -> None:
    decisions = feed(Endpointer(EndpointPolicy()), (0.9, 10), (0.0, 10), (0.9, 5), (0.0, 30))
    assert decisions == [Onset(0), Pause(10 * FRAME), Resume(), Pause(25 * FRAME), End(25 * FRAME)]


def test_between_the_thresholds_voice_goes_on_and_silence_stays() -> None:
    assert feed(Endpointer(EndpointPolicy()), (0.9, 10), (0.4, 40)) == [Onset(0)]
    assert feed(Endpointer(EndpointPolicy()), (0.4, 40)) == []
    assert feed(Endpointer(EndpointPolicy()), (0.9, 5), (0.1, 2), (0.4, 40))[-1] == End(5 * FRAME)


def test_over_the_loudspeaker_it_takes_more() -> None:
    policy = EndpointPolicy(barge_in=OnsetRule(probability=0.6, min_speech_ms=160))
    assert feed(Endpointer(policy), (0.55, 40), over=True) == []
    assert feed(Endpointer(policy), (0.9, 4), (0.0, 5), over=True) == []
    assert feed(Endpointer(policy), (0.9, 5), over=True) == [Onset(0)]


def test_held_it_tells_pauses_but_no_end() -> None:
    pointer = Endpointer(EndpointPolicy())
    pointer.hold(1000)
    decisions = feed(pointer, (0.0, 40), (0.9, 10), (0.0, 60))
    assert decisions == [Pause(50 * FRAME)]
    assert pointer.talking
    assert pointer.offset_sample == 50 * FRAME


def test_a_hold_without_a_voice_says_so() -> None:
    pointer = Endpointer(EndpointPolicy())
    pointer.hold(1000)
    assert feed(pointer, (0.0, 40)) == []
    assert not pointer.heard_voice


def test_after_the_cap_it_waits_for_a_pause() -> None:
    pointer = Endpointer(EndpointPolicy(max_utterance_ms=1000))
    decisions = feed(pointer, (0.9, 100), (0.0, 3), (0.9, 50), (0.0, 10), (0.9, 5))
    assert decisions == [Onset(0), Cap(32 * FRAME), Onset(163 * FRAME)]


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), max_size=30), st.booleans())
def test_decisions_come_in_a_sensible_order(runs: list[tuple[float, int]], over: bool) -> None:
    talking = paused = False
    for decision in feed(Endpointer(EndpointPolicy(max_utterance_ms=5000)), *runs, over=over):
        match decision:
            case Onset():
                assert not talking
                talking, paused = True, False
            case Pause():
                assert talking
                assert not paused
                paused = True
            case Resume():
                assert talking
                assert paused
                paused = False
            case End() | Cap():
                assert talking
                talking = False
