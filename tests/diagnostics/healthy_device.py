"""A device that is well, with what faults change of it.

    with HealthyDevice(tmp_path) as device:
        device.microphone(room_noise(3.0))
        findings = device.examine()

Files, sockets, databases, processes in /proc and commands of the system are below a folder, as on a real device; the
card and the models are pretended.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from unittest import mock

from pretended_assistant import RunningOne
from pretended_card import CARD, PretendedCard
from pretended_models import PretendedModels

from device.audio.devices import DeviceInfo
from device.audio.holders import Why
from device.diagnostics.doctor.checks import CHECKS
from device.diagnostics.doctor.examination import Check, Examination
from device.diagnostics.doctor.finding import Finding
from device.diagnostics.doctor.probe import Probe, Ran, Space, space_on, writable
from device.session.store import SessionStore
from models.protocols import Int16s

NOW = datetime(2027, 3, 4, 17, 30, tzinfo=UTC)

BOARD = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/meminfo": "MemTotal:        4046000 kB\nMemFree:          900000 kB\nMemAvailable:    3100000 kB\n",
    "proc/vmstat": "pgfault 12345\noom_kill 0\n",
    "proc/sys/kernel/osrelease": "6.12.25+rpt-rpi-2712\n",
    "proc/asound/cards": " 0 [vcard          ]: USB-Audio - vcard\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "52300\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/rtc/rtc0/name": "rpi-rtc\n",
}
MIXER = """Simple mixer control 'Speaker',0
  Capabilities: pvolume pswitch pswitch-joined
  Front Left: Playback 100 [66%] [-18.00dB] [on]
  Front Right: Playback 100 [66%] [-18.00dB] [on]
Simple mixer control 'Mic',0
  Capabilities: pvolume pswitch pswitch-joined cvolume cvolume-joined cswitch cswitch-joined
  Mono: Playback 0 [0%] [-23.00dB] [off] Capture 28 [80%] [18.00dB] [on]
Simple mixer control 'Auto Gain Control',0
  Mono: Playback [off]
"""
COMMANDS = {
    "timedatectl": "NTP=yes\nNTPSynchronized=yes\n",
    "systemctl": "LoadState=not-found\nActiveState=inactive\nSubState=dead\nNRestarts=0\n",
    "amixer": MIXER,
}


@dataclass
class HealthyDevice:
    """Everything as it should be, below `folder`; what a fault changes is a field or a method."""

    folder: Path
    sound: Any = field(default_factory=PretendedCard)
    models: Any = field(default_factory=PretendedModels)
    commands: dict[str, str | None] = field(default_factory=lambda: dict(COMMANDS))
    now: datetime = NOW
    space: Callable[[Path], Space] = space_on
    writable: Callable[[Path], str] = writable
    access: Callable[[Path], Why | None] = lambda _folder: None
    real_time: Callable[[], str] = lambda: ""
    gpio: Callable[[str], Any] = lambda _key: object()
    listen: bool = False

    def __post_init__(self) -> None:
        self.root, self.state, self.config_home = (self.folder / name for name in ("root", "state", "config"))
        self.config = self.folder / "nearfield.toml"
        self._open = ExitStack()
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        environment = {
            "XDG_STATE_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(self.config_home),
            "NEARFIELD_CONFIG": str(self.config),
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NEARFIELD_") and k != "RUNTIME_DIRECTORY"}
        self._open.enter_context(mock.patch.dict(os.environ, {**kept, **environment}, clear=True))
        for path, text in BOARD.items():
            self.write(path, text)
        self.configure()
        self.calibrate()
        store = SessionStore.open(self.database)
        with store.begin("assistant"):
            pass
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- what faults change

    @property
    def state_home(self) -> Path:
        return self.state / "nearfield"

    @property
    def database(self) -> Path:
        return self.state_home / "sessions.db"

    def write(self, path: str, text: str) -> Path:
        """A file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def configure(self, text: str = "") -> None:
        """The configuration: what this device has anyway, and `text`."""
        self.config.write_text(text, "utf-8")

    def calibrate(self, name: str = CARD) -> None:
        self.state_home.mkdir(parents=True, exist_ok=True)
        text = f'[card."{name}"]\nmeasured = "2027-01-02T10:00:00+00:00"\nplayback_gain_db = -6.0\nerle_db = 31.0\n'
        (self.state_home / "calibration.toml").write_text(text, "utf-8")

    def microphone(self, pcm: Int16s) -> None:
        """It delivers this from now on."""
        self.sound.pcm = pcm

    def unplug(self) -> None:
        self.sound.info = None

    def occupy(self) -> None:
        self.sound.busy = True

    def freeze(self) -> None:
        self.sound.frozen = True

    def without_loudspeaker(self) -> None:
        self.sound.info = DeviceInfo(0, CARD, "ALSA", 1, 0, 16_000, True, False)

    def without_model(self, model_id: str) -> None:
        self.models.missing = model_id

    def damage_model(self, model_id: str) -> None:
        self.models.damaged = model_id

    def process(self, pid: int, name: str, *opened: str) -> None:
        """One that has these files open."""
        fds = self.root / "proc" / str(pid) / "fd"
        fds.mkdir(parents=True, exist_ok=True)
        self.write(f"proc/{pid}/comm", name + "\n")
        for number, target in enumerate(opened, 3):
            (fds / str(number)).symlink_to(target)

    def run_assistant(self, reply: Mapping[str, Any] | None, **changes: Any) -> None:
        """One runs, and says this of itself."""
        answer = None if reply is None else {**reply, **changes}
        one = RunningOne(self.root / "run/nearfield/control.sock", answer)
        self._open.callback(one.close)

    # --- the doctor

    def probe(self) -> Probe:
        return Probe(
            sound=self.sound,
            models=self.models,
            root=self.root,
            now=lambda: self.now,
            run=self._run,
            space=self.space,
            writable=self.writable,
            access=self.access,
            real_time=self.real_time,
            gpio=self.gpio,
            listen=self.listen,
        )

    def examine(self, checks: Sequence[Check] = CHECKS, **options: Any) -> dict[str, Finding]:
        return {finding.check: finding for finding in Examination(checks, self.probe(), **options).run()}

    def _run(self, command: Sequence[str]) -> Ran | None:
        out = self.commands.get(command[0])
        return None if out is None else Ran(0, out)
