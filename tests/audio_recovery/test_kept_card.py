"""A card that is lost and found, on a fake clock: one clock, one line of ring positions, whatever happens."""

import itertools
import logging
import threading

import numpy as np
import pytest
from card_world import LOST_AFTER_S, World
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.keeper import KeptCard, WaitEndedError, wait_for_card
from device.card import BLOCK_SAMPLES, Block, Card
from device.errors import AudioError, CardStuckError, NoCardError

SOUND = np.full(4000, 1000, np.int16)


def blocks(card: KeptCard, count: int, patience: int = 2000) -> list[Block]:
    """The next `count` blocks, however often the reading times out before."""
    got: list[Block] = []
    for _ in range(patience):
        if len(got) == count:
            return got
        if (block := card.read(0.25)) is not None:
            got.append(block)
    raise AssertionError(f"{len(got)} blocks of {count}")


def test_it_is_the_card_while_nothing_happens() -> None:
    world = World()
    with world.kept() as card:
        span = card.play(SOUND)
        got = blocks(card, 30)
    assert [b.sample for b in got] == [160 * i for i in range(30)]
    assert (span.start, span.end) == (0, 4000)
    assert got[24].played.end == 4000
    assert world.news == []
    assert world.made[0].stopped
    assert isinstance(card, KeptCard)
    as_card: Card = card  # fulfils the protocol
    assert as_card.read(1.0) is None, "after the end nothing comes"


@pytest.mark.parametrize("away_s", [0.0, 0.05, 0.7, 3.0, 3600.0])
def test_an_unplugged_card_comes_back_with_the_time_that_passed(away_s: float) -> None:
    world = World()
    card = world.kept()
    card.start()
    last = blocks(card, 50)[-1]
    left_s = world.now_s
    world.unplug()
    world.later(away_s, "plug")
    first = blocks(card, 1, patience=40_000)[0]
    heard_s = world.now_s
    assert [kind for kind, _ in world.news] == ["lost", "back"]
    assert world.news == [("lost", last.sample + BLOCK_SAMPLES), ("back", first.sample)]
    assert world.back_after_s[0] == pytest.approx(heard_s - left_s, abs=0.011)
    # the clock did not stand still, and does not run ahead; sample numbers stay whole blocks
    assert (first.sample - last.sample) / 16_000 == pytest.approx(heard_s - left_s, abs=0.021)
    assert first.sample % BLOCK_SAMPLES == 0
    assert heard_s - left_s - away_s <= max(LOST_AFTER_S, 0.3) + 0.05, "seconds from the plug to hearing"
    assert world.made[0].stopped, "the dead card was closed before"


def test_what_was_muted_and_turned_down_is_so_before_the_new_card_runs() -> None:
    world = World()
    card = world.kept()
    card.mute(True)
    card.start()
    blocks(card, 10)
    world.unplug()
    world.later(1.0, "plug")
    assert card.read(0.9) is None
    card.set_volume(0.5)  # while it is away
    blocks(card, 1)
    assert [made.began_with for made in (world.made[0], world.made[-1])] == [(True, 1.0), (True, 0.5)]
    assert card.muted


def test_positions_go_on_and_what_is_played_meanwhile_is_dropped() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 5)
    first = card.play(SOUND)
    blocks(card, 5)
    world.unplug()
    lost_in_the_ring = card.play(SOUND)  # nobody knows yet
    for _ in range(4):
        assert card.read(0.25) is None
    assert world.news[0][0] == "lost"
    dropped = card.play(SOUND)
    card.flush()  # nothing to flush, no harm
    world.plug()
    silent = blocks(card, 3)
    after = card.play(SOUND)
    heard = blocks(card, 30)
    spans = [first, lost_in_the_ring, dropped, after]
    assert [s.start for s in spans] == [0, 4000, 8000, 12_000]
    assert {(b.played.start, b.played.end) for b in silent} == {(12_000, 12_000)}
    assert heard[0].played.start == 12_000
    assert heard[-1].played.end == 16_000


def test_a_frozen_card_is_opened_again_until_it_delivers() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 5)
    world.frozen = True
    world.later(5.0, "thaw")
    thawed_s = world.now_s + 5.0
    (block,) = blocks(card, 1)
    assert [kind for kind, _ in world.news] == ["lost", "back"], "a card that only opens is not back"
    assert world.now_s - thawed_s < 2.0
    assert 3 <= len(world.made) <= 12
    assert all(c.stopped for c in world.made[:-1])
    assert block.sample / 16_000 == pytest.approx(5.05, abs=1.0)


def test_a_busy_card_is_waited_for_too() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 5)
    world.unplug()
    world.plug()
    world.busy = True
    world.later(2.0, "free")
    blocks(card, 1)
    assert [kind for kind, _ in world.news] == ["lost", "back"]
    assert not world.made[-2].running


def test_a_card_that_cannot_be_closed_asks_for_a_new_process() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 5)
    world.stuck = True
    world.unplug()
    with pytest.raises(CardStuckError) as raised:
        blocks(card, 1)
    assert raised.value.exit_status == 75
    assert "75" in raised.value.hint
    assert [kind for kind, _ in world.news] == ["lost"], "what was being said is settled first"
    card.stop()


def test_opening_that_hangs_asks_for_a_new_process_too() -> None:
    world = World()
    card = world.kept(open_within_s=0.05)
    card.start()
    blocks(card, 5)
    hanging = threading.Event()
    card._open = lambda: hanging.wait(20.0)  # type: ignore[assignment,return-value]
    world.unplug()
    with pytest.raises(CardStuckError, match="opening it again hangs"):
        blocks(card, 1)
    hanging.set()
    card.stop()


def test_what_nobody_foresaw_is_not_swallowed() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 5)
    tries: list[Exception] = [OSError("disk full"), AudioError("busy"), ZeroDivisionError()]

    def broken() -> Card:
        raise tries.pop(0)

    card._open = broken
    world.unplug()
    with pytest.raises(ZeroDivisionError):
        blocks(card, 1)
    assert tries == []


def test_time_outs_are_kept_while_it_is_away() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 1)
    world.unplug()
    for timeout_s in (0.25, 0.25, 0.25, 0.1, 0.0, 1.0):
        before_s = world.now_s
        assert card.read(timeout_s) is None
        assert world.now_s - before_s == pytest.approx(timeout_s, abs=0.011)


def test_the_end_while_it_is_away() -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 7)
    world.unplug()
    for _ in range(4):
        card.read(0.25)
    card.stop()
    card.stop()
    world.plug()
    assert card.read(1.0) is None
    assert len(world.made) == 1
    assert card.stats().blocks == 7


def test_counters_never_fall() -> None:
    world = World()
    card = world.kept()
    card.start()
    seen = []
    for _ in range(3):
        blocks(card, 10)
        seen.append(card.stats())
        world.unplug()
        for _ in range(4):
            card.read(0.25)
            seen.append(card.stats())
        world.plug()
    for earlier, later in itertools.pairwise(seen):
        assert all(getattr(later, f) >= getattr(earlier, f) for f in earlier.__dataclass_fields__)
    assert seen[-1].blocks == 30
    assert seen[-1].playback_underflows == 9


def test_a_late_reader_does_not_slow_the_clock() -> None:
    """It read the last block 0.4 s after it was heard: the card knows when its callback ran."""
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 10)
    world.pass_time(0.4)
    world.unplug()
    left_s = world.now_s
    last = None
    world.made[0]._last_s = left_s  # the fake is done with its blocks
    world.later(1.0, "plug")
    last = blocks(card, 1)[0]
    assert last.sample / 16_000 == pytest.approx(0.1 + world.now_s - left_s, abs=0.03)


def test_it_starts_once() -> None:
    world = World()
    card = world.kept()
    card.start()
    with pytest.raises(AudioError, match="started before"):
        card.start()


@pytest.mark.parametrize("trouble", ["absent", "busy"])
def test_at_the_start_it_is_not_waited_for(trouble: str) -> None:
    world = World()
    card = world.kept()
    world.present, world.busy = trouble != "absent", trouble == "busy"
    begun_s = world.now_s
    with pytest.raises(AudioError):
        card.start()
    assert world.now_s == begun_s


@pytest.mark.parametrize("trouble", ["absent", "busy"])
def test_unless_it_is_asked_to(trouble: str) -> None:
    world = World()
    card = world.kept(start_within_s=10.0)
    world.present, world.busy = trouble != "absent", trouble == "busy"
    world.later(4.0, "plug")
    world.later(4.0, "free")
    card.start()
    assert blocks(card, 1)[0].sample == 0
    assert world.news == []


def test_waiting_has_an_end() -> None:
    world = World()
    world.present = False
    begun_s = world.now_s
    with pytest.raises(NoCardError):
        wait_for_card(world.open, 3.0, clock_s=lambda: world.now_s, wait=world.pass_time)
    assert world.now_s - begun_s == pytest.approx(3.0, abs=0.4)


def test_waiting_ends_as_soon_as_nobody_wants_the_card_any_more() -> None:
    world = World()
    world.present = False
    asked_s = world.now_s + 3.0
    with pytest.raises(WaitEndedError):
        wait_for_card(
            world.open, 600.0, clock_s=lambda: world.now_s, wait=world.pass_time, ended=lambda: world.now_s >= asked_s
        )
    assert world.now_s == pytest.approx(asked_s, abs=0.4)


def test_a_card_that_is_there_by_then_is_not_waited_for_and_so_nothing_ends() -> None:
    world = World()
    assert wait_for_card(world.open, 600.0, ended=lambda: True) is world.made[0]


def test_so_does_the_start_of_a_kept_card() -> None:
    world = World()
    card = world.kept(start_within_s=600.0)
    world.busy = True
    asked_s = world.now_s + 3.0
    card.watch(lambda *_: None, lambda *_: None, ended=lambda: world.now_s >= asked_s)
    with pytest.raises(WaitEndedError):
        card.start()
    assert world.now_s == pytest.approx(asked_s, abs=0.4)
    card.stop()


def test_a_card_that_is_stopped_while_it_is_waited_for_is_waited_for_no_longer() -> None:
    world = World()
    card = world.kept(start_within_s=600.0)
    world.busy = True
    begun_s = world.now_s
    world.do = card.stop
    world.later(3.0, "do")
    with pytest.raises(WaitEndedError):
        card.start()
    assert world.now_s - begun_s == pytest.approx(3.0, abs=0.4)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["unplug", "freeze", "play", "flush"]), st.floats(0.01, 4.0)), max_size=12))
def test_the_clock_and_the_positions_never_go_back(script: list[tuple[str, float]]) -> None:
    world = World()
    card = world.kept()
    card.start()
    samples, positions, spans = [-160], [0], [0]

    def listen(seconds: float) -> None:
        until_s = world.now_s + seconds
        while world.now_s < until_s:
            block = card.read(0.05)
            if block is not None:
                samples.append(block.sample)
                positions.extend((block.played.start, block.played.end))

    for action, seconds in script:
        match action:
            case "unplug":
                world.unplug()
                world.later(seconds, "plug")
            case "freeze":
                world.frozen = True
                world.later(seconds, "thaw")
            case "play":
                span = card.play(np.ones(round(seconds * 1000), np.int16))
                spans.extend((span.start, span.end))
            case "flush":
                card.flush()
        listen(seconds / 2)
    begun_s = world.now_s
    listen(12.0)
    assert all(b - a >= BLOCK_SAMPLES for a, b in itertools.pairwise(samples))
    assert positions == sorted(positions)
    assert spans == sorted(spans)
    assert positions[-1] <= spans[-1]
    assert world.now_s - begun_s > 0
    assert [kind for kind, _ in world.news] == ["lost", "back"] * (len(world.news) // 2)
    assert samples[-1] / 16_000 == pytest.approx(world.now_s - 100.0, abs=0.05 + 0.02 * len(world.news))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a journal has of it."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def tries(card: KeptCard, world: World, *errors: Exception) -> None:
    """One try to open the card for each of `errors`, which ends it."""
    coming = list(errors)

    def fails() -> Card:
        raise coming.pop(0)

    card._open = fails
    while coming:
        card.read(0.01)
    card._open = world.open


def test_why_it_does_not_come_back_is_said_once_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    card = world.kept()
    card.start()
    for _ in range(2):  # with each loss anew
        blocks(card, 1)
        caplog.clear()
        world.unplug()
        away, broken, busy = NoCardError("it is gone"), AudioError("no memory", hint="find some"), AudioError("busy")
        tries(card, world, away, away, broken, broken, busy, broken, away)
        assert said(caplog) == [f"{card.name} is not back yet: {why}" for why in ("no memory (find some)", "busy")]
        world.plug()


def test_that_it_is_just_not_there_is_no_news_but_anything_else_is(caplog: pytest.LogCaptureFixture) -> None:
    for first, news in ((NoCardError("it is gone"), []), (OSError("disk full"), ["card 0 is not back yet: disk full"])):
        world = World()
        card = world.kept()
        card.start()
        blocks(card, 1)
        caplog.clear()
        world.unplug()
        tries(card, world, first, first)
        assert said(caplog) == news


def test_reasons_without_end_do_not_fill_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    card = world.kept()
    card.start()
    blocks(card, 1)
    world.unplug()
    tries(card, world, *(AudioError(f"process {number} holds it") for number in range(100)))
    assert 5 <= len(said(caplog)) <= 20


def test_at_the_start_only_another_reason_is_news(caplog: pytest.LogCaptureFixture) -> None:
    """The first one is said by who begins to wait."""
    world = World()
    reasons = [AudioError("busy"), AudioError("busy"), AudioError("no memory"), AudioError("busy")]

    def opened() -> Card:
        if reasons:
            raise reasons.pop(0)
        return world.open()

    wait_for_card(opened, 10.0, clock_s=lambda: world.now_s, wait=world.pass_time)
    assert said(caplog) == ["the sound card is waited for: no memory"]
