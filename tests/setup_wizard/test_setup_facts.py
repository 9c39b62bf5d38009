"""What the wizard finds on a machine."""

from pathlib import Path

import pytest

from device.audio.devices import DeviceInfo
from device.cli import setup_facts
from device.config import Settings


def card(index: int, name: str, ins: int, outs: int, usb_id: str = "") -> DeviceInfo:
    return DeviceInfo(index, name, "ALSA", ins, outs, 48_000, False, False, usb_id)


def with_cards(monkeypatch: pytest.MonkeyPatch, *devices: DeviceInfo) -> None:
    monkeypatch.setattr(setup_facts, "list_devices", lambda: list(devices))


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/meminfo": "MemFree: 1 kB\nMemTotal:        8245676 kB\n",
        "etc/timezone": "Europe/Vienna\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_card_is_named_by_what_stays_after_a_restart(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    with_cards(
        monkeypatch,
        card(0, "bcm2835 Headphones: - (hw:0,0)", 0, 2),
        card(1, "USB PnP: Audio (hw:1,0)", 1, 2, "0d8c:0014"),
        card(2, "Twin: - (hw:2,0)", 1, 0),
        card(3, "Twin: - (hw:3,0)", 1, 0),
        card(4, "null", 32, 32),
    )
    facts = setup_facts.gather(Settings(), machine)
    assert [choice.value for choice in facts.microphones] == [
        "auto", "usb:0d8c:0014", "Twin: - (hw:2,0)", "Twin: - (hw:3,0)", "none",
    ]  # fmt: skip
    assert [choice.value for choice in facts.loudspeakers] == ["auto", "bcm2835 Headphones", "usb:0d8c:0014", "none"]
    assert facts.microphones[0].label == "now USB PnP: Audio (hw:1,0)"
    assert facts.no_card == ""


def test_without_a_card_it_says_why(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    with_cards(monkeypatch)
    facts = setup_facts.gather(Settings(), machine)
    assert facts.microphones == facts.loudspeakers == ()
    assert facts.no_card.startswith("no microphone: ")


def test_a_loudspeaker_without_a_microphone(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    with_cards(monkeypatch, card(0, "DAC: - (hw:0,0)", 0, 2))
    facts = setup_facts.gather(Settings(), machine)
    assert [choice.value for choice in facts.microphones] == ["none"]
    assert [choice.value for choice in facts.loudspeakers] == ["auto", "DAC", "none"]


def test_board_memory_and_time_zone(monkeypatch: pytest.MonkeyPatch, machine: Path, tmp_path: Path) -> None:
    with_cards(monkeypatch)
    facts = setup_facts.gather(Settings(), machine)
    assert (facts.board, facts.header, facts.memory_mb) == ("Raspberry Pi 5 Model B Rev 1.0", True, 8443)
    assert "okay_nabu" in facts.wake_words
    assert facts.cores > 0
    assert setup_facts.time_zone(machine) == "Europe/Vienna"
    bare = tmp_path / "bare"
    bare.mkdir()
    facts = setup_facts.gather(Settings(), bare)
    assert (facts.board, facts.header, facts.memory_mb) == ("", False, 0)
    assert setup_facts.time_zone(bare) == ""


def test_a_time_zone_by_its_link(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
    assert setup_facts.time_zone(tmp_path) in ("America/New_York", "US/Eastern")
