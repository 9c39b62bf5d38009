"""Faults between the air and the program: card, mixer, microphone, what was left muted, pins.

for fault in SOUND_FAULTS: fault.plant(device)
"""

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from device_fault import Fault
from healthy_device import MIXER, HealthyDevice
from pretended_card import CARD, room_noise

from device.gpio.driver import driver
from models.protocols import SAMPLE_RATE_HZ

THIS = f'input = "{CARD}"\noutput = "{CARD}"\n'  # not "default", which converts


def _offset(device: HealthyDevice, share: float) -> None:
    device.microphone((room_noise(3.0) + int(share * 32768)).astype(np.int16))


def _clip(device: HealthyDevice) -> None:
    loud = np.random.default_rng(5).normal(0, 30_000, 3 * SAMPLE_RATE_HZ)
    device.microphone(np.clip(loud, -32768, 32767).astype(np.int16))


def _pipewire(device: HealthyDevice) -> None:
    device.process(512, "pipewire", "/dev/snd/pcmC0D0p", "/dev/snd/pcmC0D0c")
    device.occupy()


def _no_gpio(device: HealthyDevice) -> None:
    device.configure("[gpio]\npush_to_talk_pin = 17\n")

    def absent(key: str) -> Any:
        with mock.patch.dict("sys.modules", {"RPi": None, "RPi.GPIO": None}):
            return driver(key)

    device.gpio = absent


def _said(name: str, **state: object) -> Callable[[HealthyDevice], None]:
    return lambda d: ((d.state_home / name).write_text(json.dumps(state), "utf-8") and None) or None


SOUND_FAULTS = (
    Fault("pipewire holds the card", _pipewire, "sound server", "failed", "systemctl --user stop pipewire"),
    Fault("no card", lambda d: d.unplug(), "card", "failed", "nearfield devices"),
    Fault("another name", lambda d: d.configure('[audio]\ninput = "ReSpeaker"\n'), "card", "failed", "audio.input"),
    Fault("busy card", lambda d: d.occupy(), "card", "failed", "nearfield devices"),
    Fault("wrong rate", lambda d: d.configure(f"[audio]\n{THIS}rate_hz = 44100\n"), "card", "failed", "audio.rate_hz"),
    Fault("no loudspeaker", lambda d: d.without_loudspeaker(), "card", "warning", "audio.output"),
    Fault(
        "muted in the mixer",
        lambda d: d.commands.update(amixer=MIXER.replace("Capture 28 [80%] [18.00dB] [on]", "Capture 28 [80%] [off]")),
        "mixer", "failed", "sset 'Mic' cap",
    ),
    Fault("silent microphone", lambda d: d.microphone(np.zeros(48_000, np.int16)), "microphone", "failed", "alsamixer"),
    Fault("offset", lambda d: _offset(d, 0.05), "microphone", "warning", "nearfield meter", "offset"),
    Fault("stuck microphone", lambda d: _offset(d, 0.5), "microphone", "failed", "cable"),
    Fault("clipping microphone", _clip, "microphone", "failed", "alsamixer", "clips"),
    Fault("card that stands still", lambda d: d.freeze(), "microphone", "failed", "plug", ""),
    Fault("never calibrated", lambda d: (d.state_home / "calibration.toml").unlink(), "echo", "warning",
          "nearfield calibrate"),
    Fault("left muted", _said("controls.json", muted=True, volume_db=0.0), "controls", "warning", "unmute"),
    Fault("left silent", _said("controls.json", muted=False, volume_db=None), "controls", "warning", "volume 70"),
    Fault("no GPIO", _no_gpio, "gpio", "failed", "./install.sh"),
)  # fmt: skip
