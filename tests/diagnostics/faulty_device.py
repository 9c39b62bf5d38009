"""A device that is well, and the faults that can be planted in it, one at a time: what the doctor must say of each.

    with HealthyDevice(tmp_path) as device:
        fault.plant(device)
        findings = device.examine()

Files, sockets, databases, processes in /proc and commands of the system are as the faults leave them on a real device.
The card and the models of this one are pretended; bench/planted_faults.py has the same faults on a card that is opened
through PortAudio and on the real models.
"""

import errno
import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from unittest import mock

import numpy as np

from device.audio.devices import DeviceInfo, choose_pair
from device.audio.holders import Why, no_permission
from device.card import CardStats
from device.config.schema import Settings
from device.diagnostics.doctor.checks import CHECKS
from device.diagnostics.doctor.examination import Check, Examination
from device.diagnostics.doctor.finding import Finding
from device.diagnostics.doctor.probe import (
    Heard,
    Opened,
    Probe,
    Ran,
    SaidAndHeard,
    Space,
    TestTurns,
    space_on,
    writable,
)
from device.errors import AudioError, NoCardError
from device.gpio.driver import driver
from device.session.database import connect
from device.session.schema import migrate
from device.session.store import SessionStore
from models.errors import ModelDamagedError, ModelMissingError
from models.protocols import SAMPLE_RATE_HZ, Int16s

CARD = "vcard"
NOW = datetime(2027, 3, 4, 17, 30, tzinfo=UTC)
GB, MB = 1 << 30, 1 << 20

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


def room_noise(seconds: float, level: float = 30.0) -> Int16s:
    """(n,) int16: a quiet room, -60 dBFS."""
    samples = np.random.default_rng(7).normal(0.0, level, round(seconds * SAMPLE_RATE_HZ))
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


class PretendedCard:
    """`device.diagnostics.doctor.probe.Sound` without a sound system."""

    def __init__(self) -> None:
        self.info: DeviceInfo | None = DeviceInfo(0, CARD, "ALSA", 1, 1, 16_000, True, True)
        self.busy = self.frozen = False
        self.pcm = room_noise(3.0)
        self.echo: Int16s | None = None

    def devices(self) -> list[DeviceInfo]:
        return [] if self.info is None or self.busy else [self.info]

    def chosen(self, settings: Settings) -> tuple[DeviceInfo | None, DeviceInfo | None]:
        nobody = mock.patch.multiple("device.audio.devices", no_permission=lambda: None, who_holds=lambda: None)
        with nobody:  # what this machine has in /dev/snd says nothing about that one
            return choose_pair(settings.audio.input, settings.audio.output, self.devices())

    def open(self, settings: Settings) -> Opened:
        microphone, loudspeaker = self.chosen(settings)
        if settings.audio.rate_hz not in (0, 16_000):
            raise NoCardError(
                f"{CARD} does not run at the rate that was asked for",
                hint="leave the rate to the card (audio.rate_hz = 0)",
            )
        missing = "" if loudspeaker else f"no loudspeaker: {CARD} can only listen"
        return Opened(f"{microphone.name if microphone else CARD}", 16_000, missing, True)

    def record(self, settings: Settings, seconds: float, play: Int16s | None = None) -> Heard:
        self.open(settings)
        if self.frozen:
            raise AudioError(f"{CARD} has delivered nothing for 0.5 s", hint="unplug and plug it again")
        wanted = round(seconds * SAMPLE_RATE_HZ)
        far = np.zeros(wanted, np.int16)
        if play is not None:
            far[1600 : 1600 + play.size] = play[: wanted - 1600]
        mic = self.pcm[:wanted].astype(np.int32)
        if self.echo is not None and play is not None:
            mic = mic + np.convolve(far.astype(np.float64), self.echo)[:wanted].astype(np.int32)
        return Heard(np.clip(mic, -32768, 32767).astype(np.int16), far, CardStats(1, 0, 0, 0, 0), seconds)


class PretendedModels:
    """`device.diagnostics.doctor.probe.Trial` without models."""

    def __init__(self) -> None:
        self.missing = self.damaged = ""
        self.understood = "The capital of France is Paris."
        self.ttfa_ms: tuple[float, ...] = (320.0, 480.0)

    def task(self, _settings: Settings, model_id: str) -> str:
        marks = {"whisper": "stt", "piper": "tts", "silero": "vad", "turn": "turn", "smollm": "llm", "wake": "wake"}
        return next(task for mark, task in marks.items() if mark in model_id)

    def verify(self, _settings: Settings, model_id: str) -> None:
        mend = f"nearfield models pull {model_id}"
        if model_id == self.missing:
            raise ModelMissingError(f"model {model_id} is missing", hint=mend)
        if model_id == self.damaged:
            raise ModelDamagedError(f"{model_id} is altered: its sha256 is 0123…, not as catalogued", hint=mend)

    def say_and_hear(self, _settings: Settings, _persona: object, _sentence: str) -> SaidAndHeard:
        return SaidAndHeard(self.understood, 2.1, 0.2, 0.3, 2.0)

    def turns(self, settings: Settings, _persona: object, _questions: Sequence[str]) -> TestTurns:
        waits = settings.turn.sure_silence_ms - 200
        return TestTurns(tuple(ms + waits for ms in self.ttfa_ms), {"commit": 200.0}, ())


class RunningOne:
    """A control socket in the place of an assistant that runs: `reply` to each line, None: it never answers."""

    def __init__(self, path: Path, reply: Mapping[str, Any] | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._reply, self._links = reply, []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            self._links.append(link)
            if self._reply is not None and link.recv(4096):
                link.sendall(json.dumps(self._reply).encode() + b"\n")

    def close(self) -> None:
        for each in (self._server, *self._links):
            each.close()


STATUS = {
    "ok": True,
    "state": "idle",
    "turns": 3,
    "failures": 0,
    "muted": False,
    "volume_percent": 100,
    "card": CARD,
    "card_stats": {"capture_lost_samples": 0, "capture_overflows": 0, "playback_underflows": 0},
    "trouble": {},
    "outside": {},
    "stages": [{"stage": "ttfa", "count": 3, "p95_ms": 412.0}],
    "last": {"heard": "what is in my account", "said": "Nothing."},
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


@dataclass(frozen=True)
class Fault:
    """`check` must become `level`, its command must hold `mend`, and nothing else may be worse than before."""

    name: str
    plant: Callable[[HealthyDevice], None]
    check: str
    level: str
    mend: str
    says: str = ""  #: in what was found


def _offset(device: HealthyDevice, share: float) -> None:
    device.microphone((room_noise(3.0) + int(share * 32768)).astype(np.int16))


def _clip(device: HealthyDevice) -> None:
    loud = np.random.default_rng(5).normal(0, 30_000, 3 * SAMPLE_RATE_HZ)
    device.microphone(np.clip(loud, -32768, 32767).astype(np.int16))


def _pipewire(device: HealthyDevice) -> None:
    device.process(512, "pipewire", "/dev/snd/pcmC0D0p", "/dev/snd/pcmC0D0c")
    device.occupy()


def _not_in_audio(device: HealthyDevice) -> None:
    device.write("dev/snd/pcmC0D0p", "")

    def access(folder: Path) -> Why | None:
        with mock.patch("device.audio.holders.os.access", return_value=False):
            return no_permission(folder)

    device.access = access


def _no_gpio(device: HealthyDevice) -> None:
    device.configure("[gpio]\npush_to_talk_pin = 17\n")

    def absent(key: str) -> Any:
        with mock.patch.dict("sys.modules", {"RPi": None, "RPi.GPIO": None}):
            return driver(key)

    device.gpio = absent


def _open_secret(device: HealthyDevice) -> None:
    path = device.folder / "mqtt-password"
    path.write_text("hunter2-hunter2\n", "utf-8")
    path.chmod(0o644)
    # a broker of our own, so that only the file is wrong
    broker = socket.create_server(("127.0.0.1", 0))
    device._open.callback(broker.close)
    device.configure(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.getsockname()[1]}\nusername = "n"\npassword_file = "{path}"\n'
    )


def _foreign_secret(device: HealthyDevice) -> None:
    _open_secret(device)
    (device.folder / "mqtt-password").chmod(0o600)
    device.commands["systemctl"] = "LoadState=loaded\nActiveState=activating\nUser=nearfield-of-tests\n"


def _missing_secret(device: HealthyDevice) -> None:
    device.configure(f'[llm]\nserver_key_file = "{device.folder}/key"\n')


def _broken_skill(device: HealthyDevice) -> None:
    folder = device.config_home / "nearfield/skills.d"
    folder.mkdir(parents=True)
    (folder / "coffee.py").write_text("from device.skills.registry import skill\n\ndef brew(:\n", "utf-8")


def _old_record(device: HealthyDevice) -> None:
    for path in device.state_home.glob("sessions.db*"):
        path.unlink()
    connection = connect(device.database)
    migrate(connection, to=2)
    connection.close()


def _newer_record(device: HealthyDevice) -> None:
    connection = connect(device.database)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def _corrupt_record(device: HealthyDevice) -> None:
    with sqlite3.connect(device.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = device.database.stat().st_size
    with device.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xde\xad\xbe\xef" * ((size - 4096) // 4))


def _locked_record(device: HealthyDevice) -> None:
    connection = sqlite3.connect(device.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    device._open.callback(connection.close)


def _stale_socket(device: HealthyDevice) -> None:
    path = device.root / "run/nearfield/control.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def _open_port(device: HealthyDevice) -> None:
    """The assistant (this very process) listens on every address."""
    device.run_assistant(STATUS)
    device.process(os.getpid(), "nearfield", "socket:[4711]")
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 00000000:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
    device.write("proc/net/tcp", head + row)


def _slow_service(device: HealthyDevice) -> None:
    """The assistant that runs has other limits than whoever asks."""
    device.run_assistant(STATUS)
    device.write(f"proc/{os.getpid()}/status", "Name: nearfield\nCapEff: 0000000000000000\n")
    device.write(f"proc/{os.getpid()}/limits", "Max realtime priority     0                    0\n")


def _crash(device: HealthyDevice) -> None:
    at = NOW.isoformat(timespec="seconds")
    trace = 'Traceback (most recent call last):\n  File "/opt/x/loop.py", line 7, in run\nValueError: my dear aunt\n'
    (device.state_home / "nearfield.log").write_text(f"{at} nearfield run\n{trace}", "utf-8")


def _failures(device: HealthyDevice) -> None:
    store = SessionStore.open(device.database)
    with store.begin("assistant"):
        pass
    with sqlite3.connect(device.database) as connection:
        connection.execute("UPDATE session SET started_at = ?", (NOW.isoformat(),))
        connection.execute(
            "INSERT INTO event (session, seq, at, sample, turn, type, json) VALUES (1, 99, ?, 0, 1, 'error', ?)",
            (NOW.isoformat(), json.dumps({"stage": "llm", "message": "gone"})),
        )
    connection.close()


def _killed(device: HealthyDevice) -> None:
    with sqlite3.connect(device.database) as connection:
        connection.execute(
            "UPDATE session SET started_at = ?, ended_at = NULL, ending = NULL, owner = 'x:1:1'", (NOW.isoformat(),)
        )
    connection.close()


def _no_current(device: HealthyDevice) -> None:
    releases = device.root / "opt/nearfield/releases"
    (releases / "0.1.0-abc").mkdir(parents=True)
    (device.root / "opt/nearfield/current").symlink_to("releases/0.2.0-def")


def _no_clock(device: HealthyDevice) -> None:
    device.remove("sys/class/rtc/rtc0/name")
    (device.root / "sys/class/rtc/rtc0").rmdir()
    device.commands["timedatectl"] = "NTP=no\nNTPSynchronized=no\n"


def _update_cut_off(device: HealthyDevice) -> None:
    (device.root / "opt/nearfield/releases/0.1.0-abc").mkdir(parents=True)
    (device.root / "opt/nearfield/current").symlink_to("releases/0.1.0-abc")
    doing = {"phase": "trying", "name": "0.2.0-def", "back": "0.1.0-abc"}
    device.write("opt/nearfield/update/state.json", json.dumps({"previous": None, "doing": doing}))
    device.write("opt/nearfield/update/lock", "")


def _read_only(device: HealthyDevice) -> None:
    # root may write anywhere but where the kernel says no: what a read-only card answers is put in its place
    device.writable = lambda _folder: os.strerror(errno.EROFS).lower()


def _unit(changes: str) -> Callable[[HealthyDevice], None]:
    def plant(device: HealthyDevice) -> None:
        device.commands["systemctl"] = f"LoadState=loaded\nNRestarts=0\n{changes}"  # of two lines the last counts

    return plant


def _said(name: str, **state: object) -> Callable[[HealthyDevice], None]:
    return lambda d: ((d.state_home / name).write_text(json.dumps(state), "utf-8") and None) or None


def _file(path: str, text: str) -> Callable[[HealthyDevice], None]:
    def plant(device: HealthyDevice) -> None:
        device.write(path, text)

    return plant


THIS = f'input = "{CARD}"\noutput = "{CARD}"\n'  # not "default", which converts
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
WAITS = "[turn]\nend_silence_ms = 2500\n" + "".join(
    f"{name}_silence_ms = 2500\n" for name in ("sure", "likely", "disputed", "unsure", "undecided", "longest")
)

FAULTS = (
    Fault("weak power supply, now", _file(FIRMWARE, "50005\n"), "power", "failed", "supply made for this board"),
    Fault("weak power supply, before", _file(FIRMWARE, "50000\n"), "power", "warning", "supply made for this board"),
    Fault("hot processor", _file("sys/class/thermal/thermal_zone0/temp", "86000\n"), "heat", "failed", "heat sink"),
    Fault("throttled by heat", _file(FIRMWARE, "e0008\n"), "heat", "failed", "heat sink", "slowed down now"),
    Fault(
        "hardly any memory",
        _file("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 90000 kB\n"), "memory", "failed", "ps aux",
    ),
    Fault("programs ended by the kernel", _file("proc/vmstat", "oom_kill 2\n"), "memory", "warning", "dmesg"),
    Fault(
        "full disk", lambda d: setattr(d, "space", lambda _: Space(12 * MB, GB, None)), "disk", "failed", "du -xh",
    ),
    Fault("read-only state", _read_only, "disk", "failed", "remount,rw"),
    Fault(
        "clock in 1970", lambda d: setattr(d, "now", datetime(1970, 1, 1, tzinfo=UTC)), "clock", "failed", "set-ntp",
    ),
    Fault(
        "nobody sets the clock",
        _no_clock, "clock", "warning", "set-ntp",
    ),
    Fault(
        "no real-time priority",
        lambda d: setattr(d, "real_time", lambda: "no real-time priority for sound; set LimitRTPRIO=40"),
        "real-time", "warning", "LimitRTPRIO",
    ),
    Fault("service without real-time priority", _slow_service, "real-time", "warning", "systemctl edit"),
    Fault("not in the group audio", _not_in_audio, "groups", "failed", "usermod -aG"),
    Fault("unknown key", lambda d: d.configure("[turn]\nend_silence = 800\n"), "configuration", "failed",
          "config check", "end_silence_ms"),
    Fault("value out of range", lambda d: d.configure("[llm]\ntemperature = 7\n"), "configuration", "failed",
          "config check", "llm.temperature"),
    Fault("missing persona", lambda d: d.configure('persona = "stor"\n'), "configuration", "failed", "store", "stor"),
    Fault("secret that all may read", _open_secret, "secrets", "failed", "chmod 600"),
    Fault("secret that is not there", _missing_secret, "secrets", "failed", "chmod 600"),
    Fault("secret that the service may not read", _foreign_secret, "secrets", "failed", "sudo chown"),
    Fault("broken skill file", _broken_skill, "skills", "warning", "skills check", "coffee.py"),
    Fault("server that is away", lambda d: d.configure('[llm]\nserver = "http://127.0.0.1:9"\n'), "servers", "warning",
          "llm.server"),
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
    Fault("model missing", lambda d: d.without_model("whisper-tiny.en"), "models", "failed",
          "nearfield models pull whisper-tiny.en"),
    Fault("model damaged", lambda d: d.damage_model("whisper-tiny.en"), "models", "failed",
          "nearfield models pull whisper-tiny.en", "altered"),
    Fault("model of another kind", lambda d: d.configure('[tts]\nvoice = "whisper-tiny.en"\n'), "models", "failed",
          "tts.voice", "'stt'"),
    Fault("late answers", lambda d: d.configure(WAITS), "turn", "warning", "nearfield trace", "budget"),
    Fault("damaged record", _corrupt_record, "database", "failed", "sets it aside", "damaged"),
    Fault("record of an older version", _old_record, "database", "warning", "cp ", "format 2"),
    Fault("record of a newer version", _newer_record, "database", "failed", "update nearfield"),
    Fault("locked record", _locked_record, "database", "failed", "fuser"),
    Fault("service failed", _unit("ActiveState=failed\nSubState=failed\nResult=exit-code\n"), "service", "failed",
          "journalctl"),
    Fault("service begins again and again", _unit("ActiveState=activating\nSubState=auto-restart\nNRestarts=17\n"),
          "service", "failed", "journalctl", "17 times"),
    Fault("stale socket", _stale_socket, "running", "warning", "nearfield run", "left behind"),
    Fault("assistant that hangs", lambda d: d.run_assistant(None), "running", "failed", "kill"),
    Fault(
        "port of the page is taken",
        lambda d: d.run_assistant(STATUS, outside={"the page": "port 8765 is taken"}), "running", "warning",
        "ctl status", "8765",
    ),
    Fault("deaf while it runs", lambda d: d.run_assistant(STATUS, trouble={"microphone": "nothing but zeros"}),
          "microphone", "failed", "nearfield meter"),
    Fault("port open to everybody", _open_port, "ports", "warning", "127.0.0.1"),
    Fault("crash in the log", _crash, "errors", "warning", "--bundle", "ValueError in 'run'"),
    Fault("failures in the record", _failures, "errors", "warning", "nearfield trace", "llm 1"),
    Fault("killed", _killed, "errors", "warning", "journalctl", "without a farewell"),
    Fault("update that was cut off", _update_cut_off, "update", "warning", "update --list", "trying 0.2.0-def"),
    Fault("update that leads nowhere", _no_current, "update", "failed", "--rollback"),
)  # fmt: skip


def verdict(fault: Fault, before: Mapping[str, Finding], after: Mapping[str, Finding]) -> str:
    """What is not as it should be; "" when all is."""
    found = after[fault.check]
    if found.level != fault.level:
        return f"'{fault.check}' is {found.level} and not {fault.level}: {found.what}"
    if fault.mend not in found.mend:
        return f"its command is {found.mend!r}, without {fault.mend!r}"
    if fault.says not in found.what:
        return f"it says {found.what!r}, without {fault.says!r}"
    if not found.means:
        return "it does not say what that means"
    red = [
        f"{name}: {finding.what}"
        for name, finding in after.items()
        if name != fault.check and finding.level in ("warning", "failed") and before[name].level != finding.level
    ]
    return f"red as well: {'; '.join(red)}" if red else ""
