"""When somebody speaks, pauses, and goes on."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.endpointer import Cap, Decision, Endpointer, EndpointPolicy, Onset, OnsetRule, Pause, Resume

FRAME = 512  # 32 ms
BLOCK = 160
LOUD, ROOM = 3000, 10


class World:
    """Frames of 32 ms with a probability and a level; the level comes in blocks of 10 ms, as from the card."""

    def __init__(self, policy: EndpointPolicy | None = None, late_frames: int = 0) -> None:
        """`late_frames`: the network is so many frames behind."""
        self.pointer = Endpointer(policy or EndpointPolicy())
        self.decisions: list[Decision] = []
        self.at: list[int] = []  # when each decision was made
        self._heard = 0
        self._framed = 0
        self._late: deque[tuple[float, int]] = deque([(0.0, 0)] * late_frames)
        self._rng = np.random.default_rng(1)

    def feed(self, probability: float, frames: int, level: int | None = None, *, over: bool = False) -> "World":
        """`level`: RMS; None: digital silence, of which the level can tell nothing."""
        end = self._framed + frames * FRAME
        while self._framed < end:
            frame_end = self._framed + FRAME
            while self._heard + BLOCK <= frame_end:
                noise = self._rng.normal(0, level or 0, BLOCK)
                self._take(self.pointer.hear(noise.astype(np.int16), self._heard), self._heard + BLOCK)
                self._heard += BLOCK
            self._late.append((probability, self._framed))
            said, start = self._late.popleft()
            self._take(self.pointer.feed(said, start, start + FRAME, over_playout=over), frame_end)
            self._framed = frame_end
        return self

    def _take(self, decisions: list[Decision], now: int) -> None:
        self.decisions += decisions
        self.at += [now] * len(decisions)


def test_speech_then_silence() -> None:
    world = World().feed(0.0, 3).feed(0.9, 20).feed(0.0, 30)
    assert world.decisions == [Onset(3 * FRAME), Pause(23 * FRAME)]


def test_the_pause_comes_when_the_silence_is_long_enough() -> None:
    world = World(EndpointPolicy(pause_ms=200)).feed(0.9, 20).feed(0.0, 10)
    assert world.decisions[1:] == [Pause(20 * FRAME)]
    assert 200 * 16 <= world.at[1] - 20 * FRAME <= 200 * 16 + FRAME
    assert world.pointer.talking
    assert world.pointer.paused


@pytest.mark.parametrize("late_frames", [0, 1])
@pytest.mark.parametrize("level", [LOUD, None])
def test_between_two_frames_of_a_voice_there_is_no_pause(level: int | None, late_frames: int) -> None:
    """What the network will say of the newest 32 ms, and of those before while it computes, is not known yet."""
    world = World(EndpointPolicy(pause_ms=20), late_frames=late_frames)
    world.feed(0.0, 40, ROOM).feed(0.9, 60, level).feed(0.0, 20, ROOM)
    assert [type(d) for d in world.decisions] == [Onset, Pause]


def test_a_network_that_says_nothing_more_is_not_waited_for() -> None:
    world = World().feed(0.0, 40, ROOM).feed(0.9, 30)
    for sample in range(70 * FRAME, 80 * FRAME, BLOCK):
        world.decisions += world.pointer.hear(np.zeros(BLOCK, np.int16), sample)
    assert world.decisions[1:] == [Pause(70 * FRAME)]


def test_the_level_knows_sooner_than_the_network_that_the_voice_has_ended() -> None:
    world = World().feed(0.0, 40, ROOM).feed(0.9, 30, LOUD).feed(0.9, 6, ROOM).feed(0.0, 20, ROOM)
    end = 70 * FRAME
    assert [type(d) for d in world.decisions] == [Onset, Pause]
    pause = world.decisions[1]
    assert isinstance(pause, Pause)
    assert abs(pause.offset_sample - end) <= 40 * 16
    assert world.at[1] - end <= 110 * 16, "60 ms, and what the level needs"


def test_a_voice_that_the_network_hears_for_long_is_one_that_has_become_soft() -> None:
    soft = 60  # below 4 % of the loudest
    world = World().feed(0.0, 40, ROOM).feed(0.9, 10, LOUD).feed(0.95, 40, soft).feed(0.0, 20, ROOM)
    assert [type(d) for d in world.decisions] == [Onset, Pause, Resume, Pause]
    last = world.decisions[-1]
    assert isinstance(last, Pause)
    assert abs(last.offset_sample - 90 * FRAME) <= 60 * 16


def test_where_the_room_is_as_loud_as_the_voice_the_network_decides() -> None:
    world = World().feed(0.0, 40, 1000).feed(0.9, 20, 1500).feed(0.0, 10, 1000)
    assert world.decisions == [Onset(40 * FRAME), Pause(60 * FRAME)]


def test_a_noise_behind_the_voice_does_not_lengthen_it() -> None:
    world = World().feed(0.0, 40, ROOM).feed(0.9, 20, LOUD).feed(0.0, 20, LOUD)
    assert world.decisions == [Onset(40 * FRAME), Pause(60 * FRAME)]


def test_what_the_network_still_hears_of_an_utterance_that_is_over_begins_no_other() -> None:
    world = World().feed(0.0, 40, ROOM).feed(0.9, 30, LOUD).feed(0.9, 4, ROOM)
    assert isinstance(world.decisions[-1], Pause)
    world.pointer.reset()  # the turn was committed
    world.feed(0.9, 4, ROOM).feed(0.1, 5, ROOM)
    assert isinstance(world.decisions[-1], Pause)
    world.feed(0.9, 8, LOUD)
    assert isinstance(world.decisions[-1], Onset)


def test_a_button_that_comes_up_right_behind_the_voice_ends_it() -> None:
    world = World().feed(0.0, 40, ROOM)
    world.pointer.hold(40 * FRAME)
    world.feed(0.9, 30, LOUD)
    told = len(world.decisions)
    world.pointer.reset()  # at its last sample; the network goes on hearing it
    world.feed(0.9, 7, ROOM).feed(0.1, 5, ROOM)
    assert world.decisions[told:] == []


def test_who_speaks_on_right_after_the_end_is_heard() -> None:
    world = World().feed(0.0, 40, ROOM).feed(0.9, 30, LOUD).feed(0.9, 4, ROOM)
    world.pointer.reset()
    world.feed(0.9, 8, LOUD)  # the probability never fell
    onset = world.decisions[-1]
    assert isinstance(onset, Onset)
    assert abs(onset.onset_sample - 74 * FRAME) <= 2 * FRAME


def test_a_click_is_not_speech() -> None:
    assert World().feed(0.0, 3).feed(0.99, 1).feed(0.0, 30).decisions == []


def test_a_pause_that_was_only_a_pause() -> None:
    world = World().feed(0.9, 10).feed(0.0, 10).feed(0.9, 5).feed(0.0, 30)
    assert world.decisions == [Onset(0), Pause(10 * FRAME), Resume(10 * FRAME, 20 * FRAME), Pause(25 * FRAME)]


def test_between_the_thresholds_voice_goes_on_and_silence_stays() -> None:
    assert World().feed(0.9, 10).feed(0.4, 40).decisions == [Onset(0)]
    assert World().feed(0.4, 40).decisions == []
    assert World().feed(0.9, 5).feed(0.1, 3).feed(0.4, 40).decisions[-1] == Pause(5 * FRAME)


def test_over_the_loudspeaker_it_takes_more() -> None:
    policy = EndpointPolicy(barge_in=OnsetRule(probability=0.6, min_speech_ms=160))
    assert World(policy).feed(0.55, 40, over=True).decisions == []
    assert World(policy).feed(0.9, 4, over=True).feed(0.0, 5, over=True).decisions == []
    assert World(policy).feed(0.9, 5, over=True).decisions == [Onset(0)]


def test_a_hold_without_a_voice_says_so() -> None:
    world = World()
    world.pointer.hold(0)
    world.feed(0.0, 40)
    assert world.decisions == []
    assert not world.pointer.heard_voice
    world.feed(0.9, 10).feed(0.0, 60)
    assert world.decisions == [Pause(50 * FRAME)]
    assert world.pointer.offset_sample == 50 * FRAME


def test_after_the_cap_it_waits_for_a_pause() -> None:
    world = World(EndpointPolicy(max_utterance_ms=1000)).feed(0.9, 100).feed(0.0, 3).feed(0.9, 50)
    assert [type(d) for d in world.decisions] == [Onset, Cap]
    world.feed(0.0, 10).feed(0.9, 5)
    assert world.decisions[-1] == Onset(163 * FRAME)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40), st.sampled_from([None, ROOM, 60, LOUD])), max_size=30),
    st.booleans(),
)
def test_decisions_come_in_a_sensible_order(runs: list[tuple[float, int, int | None]], over: bool) -> None:
    world = World(EndpointPolicy(max_utterance_ms=5000))
    for probability, frames, level in runs:
        world.feed(probability, frames, level, over=over)
    talking = paused = False
    for decision, now in zip(world.decisions, world.at, strict=True):
        match decision:
            case Onset(onset):
                assert not talking
                assert onset <= now
                talking, paused = True, False
            case Pause(offset):
                assert talking
                assert not paused
                assert offset <= now - EndpointPolicy().pause_ms * 16
                paused = True
            case Resume(start, end):
                assert paused
                assert start <= end <= now
                paused = False
            case Cap():
                assert talking
                talking = paused = False
    assert world.pointer.talking == talking
    assert world.pointer.paused == paused
