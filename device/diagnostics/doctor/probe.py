"""All that the checks may touch, in one place: files below a root, commands, the card, the models, the socket.

    probe = Probe(sound=CardSound(open_sound_card), models=ModelTrial())
    probe.settings, probe.text("proc/meminfo"), probe.running.state

Each part can be another one: a test gives files of its own as the root, a card that is not there, a clock in 1970.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from device.audio import priority
from device.audio.devices import DeviceInfo
from device.audio.holders import Holder, Why, holders, no_permission
from device.card import CardStats
from device.config.load import LoadedConfig, load_config
from device.config.schema import Settings
from device.diagnostics.doctor.running import Running, find_running
from device.gpio.driver import driver
from device.persona import Persona, load_persona, settings_for
from models.protocols import SAMPLE_RATE_HZ, Int16s

SERVICE = "nearfield.service"
_PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,MainPID,ExecMainStatus,User"
_COMMAND_S = 3.0
#: A card begins with a click, and its filters with a step: not counted.
SETTLE_SAMPLES = SAMPLE_RATE_HZ // 4


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command of the system came to."""

    status: int
    out: str


@dataclass(frozen=True, slots=True)
class Space:
    """On a disk, in bytes; `files`: how many more files it can hold, None: it does not say."""

    free: int
    total: int
    files: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A card as it opens."""

    name: str
    rate_hz: int
    missing: str  #: which direction is not there; "" when both are
    one_clock: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """Some time of a running card: (n,) int16 at 16 kHz each."""

    mic: Int16s
    far: Int16s
    stats: CardStats
    asked_s: float


class Sound(Protocol):
    """The card. Any method raises NoCardError or AudioError."""

    def devices(self) -> list[DeviceInfo]: ...

    def chosen(self, settings: Settings) -> tuple[DeviceInfo | None, DeviceInfo | None]: ...

    def open(self, settings: Settings) -> Opened: ...

    def record(self, settings: Settings, seconds: float, play: Int16s | None = None) -> Heard: ...


@dataclass(frozen=True, slots=True)
class SaidAndHeard:
    """A sentence through voice and recogniser."""

    text: str  #: what was understood
    load_s: float
    speak_s: float
    hear_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class TestTurns:
    """Questions to the whole program on the virtual card."""

    ttfa_ms: tuple[float, ...]  #: of those that were answered, in order
    stages_ms: Mapping[str, float]  #: of the last of them
    errors: tuple[str, ...]  #: stages that failed


class Trial(Protocol):
    """The models. Any method raises ModelError, NearfieldError."""

    def verify(self, settings: Settings, model_id: str) -> None: ...

    def task(self, settings: Settings, model_id: str) -> str: ...

    def say_and_hear(self, settings: Settings, persona: Persona, sentence: str) -> SaidAndHeard: ...

    def turns(self, settings: Settings, persona: Persona, questions: Sequence[str]) -> TestTurns: ...


def run_command(command: Sequence[str]) -> Ran | None:
    """None: there is no such program, or it does not end."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_S, check=False,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": ""}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Ran(done.returncode, done.stdout)


def space_on(folder: Path) -> Space:
    """Of the disk that `folder` is on, or will be. Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage, stats = shutil.disk_usage(folder), os.statvfs(folder)
    return Space(usage.free, usage.total, stats.f_favail if stats.f_files else None)


def writable(folder: Path) -> str:
    """Why no file can be made in `folder`, "" when one can; what is missing of it may be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    trial = folder / f".nearfield-doctor-{os.getpid()}"
    try:
        trial.write_bytes(b"x")
        trial.unlink()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


@dataclass
class Probe:
    """One examination's view; what is asked twice is read once."""

    sound: Sound
    models: Trial
    root: Path = Path("/")
    config: Path | None = None
    overrides: Sequence[str] = ()
    listen: bool = False  #: may a sound be played?
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    run: Callable[[Sequence[str]], Ran | None] = run_command
    space: Callable[[Path], Space] = space_on
    writable: Callable[[Path], str] = writable
    access: Callable[[Path], Why | None] = no_permission  #: to the devices in a folder
    real_time: Callable[[], str] = priority.why_not
    gpio: Callable[[str], Any] = driver
    find: Callable[[Settings | None, Path], Running] = find_running

    def permission(self) -> Why | None:
        """Why this user may not use the sound devices that are there."""
        return self.access(self.root / "dev/snd")

    def holders(self) -> list[Holder]:
        """Who else has a sound device open."""
        return holders("", self.root / "proc", Path("/dev/snd"))

    @cached_property
    def unit(self) -> dict[str, str]:
        """What systemd says of the service; empty where there is no systemd. Raises nothing."""
        shown = self.run(("systemctl", "show", SERVICE, f"--property={_PROPERTIES}"))
        return dict(line.partition("=")[::2] for line in (shown.out if shown and not shown.status else "").splitlines())

    @cached_property
    def loaded(self) -> LoadedConfig:
        """Raises ConfigError."""
        return load_config(self.config, self.overrides)

    @cached_property
    def persona(self) -> Persona:
        """Raises ConfigError."""
        return load_persona(self.loaded.settings.persona)

    @cached_property
    def settings(self) -> Settings:
        """As the persona has them. Raises ConfigError."""
        return settings_for(self.persona, self.loaded.settings)

    @property
    def settings_if_valid(self) -> Settings | None:
        """None where the configuration is not valid."""
        try:
            return self.settings
        except Exception:  # noqa: BLE001 - the check 'configuration' says what is wrong
            return None

    @cached_property
    def running(self) -> Running:
        """The assistant that runs on this device, if one does. Raises nothing."""
        return self.find(self.settings_if_valid, self.root)

    @cached_property
    def opened(self) -> Opened:
        """Raises NoCardError, AudioError."""
        return self.sound.open(self.settings)

    @cached_property
    def heard(self) -> Heard:
        """A second and a half of the microphone. Raises AudioError."""
        return self.sound.record(self.settings, 1.5)

    def text(self, path: str) -> str | None:
        """A small file below the root; None: it is not there, or not readable."""
        try:
            with (self.root / path).open("rb") as file:
                return file.read(1 << 20).decode("utf-8", "replace").replace("\0", "")
        except OSError:
            return None

    def first_line(self, path: str) -> str:
        """ "" where there is none."""
        return ((self.text(path) or "").strip().splitlines() or [""])[0].strip()
