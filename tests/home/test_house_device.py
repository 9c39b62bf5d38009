"""What the house is told and what it may wish for, without a network."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config.home import MqttSettings
from device.dialogue.events import Commit, Event, Mute, SpeechStart, StateChange
from device.home.discovery import Message, Topics, device_id
from device.home.house_device import Announce, HouseDevice, SetMute, SetVolume
from device.home.outbox import MOST_UNWRITTEN, Outbox

TOPICS = Topics("nearfield", "kitchen")


def device(**settings: object) -> HouseDevice:
    return HouseDevice(
        MqttSettings.model_validate({"host": "x", **settings}), TOPICS, version="1", muted=False, volume_percent=50
    )


@pytest.mark.parametrize(
    ("name", "payload", "wish"),
    [
        ("mute", b"ON", SetMute(True)),
        ("mute", b" off\n", SetMute(False)),
        ("mute", b"yes", None),
        ("volume", b"0", SetVolume(0)),
        ("volume", b"100.0", SetVolume(100)),
        ("volume", b"49.6", SetVolume(50)),
        ("volume", b"100.4", None),
        ("volume", b"-1", None),
        ("volume", b"nan", None),
        ("volume", b"1_0", None),
        ("volume", "٣".encode(), None),
        ("volume", b"", None),
        ("announce", "Das Essen ist fertig: Äpfel.".encode(), Announce("Das Essen ist fertig: Äpfel.")),
        ("announce", b"one\x00two\x1b[31m\nthree", Announce("one two [31m three")),
        ("announce", b" \n\t ", None),
        ("announce", b"\xff", None),
        ("announce", b"x" * 1_001, None),
        ("state", b"idle", None),
    ],
)
def test_wishes(name: str, payload: bytes, wish: object) -> None:
    assert device().asked(TOPICS.command(name), payload, retained=False) == wish
    assert device().asked(TOPICS.command(name), payload, retained=True) is None


def test_no_announcements_where_the_owner_wants_none() -> None:
    house = device(announce=False)
    assert house.asked(TOPICS.command("announce"), b"Hello", retained=False) is None
    assert TOPICS.command("announce") not in house.subscriptions
    # nothing but its platform: Home Assistant takes the entity away
    assert json.loads(house.everything()[0].payload)["components"]["announce"] == {"platform": "notify"}


def test_what_was_said_stays_here_unless_the_owner_says_otherwise() -> None:
    said = Commit(0, 1, "the password is tulip", "complete")
    assert device().on_event(said) == []
    assert Message(TOPICS.state("transcript"), "") in device().everything()  # and what was there goes
    assert device(transcript=True).on_event(said) == [Message(TOPICS.state("transcript"), said.text)]
    [cut] = device(transcript=True).on_event(Commit(0, 1, "x" * 300, "complete"))
    assert len(cut.payload) == 255


def test_only_what_changes_is_published() -> None:
    house = device()
    assert house.on_event(StateChange(0, 1, "idle")) == []
    assert house.on_event(StateChange(0, 1, "thinking")) == [Message(TOPICS.state("state"), "thinking")]
    assert house.on_event(Mute(0, 1, True)) == [Message(TOPICS.state("mute"), "ON")]
    assert house.on_event(SpeechStart(0, 1, 0)) == []
    assert house.volume(50) == []
    assert house.volume(51) == [Message(TOPICS.state("volume"), "51")]
    assert Message(TOPICS.state("state"), "thinking") in house.everything()
    assert house.everything()[-1].payload == "online"  # when all else is there


@given(
    st.sampled_from([TOPICS.command(name) for name in ("mute", "volume", "announce", "state")]) | st.text(),
    st.binary(max_size=5_000) | st.text(max_size=1_500).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.booleans(),
)
def test_whatever_comes_in_is_a_sound_wish_or_none(topic: str, payload: bytes, retained: bool) -> None:
    wish = device().asked(topic, payload, retained=retained)
    match wish:
        case SetVolume(percent):
            assert 0 <= percent <= 100
        case Announce(text):
            assert text.isprintable()
            assert 0 < len(text) <= 1_000
    assert not (retained and wish)


def test_the_id_is_the_machines_and_does_not_show_it(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    made = device_id(MqttSettings(), machine)
    assert made == device_id(MqttSettings(), machine) != device_id(MqttSettings(), tmp_path / "none")
    assert "0123" not in made
    assert device_id(MqttSettings(device_id="hall"), machine) == "hall"


EVENTS = st.sampled_from(["idle", "listening", "thinking", "speaking"]).map(lambda s: StateChange(0, 1, s))


@given(st.lists(st.tuples(st.sampled_from(["event", "take", "written", "lost", "connected"]), EVENTS), max_size=80))
def test_the_broker_always_ends_up_with_the_newest(steps: list[tuple[str, Event]]) -> None:
    """Whatever happens in between: once all is written, the broker knows what the device knows."""
    house, outbox = device(), Outbox()
    known: dict[str, str] = {}
    numbers: list[int] = []
    for i, (what, event) in enumerate([*steps, ("connected", StateChange(0, 1, "idle"))]):
        if what == "event":
            outbox.put(house.on_event(event))
        elif what == "take":
            message = outbox.take()
            if message is not None:
                known[message.topic] = message.payload
                outbox.sent(i)
                numbers.append(i)
        elif what == "written" and numbers:
            outbox.written(numbers.pop(0))
        elif what == "lost":
            outbox.lost()
            assert outbox.take() is None
        elif what == "connected":
            outbox.connected(house.everything())
        assert len(outbox) <= 6
        assert len(numbers) <= MOST_UNWRITTEN or what in {"lost", "connected", "take"}
    number = 1_000
    while not outbox.empty:
        message = outbox.take()
        assert message is not None
        known[message.topic] = message.payload
        outbox.sent(number)
        outbox.written(number)
        number += 1
    assert known == {message.topic: message.payload for message in house.everything()}


def test_a_network_that_does_not_take_anything_holds_back_few() -> None:
    outbox = Outbox()
    outbox.connected([])
    for i in range(1_000):
        outbox.put([Message(f"topic/{i % 50}", str(i))])
        if outbox.take() is not None:
            outbox.sent(i)
    assert len(outbox) == 50
    assert outbox.take() is None
    outbox.written(12345)  # somebody else's
    assert outbox.take() is None
