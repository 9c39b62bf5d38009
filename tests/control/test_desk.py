"""One desk for all who ask from outside: exactly what may be asked, and how it stands."""

import json
from typing import Literal

import pytest
from desk_kit import FakeAssistant, FakeControls
from hypothesis import given
from hypothesis import strategies as st

from device.control.desk import ControlDesk
from device.control.feed import MOST_ONLOOKERS, MOST_WAITING, Feed, TooManyError
from device.control.status import LiveStatus
from device.control.wishes import Say, SetVolume, WishError, wish_in
from device.dialogue import events as ev
from device.errors import NearfieldError


def test_each_wish_does_its_thing() -> None:
    assistant, controls = FakeAssistant(), FakeControls()
    desk = ControlDesk(assistant, controls)
    assert desk.obey(wish_in({"do": "mute"})) == {"muted": True, "volume_percent": 50}
    assert desk.obey(wish_in({"do": "unmute"}))["muted"] is False
    assert desk.obey(wish_in({"do": "volume", "percent": 0}))["volume_percent"] == 0
    assert desk.obey(wish_in({"do": "louder"}))["volume_percent"] == 10
    assert desk.obey(wish_in({"do": "softer"}))["volume_percent"] == 0
    for wish in ({"do": "say", "text": " Dinner\nis ready. "}, {"do": "stop"}, {"do": "press"}, {"do": "release"}):
        desk.obey(wish_in(wish))
    assert assistant.calls == [("announce", "Dinner is ready."), "hush", "press", "release"]
    with pytest.raises(NearfieldError, match="cannot begin anew"):
        desk.obey(wish_in({"do": "reload"}))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (None, "a wish is a JSON object"),
        ([], "a wish is a JSON object"),
        ({}, "Unable to extract tag using discriminator 'do'"),
        ({"do": "dance"}, "Input tag 'dance'"),
        ({"do": "volume"}, "volume: percent: Field required"),
        ({"do": "volume", "percent": "40"}, "volume: percent: Input should be a valid integer"),
        ({"do": "volume", "percent": 101}, "less than or equal to 100"),
        ({"do": "volume", "percent": True}, "valid integer"),
        ({"do": "say", "text": " \n "}, "say: text: it holds no text"),
        ({"do": "say", "text": "x" * 1001}, "at most 1000 characters"),
        ({"do": "mute", "now": 1}, "mute: now: Extra inputs are not permitted"),
    ],
)
def test_what_is_no_wish_is_refused_in_one_line(data: object, line: str) -> None:
    with pytest.raises(WishError) as caught:
        wish_in(data)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["do", "text", "percent", "x"]), _JSON | st.sampled_from(["say", "volume"])))
def test_whatever_comes_in_it_is_a_wish_or_refused(data: dict[str, object]) -> None:
    try:
        wish = wish_in(data)
    except WishError as error:
        assert str(error).strip()
        return
    assert wish.do == data["do"]
    assert not isinstance(wish, SetVolume) or 0 <= wish.percent <= 100
    assert not isinstance(wish, Say) or wish.text.strip()


def test_status_follows_the_conversation() -> None:
    desk = ControlDesk(FakeAssistant(), FakeControls())
    desk.add_status(lambda: {"version": "1"})
    for event in (
        ev.SpeechStart(0, 1, 0),
        ev.StateChange(0, 1, "listening"),
        ev.Partial(10, 1, "set a timer for", "set a"),
        ev.MicTrouble(11, 1, "silent", False, "it is silent"),
    ):
        desk.on_event(event)
    status = desk.status()
    assert status["state"] == "listening"
    assert status["hearing"] == {"stable": "set a", "unstable": " timer for"}
    assert status["trouble"] == {"microphone": "it is silent"}
    assert status["version"] == "1"
    json.dumps(status)
    desk.on_event(ev.MicTrouble(12, 1, "silent", True, ""))
    desk.on_event(ev.Commit(13, 1, "Set a timer for tea.", "complete"))
    desk.on_event(ev.Clause(14, 1, 0, "For how long?"))
    desk.on_event(ev.PlayoutEnd(15, 1, "For how long?", "For how"))
    status = desk.status()
    assert status["trouble"] == {}
    assert status["last"] == {"heard": "Set a timer for tea.", "said": "For how", "error": ""}
    assert status["turns"] == 1
    assert [trace.turn for trace in desk.traces()] == [1]
    assert "timer" not in json.dumps(desk.status(words=False))


def test_of_two_troubles_of_the_microphone_the_end_of_one_leaves_the_other() -> None:
    status = LiveStatus()

    def told(kind: Literal["silent", "stuck", "clipping", "swapped"], over: bool) -> str | None:
        status.on_event(ev.MicTrouble(0, 0, kind, over, f"it is {kind}"))
        return status.trouble.get("microphone")

    assert told("clipping", False) == "it is clipping"
    assert told("swapped", False) == "it is clipping; it is swapped"
    assert told("swapped", False) == "it is clipping; it is swapped"
    assert told("clipping", True) == "it is swapped"
    assert told("silent", True) == "it is swapped"
    assert told("swapped", True) is None


def test_a_slow_onlooker_loses_the_oldest_and_nobody_waits() -> None:
    feed, woken = Feed(), list[int]()
    with feed.subscribe(lambda: woken.append(1)) as mine:
        for number in range(MOST_WAITING + 3):
            feed.publish({"n": number})
        items = mine.take()
        assert [item["n"] for item in items] == list(range(3, MOST_WAITING + 3))
        assert mine.lost == 3
        assert len(woken) == MOST_WAITING + 3
        assert mine.take() == []
    assert not feed.watched
    feed.publish({"n": 0})
    assert mine.take() == []


def test_onlookers_are_bounded() -> None:
    feed = Feed()
    mine = [feed.subscribe() for _ in range(MOST_ONLOOKERS)]
    with pytest.raises(TooManyError):
        feed.subscribe()
    mine[0].close()
    feed.subscribe()
