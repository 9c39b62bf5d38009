"""Faults of the machine: power, heat, memory, disk, clock, rights.

for fault in MACHINE_FAULTS: fault.plant(device)
"""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from device_fault import Fault
from healthy_device import HealthyDevice
from pretended_assistant import STATUS

from device.audio.holders import Why, no_permission
from device.diagnostics.doctor.probe import Space

GB, MB = 1 << 30, 1 << 20
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def _file(path: str, text: str) -> Callable[[HealthyDevice], None]:
    def plant(device: HealthyDevice) -> None:
        device.write(path, text)

    return plant


def _no_clock(device: HealthyDevice) -> None:
    device.remove("sys/class/rtc/rtc0/name")
    (device.root / "sys/class/rtc/rtc0").rmdir()
    device.commands["timedatectl"] = "NTP=no\nNTPSynchronized=no\n"


def _read_only(device: HealthyDevice) -> None:
    # root may write anywhere but where the kernel says no: what a read-only card answers is put in its place
    device.writable = lambda _folder: os.strerror(errno.EROFS).lower()


def _filled(device: HealthyDevice) -> None:
    """Nothing can be written, and that is why."""
    device.space = lambda _: Space(0, GB, None)
    device.writable = lambda _: "no space left on device"


def _quota(device: HealthyDevice) -> None:
    """The disk has room, but not for us."""
    device.writable = lambda _: "disk quota exceeded"


def _slow_service(device: HealthyDevice) -> None:
    """The assistant that runs has other limits than whoever asks."""
    device.run_assistant(STATUS)
    device.write(f"proc/{os.getpid()}/status", "Name: nearfield\nCapEff: 0000000000000000\n")
    device.write(f"proc/{os.getpid()}/limits", "Max realtime priority     0                    0\n")


def _not_in_audio(device: HealthyDevice) -> None:
    device.write("dev/snd/pcmC0D0p", "")

    def access(folder: Path) -> Why | None:
        with mock.patch("device.audio.holders.os.access", return_value=False):
            return no_permission(folder)

    device.access = access


MACHINE_FAULTS = (
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
    Fault("disk filled to the last byte", _filled, "disk", "failed", "du -xh"),
    Fault("used up quota", _quota, "disk", "failed", "du -xh"),
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
)  # fmt: skip
