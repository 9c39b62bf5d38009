"""How warm is the machine, and does it slow itself down?

    health = HealthReader().read()
    health.temperature_c, health.throttled, health.cpu_pressure_percent      # 61.2, False, 3.5

Read from files of the kernel, none of which need be there: thermal zones (any board), the firmware's flags of a
Raspberry Pi, cpufreq cooling devices (Jetson and other ARM boards), pressure stall information. It is looked once which
there are; a `read` after that opens three or four of them.

`cpu_pressure_percent` is told, not judged: the assistant's own models raise it in every turn.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

#: Zones of the processor by their type: "cpu-thermal" (Raspberry Pi, Jetson Orin), "CPU-therm" (Jetson Nano),
#: "tj-thermal" (the hottest of a Jetson), "soc-thermal" (Rockchip), "x86_pkg_temp". Others lie: a Jetson's "PMIC-Die"
#: is always 100.
_PROCESSOR = re.compile(r"cpu|soc|tj|x86_pkg", re.IGNORECASE)
#: Bits of the firmware's flags: frequency capped, throttled, soft temperature limit, each of them now. Bit 0 is a weak
#: power supply, bits 16 to 19 the past. (Raspberry Pi documentation, vcgencmd get_throttled)
_SLOWED_DOWN = 0b1110
_POWER_LOW = 0b0001
_PLAUSIBLE_C = (-40.0, 150.0)


@dataclass(frozen=True, slots=True)
class Health:
    """None: this machine does not say."""

    temperature_c: float | None  #: of the hottest part of the processor
    throttled: bool | None  #: the processor is slowed down now, by heat or for want of power
    power_low: bool | None  #: the power supply is too weak now (Raspberry Pi only)
    cpu_pressure_percent: float | None  #: share of the last 10 s in which something waited for a processor


class HealthReader:
    """Reads the files. Not thread-safe."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root`: where `sys` and `proc` are."""
        thermal = root / "sys/class/thermal"
        self._zones = [z / "temp" for z in _devices(thermal, "thermal_zone*") if _PROCESSOR.search(_text(z / "type"))]
        self._cooling = [
            c / "cur_state" for c in _devices(thermal, "cooling_device*") if "cpufreq" in _text(c / "type").lower()
        ]
        platform = root / "sys/devices/platform"
        self._flags = next(
            (f for p in ("*firmware", "*/*firmware") for f in _devices(platform, f"{p}/get_throttled")), None
        )
        self._pressure = root / "proc/pressure/cpu"

    def read(self) -> Health:
        """What the files say now. Raises nothing."""
        low, high = _PLAUSIBLE_C
        degrees = [t / 1000 for z in self._zones if (t := _whole(z)) is not None and low <= t / 1000 <= high]
        flags = None if self._flags is None else _whole(self._flags, base=16)
        cooled = [state > 0 for c in self._cooling if (state := _whole(c)) is not None]
        slowed = [*cooled, *([bool(flags & _SLOWED_DOWN)] if flags is not None else [])]
        return Health(
            max(degrees, default=None),
            any(slowed) if slowed else None,
            None if flags is None else bool(flags & _POWER_LOW),
            _avg10_percent(_text(self._pressure)),
        )

    def flags(self) -> int | None:
        """The firmware's flags as they are (vcgencmd get_throttled): bits 0 to 3 now, 16 to 19 since the start.

        None: this is no Raspberry Pi. Raises nothing.
        """
        return None if self._flags is None else _whole(self._flags, base=16)


class HealthWatch:
    """A thread that reads every `interval_s` and tells. A machine that says nothing gets no thread."""

    def __init__(self, on_health: Callable[[Health], None], reader: HealthReader, interval_s: float = 5.0) -> None:
        """`on_health` is called from the thread."""
        self._on_health = on_health
        self._reader = reader
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        health = self._reader.read()
        if health.temperature_c is not None or health.throttled is not None:
            self._thread = threading.Thread(target=self._run, name="nearfield-health", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._on_health(self._reader.read())


def _devices(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _text(path: Path) -> str:
    """ "" where it cannot be read: a zone that is switched off answers with an error."""
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""


def _whole(path: Path, base: int = 10) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _avg10_percent(pressure: str) -> float | None:
    found = re.search(r"^some avg10=([0-9.]+)", pressure)
    try:
        return None if found is None else float(found[1])
    except ValueError:
        return None
