"""Cards by USB id, pairs of cards, and machines that lack one direction."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.audio import negotiate, portaudio
from device.audio.devices import DeviceInfo, choose_input, choose_output, choose_pair, same_clock, usb_id_of
from device.audio.negotiate import settle, supported_rates
from device.audio.portaudio import PortAudioCard
from device.audio.two_cards import TwoCards
from device.errors import AudioError, NoCardError


def info(index: int, name: str, inputs: int, outputs: int, usb_id: str = "", *, default: bool = False) -> DeviceInfo:
    return DeviceInfo(index, name, "ALSA", inputs, outputs, 48_000, default, default, usb_id)


HDMI = info(0, "vc4-hdmi-0: MAI PCM (hw:0,0)", 0, 2)
HEADSET = info(1, "USB Audio: - (hw:1,0)", 1, 2, "0d8c:0014")
HEADSET_2 = info(2, "USB Audio: #1 (hw:1,1)", 1, 2, "0d8c:0014")
ARRAY = info(3, "ReSpeaker 4 Mic Array: USB Audio (hw:2,0)", 6, 0, "2886:0018")
DUMMY = info(4, "Dummy: PCM (hw:9,0)", 2, 2, default=True)
SYSTEM = info(5, "default", 32, 32, default=True)


@pytest.fixture
def sys_class(tmp_path: Path) -> Path:
    """Card 1 on USB, laid out as the kernel does; card 0 on the SoC."""
    interface = tmp_path / "devices/usb1/1-1/1-1:1.0"
    interface.mkdir(parents=True)
    (interface.parent / "idVendor").write_text("0D8C\n")
    (interface.parent / "idProduct").write_text("0014\n")
    (tmp_path / "devices/soc").mkdir()
    for card, target in ((0, tmp_path / "devices/soc"), (1, interface)):
        folder = tmp_path / f"class/card{card}"
        folder.mkdir(parents=True)
        (folder / "device").symlink_to(target)
    return tmp_path / "class"


@pytest.mark.parametrize(
    ("name", "usb_id"),
    [
        (HEADSET.name, "0d8c:0014"),
        (HEADSET_2.name, "0d8c:0014"),
        (HDMI.name, ""),
        (ARRAY.name, ""),
        ("default", ""),
    ],
)
def test_usb_ids_are_looked_up(sys_class: Path, name: str, usb_id: str) -> None:
    assert usb_id_of(name, sys_class) == usb_id


@pytest.mark.parametrize("wanted", ["usb:0d8c:0014", " USB:0D8C:0014 "])
def test_a_usb_id_finds_the_first_device_of_its_card(wanted: str) -> None:
    assert choose_input(wanted, [HDMI, HEADSET, HEADSET_2, ARRAY]) == HEADSET


def test_a_usb_id_finds_the_card_under_another_number() -> None:
    renumbered = dataclasses.replace(HEADSET, index=7, name="USB Audio: - (hw:3,0)")
    assert choose_output("usb:0d8c:0014", [HDMI, ARRAY, renumbered]) == renumbered


def test_two_cards_of_one_kind_are_ambiguous() -> None:
    twin = dataclasses.replace(HEADSET, index=8, name="USB Audio: - (hw:4,0)")
    with pytest.raises(NoCardError, match=r"2 microphones.*usb:0d8c:0014"):
        choose_input("usb:0d8c:0014", [HEADSET, twin])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("usb:1234:5678", "no microphone is called"), ("usb:d8c:14", "is no USB id"), ("usb:", "is no USB id")],
)
def test_a_usb_id_that_is_not_there_is_said(wanted: str, message: str) -> None:
    with pytest.raises(NoCardError, match=message) as caught:
        choose_input(wanted, [HEADSET])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("devices", "wanted", "expected"),
    [
        ([HDMI, ARRAY, HEADSET], ("auto", "auto"), (HEADSET, HEADSET)),  # one card with both directions first
        ([HEADSET, SYSTEM], ("auto", "auto"), (SYSTEM, SYSTEM)),  # a sound server is the system's default
        ([DUMMY, HEADSET], ("auto", "auto"), (HEADSET, HEADSET)),  # default or not, nobody hears a dummy
        ([DUMMY, HDMI, ARRAY], ("auto", "auto"), (ARRAY, HDMI)),
        ([DUMMY], ("auto", "auto"), (DUMMY, DUMMY)),
        ([HDMI, HEADSET, SYSTEM], ("usb:0d8c:0014", "auto"), (HEADSET, HEADSET)),  # beside the one that was named
        ([HDMI, HEADSET, SYSTEM], ("", "1"), (HEADSET, HEADSET)),
        ([HDMI, ARRAY], ("ReSpeaker", "hdmi"), (ARRAY, HDMI)),
        ([ARRAY], ("auto", "auto"), (ARRAY, None)),
        ([HDMI], ("auto", "auto"), (None, HDMI)),
        ([HEADSET], ("auto", "none"), (HEADSET, None)),
        ([HEADSET], ("None", "auto"), (None, HEADSET)),
    ],
)
def test_pairs(
    devices: list[DeviceInfo], wanted: tuple[str, str], expected: tuple[DeviceInfo | None, DeviceInfo | None]
) -> None:
    assert choose_pair(*wanted, devices) == expected


@pytest.mark.parametrize(
    ("devices", "wanted"), [([], ("auto", "auto")), ([ARRAY], ("auto", "hdmi")), ([HEADSET], ("none", "none"))]
)
def test_pairs_that_cannot_be(devices: list[DeviceInfo], wanted: tuple[str, str]) -> None:
    with pytest.raises(NoCardError):
        choose_pair(*wanted, devices)


@pytest.mark.parametrize(("to_play", "kind"), [(True, "loudspeaker"), (False, "microphone")])
def test_where_there_is_nothing_it_names_what_was_needed(
    to_play: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoCardError, match=f"no {kind}: "):
        choose_pair("auto", "auto", [], to_play=to_play)
    monkeypatch.setattr(portaudio, "list_devices", list)
    with pytest.raises(NoCardError, match=f"no {kind}: "):
        PortAudioCard(mic_optional=to_play)


def test_devices_of_one_card_share_its_clock() -> None:
    assert same_clock(HEADSET, HEADSET_2)
    assert same_clock(SYSTEM, SYSTEM)
    assert not same_clock(ARRAY, HDMI)
    assert not same_clock(SYSTEM, HEADSET)


Takes = Callable[[DeviceInfo, int, str, int], bool]  # device, channels, format, rate


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[DeviceInfo], Takes], None]:
    """A machine with these devices, each of which opens with what `takes` says."""

    def give(devices: list[DeviceInfo], takes: Takes) -> None:
        def check(_kind: str, device: DeviceInfo, channels: int, sample_format: str, rate_hz: int) -> None:
            if not takes(device, channels, sample_format, rate_hz):
                raise NoCardError(f"{device.name} does not take {channels} {sample_format} {rate_hz}")

        monkeypatch.setattr(negotiate, "_check", check)
        monkeypatch.setattr(portaudio, "list_devices", lambda: devices)

    return give


def test_the_first_rate_the_fewest_channels_and_the_first_format_win(cards: Any) -> None:
    cards([], lambda _device, channels, fmt, rate: channels >= 2 and fmt == "int32" and rate == 96_000)
    device = dataclasses.replace(HEADSET, input_channels=4)
    mic, speaker = settle(device, device)
    assert mic is not None
    assert speaker is not None
    assert (mic.rate_hz, mic.channels, mic.sample_format) == (96_000, 2, "int32")
    assert (speaker.rate_hz, speaker.channels, speaker.sample_format) == (96_000, 2, "int32")


def test_a_card_that_takes_nothing_is_refused_with_the_reason(cards: Any) -> None:
    cards([HEADSET], lambda *_: False)
    with pytest.raises(NoCardError, match="does not take"):
        settle(HEADSET, None)
    with pytest.raises(NoCardError, match="no rate suits both"):
        settle(HEADSET, HEADSET)
    assert supported_rates(HEADSET) == []


def test_supported_rates_rise(cards: Any) -> None:
    cards([HEADSET], lambda _device, _channels, _fmt, rate: rate in (48_000, 11_025, 16_000))
    assert supported_rates(HEADSET) == [11_025, 16_000, 48_000]


def test_a_busy_card_shows_no_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise AudioError("busy")

    monkeypatch.setattr(negotiate, "_check", busy)
    assert supported_rates(HEADSET) == []


def test_two_cards_run_at_rates_of_their_own(cards: Any) -> None:
    cards([ARRAY, HDMI], lambda device, channels, _, rate: rate == (16_000 if device is ARRAY else 44_100) and channels)
    card = PortAudioCard(mic_channel=1, reference_channel=5)
    assert not card.one_clock
    assert card.rate_hz == 16_000
    assert isinstance(card._duplex, TwoCards)
    assert card._duplex.loudspeaker.rate_hz == 44_100
    assert card._duplex.microphone.core.channels_in == 6
    assert card.drift_ppm == 0
    assert card.missing == ""


def test_a_headset_with_no_common_rate_gets_two_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(kind: str, _device: DeviceInfo, _channels: int, _format: str, rate_hz: int) -> None:
        if rate_hz != {"input": 16_000, "output": 48_000}[kind]:
            raise NoCardError(f"not {rate_hz}")

    monkeypatch.setattr(negotiate, "_check", check)
    monkeypatch.setattr(portaudio, "list_devices", lambda: [HEADSET])
    card = PortAudioCard()
    assert card.one_clock
    assert isinstance(card._duplex, TwoCards)
    with pytest.raises(NoCardError, match="not 44100"):
        PortAudioCard(rate_hz=44_100)


def test_a_format_can_be_forced(cards: Any) -> None:
    cards([HEADSET], lambda _device, _channels, fmt, _rate: fmt != "int32")
    card = PortAudioCard(sample_format="float32")
    assert (card._mic.sample_format, card._speaker.sample_format) == ("float32", "float32")  # type: ignore[union-attr]
    with pytest.raises(NoCardError, match="int32"):
        PortAudioCard(sample_format="int32")


def test_only_a_microphone_goes_on_without_sound(cards: Any) -> None:
    cards([ARRAY], lambda *_: True)
    card = PortAudioCard()
    assert card.missing.startswith("no loudspeaker: ReSpeaker")
    assert card.name == ARRAY.name
    assert card.one_clock
    assert card.drift_ppm is None


def test_only_a_loudspeaker_is_an_error_unless_one_wants_to_play(cards: Any) -> None:
    cards([HDMI], lambda *_: True)
    with pytest.raises(NoCardError, match=r"no microphone: vc4-hdmi-0.*nothing can be heard") as caught:
        PortAudioCard()
    assert caught.value.exit_status != 0
    assert "plug in a microphone" in caught.value.hint
    card = PortAudioCard(mic_optional=True)
    assert card.missing
    assert card.rate_hz == 16_000


def test_playing_needs_a_loudspeaker(cards: Any) -> None:
    cards([ARRAY], lambda *_: True)
    with pytest.raises(NoCardError, match="no loudspeaker"):
        PortAudioCard(mic_optional=True)


@pytest.mark.parametrize(("mic", "reference"), [(0, 0), (0, 8), (0, -2), (2, 2)])
def test_a_reference_that_cannot_be(cards: Any, mic: int, reference: int) -> None:
    cards([ARRAY], lambda *_: True)
    with pytest.raises(NoCardError, match="cannot be the reference"):
        PortAudioCard(mic_channel=mic, reference_channel=reference)


def test_a_reference_channel_that_the_card_lacks(cards: Any) -> None:
    cards([HEADSET], lambda *_: True)
    with pytest.raises(NoCardError, match="channel 5 is not there"):
        PortAudioCard(reference_channel=5)


@pytest.mark.parametrize("wanted", ["ReSpeeker", "respaker", "arry"])
def test_a_misspelt_name_shows_the_nearest(wanted: str) -> None:
    with pytest.raises(NoCardError) as caught:
        choose_input(wanted, [HEADSET, ARRAY])
    assert f"did you mean '{ARRAY.name}'" in caught.value.hint
