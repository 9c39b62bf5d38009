"""Choosing a device by what a person writes into the configuration."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device.audio.devices import DeviceInfo, choose_input, choose_output, list_devices, rescan
from device.audio.host import portaudio
from device.errors import AudioError, NoCardError

USB = DeviceInfo(0, "USB PnP Sound Device: Audio (hw:1,0)", "ALSA", 1, 2, 44_100, False, False)
USB2 = DeviceInfo(1, "USB Speaker: Audio (hw:2,0)", "ALSA", 0, 2, 48_000, False, False)
ARRAY = DeviceInfo(2, "USB Microphone Array: (hw:3,0)", "ALSA", 6, 0, 16_000, False, False)
DEFAULT = DeviceInfo(3, "default", "ALSA", 128, 128, 44_100, True, True)
ALL = [USB, USB2, ARRAY, DEFAULT]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("auto", DEFAULT),
        ("", DEFAULT),
        ("0", USB),
        (" 2 ", ARRAY),
        ("pnp", USB),
        ("Array", ARRAY),
        ("default", DEFAULT),
    ],
)
def test_microphones(wanted: str, expected: DeviceInfo) -> None:
    assert choose_input(wanted, ALL) == expected


def test_auto_without_a_default_takes_the_first() -> None:
    assert choose_output("auto", [dataclasses.replace(d, default_output=False) for d in ALL]) == USB


def test_an_exact_name_beats_names_that_contain_it() -> None:
    sysdefault = dataclasses.replace(DEFAULT, index=9, name="sysdefault")
    assert choose_input("default", [sysdefault, DEFAULT]) == DEFAULT


@pytest.mark.parametrize("wanted", ["1", "7", "bluetooth"])
def test_what_is_not_a_microphone_is_named_with_what_there_is(wanted: str) -> None:
    with pytest.raises(NoCardError, match="2 USB Microphone Array") as caught:
        choose_input(wanted, ALL)
    assert "audio.input" in caught.value.hint


def test_an_ambiguous_name_lists_its_meanings() -> None:
    with pytest.raises(NoCardError, match=r"2 loudspeakers are called 'usb': 0 USB PnP.*; 1 USB Speaker") as caught:
        choose_output("usb", ALL)
    assert "audio.output" in caught.value.hint


def test_no_card_at_all() -> None:
    with pytest.raises(NoCardError, match="no microphone"):
        choose_input("auto", [])


def run_without_card(code: str) -> subprocess.CompletedProcess[str]:
    """PortAudio looks for cards once, when it starts: a process of its own."""
    env = {key: value for key, value in os.environ.items() if key != "ALSA_CONFIG_PATH"}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True, timeout=60, check=False
    )


def has_kernel_sound() -> bool:
    return Path("/proc/asound/cards").exists()


@pytest.mark.skipif(has_kernel_sound(), reason="this machine has a sound card of its own")
def test_listing_nothing_is_a_result_and_clean() -> None:
    listed = run_without_card("from device.cli.devices_command import devices; devices()")
    assert listed.returncode == 0
    assert listed.stdout.startswith("no sound card found")
    assert listed.stderr == ""
    as_json = run_without_card("from device.cli.devices_command import devices; devices(as_json=True)")
    assert json.loads(as_json.stdout) == []


@pytest.mark.skipif(has_kernel_sound(), reason="this machine has a sound card of its own")
def test_opening_nothing_is_one_clear_error() -> None:
    opened = run_without_card(
        "from device.audio.portaudio import PortAudioCard\n"
        "from device.errors import NoCardError\n"
        "try: PortAudioCard()\n"
        "except NoCardError as e: print(e.message)",
    )
    assert opened.stdout.startswith("no microphone")
    assert opened.stderr == ""


@pytest.fixture
def sounddevice() -> Iterator[Any]:
    """PortAudio itself; it runs again afterwards, whatever the test has made of it."""
    sd = portaudio()
    initialize = sd._initialize
    yield sd
    sd._initialize = initialize
    if not sd._initialized:
        initialize()


def test_a_rescan_that_failed_once_does_not_fail_for_good(sounddevice: Any) -> None:
    """PortAudio was ended and could not be begun again; who ends it a second time is told that it does not run."""
    initialize = sounddevice._initialize

    def fails() -> None:
        raise sounddevice.PortAudioError("Error initializing PortAudio: Insufficient memory", -9992)

    sounddevice._initialize = fails
    for _ in range(2):
        with pytest.raises(AudioError, match="Insufficient memory"):
            rescan()
    sounddevice._initialize = initialize
    assert rescan() == list_devices()
