"""The board, and what the system gives us of it: checks that need no configuration.

heat(probe).level
"""

import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device.audio.priority import CAP_SYS_NICE, PRIORITY
from device.config.dirs import state_dir
from device.diagnostics.doctor.finding import Finding, failed, ok, warning, worst
from device.diagnostics.doctor.probe import Probe
from device.diagnostics.health import HealthReader
from device.version import software_version

_MB, _GB = 1 << 20, 1 << 30
#: A conversation with the embedded default takes 590 MB at its peak (README.md); a machine that has less to
#: give swaps or kills.
PEAK_MB, NEEDED_MB, LEAST_MB = 590, 650, 150
#: A turn's record takes some kB; a model being pulled up to 1.1 GB.
SCARCE_MB, FULL_MB = 500, 50
#: The firmware of a Raspberry Pi begins to slow down at 80 degrees; `degrade.temperature_c` is 80 as well.
WARM_C, HOT_C = 75.0, 85.0
#: Bits of the firmware's flags (Raspberry Pi documentation, vcgencmd get_throttled): now, and since the start.
_WEAK_NOW, _SLOW_NOW, _WEAK_EVER, _SLOW_EVER = 1 << 0, 0b1110, 1 << 16, 0b1110 << 16
#: No clock of ours can be right that is before this; files of the program that are newer move it.
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)


def program(_probe: Probe) -> Finding:
    """Version, interpreter, and the compiled part."""
    try:
        import dsp.native._native  # noqa: F401, PLC0415 - whether it can be imported is the question
    except ImportError as error:
        return failed(
            "program",
            f"the compiled part cannot be loaded: {error}",
            means="no sound card can be opened",
            mend="./install.sh",
        )
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return ok("program", f"nearfield {software_version()}, Python {python}", version=software_version(), python=python)


def board(probe: Probe) -> Finding:
    """Which machine."""
    model = probe.first_line("proc/device-tree/model") or probe.first_line("sys/class/dmi/id/product_name")
    kernel = probe.first_line("proc/sys/kernel/osrelease") or platform.release()
    cores = os.cpu_count() or 1
    what = f"{model or 'unknown board'}, {cores} cores, {platform.machine()}, Linux {kernel}"
    if sys.maxsize <= 2**32:
        return failed(
            "board",
            f"{what}: a 32-bit system",
            means="the runtimes of the models need 64 bit",
            mend="write a 64-bit system onto the card, then ./install.sh",
        )
    if cores < 2:
        return warning(
            "board",
            what,
            means="sound and models share one core: answers are slow and sound can drop out",
            mend="use a board with four cores, or servers for the models (docs/remote.md)",
        )
    return ok("board", what, model=model, cores=cores, kernel=kernel)


def power(probe: Probe) -> Finding:
    """Is the power supply strong enough? Only a Raspberry Pi says."""
    flags = HealthReader(probe.root).flags()
    if flags is None:
        return ok("power", "this board does not tell about its power supply")
    mend = "use the supply made for this board and a short cable, then: sudo reboot"
    means = "the board slows down, and USB sound cards fall off the bus"
    if flags & _WEAK_NOW:
        return failed("power", "the voltage is too low now", means=means, mend=mend, flags=flags)
    if flags & _WEAK_EVER:
        return warning("power", "the voltage was too low since the start", means=means, mend=mend, flags=flags)
    return ok("power", "the voltage is, and was, as it should be", flags=flags)


def heat(probe: Probe) -> Finding:
    """Temperature, and does the processor slow itself down?"""
    reader = HealthReader(probe.root)
    health, flags = reader.read(), reader.flags() or 0
    degrees = health.temperature_c
    what = "this board does not tell how warm it is" if degrees is None else f"{degrees:.0f} °C"
    means = "a processor that is slowed down answers late"
    mend = "give it air or a heat sink (a fan: dtoverlay=gpio-fan), away from the sun"
    facts: dict[str, Any] = {"temperature_c": degrees, "throttled": health.throttled}
    slowed = bool(flags & _SLOW_NOW) if flags else bool(health.throttled)
    if slowed and not flags & _WEAK_NOW:  # for want of power: the check above has said so
        return failed("heat", f"{what}, the processor is slowed down now", means=means, mend=mend, **facts)
    if degrees is not None and degrees >= HOT_C:
        return failed("heat", f"{what}: too hot", means=means, mend=mend, **facts)
    if degrees is not None and degrees >= WARM_C:
        return warning("heat", f"{what}: warm", means=means, mend=mend, **facts)
    if flags & _SLOW_EVER and not flags & (_WEAK_NOW | _WEAK_EVER):
        return warning("heat", f"{what}, but it was slowed down since the start", means=means, mend=mend, **facts)
    return ok("heat", what, **facts)


def memory(probe: Probe) -> Finding:
    """What is left, and did the kernel have to end programs?"""
    sizes = {
        name: int(number) // 1024
        for name, number in re.findall(r"^(\w+):\s+(\d+) kB", probe.text("proc/meminfo") or "", re.MULTILINE)
    }
    if "MemAvailable" not in sizes:
        return ok("memory", "this system does not tell how much is free")
    free, total = sizes["MemAvailable"], sizes.get("MemTotal", 0)
    what = f"{free} of {total} MB free"
    facts: dict[str, Any] = {"free_mb": free, "total_mb": total}
    mend = "see who takes it: ps aux --sort=-rss | head; or take smaller models (nearfield models list)"
    if free < LEAST_MB:
        means = "the kernel ends programs, this one too"
        return failed("memory", what, means=means, mend=mend, **facts)
    if free < NEEDED_MB and not probe.running.has_the_card:
        means = f"a conversation takes up to {PEAK_MB} MB: there should be {NEEDED_MB} before it starts"
        return warning("memory", what, means=means, mend=mend, **facts)
    killed = re.search(r"^oom_kill (\d+)", probe.text("proc/vmstat") or "", re.MULTILINE)
    if killed and int(killed[1]):
        return warning(
            "memory",
            f"{what}, but the kernel had to end {killed[1]} program(s) for want of it since the start",
            means="the assistant may have been one of them",
            mend="see which: sudo dmesg | grep -i 'killed process'",
            **facts,
        )
    return ok("memory", what, **facts)


def disk(probe: Probe) -> Finding:
    """Room, and may we write, where the state and the models are?"""
    settings = probe.settings_if_valid
    folders = {"state": state_dir()}
    if settings is not None:
        folders |= {"record": settings.session.database.parent, "models": settings.models.dir}
    found = [_disk(probe, what, folder, must_write=what != "models") for what, folder in folders.items()]
    gravest = worst(found)
    if gravest.level != "ok":
        return gravest
    least = min(probe.space(folder).free for folder in folders.values())
    return ok("disk", f"{least / _GB:.1f} GB free for record and models, both can be written", free_mb=least // _MB)


#: What the system says where there is room no more, in the words of `strerror`.
_NO_ROOM = ("no space left", "quota exceeded")


def _disk(probe: Probe, what: str, folder: Path, *, must_write: bool) -> Finding:
    space, why = probe.space(folder), probe.writable(folder) if must_write else None
    mend = f"see what takes it: sudo du -xh --max-depth=2 {folder} | sort -h | tail; old sessions: nearfield sessions"
    no_room = next((words for words in _NO_ROOM if why and words in why), "")
    if space.free < FULL_MB * _MB or (space.files is not None and space.files < 100) or no_room:
        short = "no room for more files" if space.free >= FULL_MB * _MB else f"{space.free // _MB} MB free"
        means = "what is said and done can no longer be written down"
        return failed("disk", f"the disk of {folder} ({what}) is full: {no_room or short}", means=means, mend=mend)
    if why:
        return failed(
            "disk",
            f"nothing can be written to {folder} ({why})",
            means="conversations, calibration and timers are not kept; 'nearfield run' does not start",
            mend=f"sudo mount -o remount,rw /, or: sudo chown -R $USER {folder}, or set session.database elsewhere",
        )
    if space.free < SCARCE_MB * _MB:
        means = "there is no room for another model, and soon none for the record"
        return warning("disk", f"{space.free // _MB} MB free on the disk of {folder}", means=means, mend=mend)
    return ok("disk", "")


def clock(probe: Probe) -> Finding:
    """Can the time be right, and who sets it?"""
    now = probe.now()
    told = now.strftime("%Y-%m-%d %H:%M %Z")
    means = "times that it says are wrong, alarms ring at the wrong time, certificates count as not yet valid"
    if now < _built():
        return failed(
            "clock",
            f"it says {told}, before this program was made",
            means=means,
            mend="sudo timedatectl set-ntp true; without a network: sudo date -s '2026-12-24 18:00', and an RTC",
        )
    shown = probe.run(("timedatectl", "show", "--property=NTP", "--property=NTPSynchronized"))
    values = dict(line.partition("=")[::2] for line in (shown.out if shown and not shown.status else "").splitlines())
    synchronised, has_rtc = values.get("NTPSynchronized"), (probe.root / "sys/class/rtc/rtc0").exists()
    facts: dict[str, Any] = {"ntp": values.get("NTP"), "synchronised": synchronised, "rtc": has_rtc}
    if synchronised == "no" and not has_rtc:
        return warning(
            "clock",
            f"{told}, not set by the network, and there is no clock with a battery",
            means=f"after a power cut {means}",
            mend="sudo timedatectl set-ntp true, or add an RTC (dtoverlay=i2c-rtc,ds3231)",
            **facts,
        )
    by = {"yes": ", set by the network", "no": ", kept by the RTC"}.get(synchronised or "", "")
    return ok("clock", told + by, **facts)


def _built() -> datetime:
    try:
        made = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return RELEASED
    return max(RELEASED, made)


def real_time(probe: Probe) -> Finding:
    """May the audio callback come before all else?"""
    if (limit := _limit_of(probe)) is not None and limit < PRIORITY:
        return warning(
            "real-time",
            f"the assistant that runs may have no real-time priority: its limit is {limit}",
            means="when the machine is busy sound is lost (docs/audio.md)",
            mend=f"sudo systemctl edit nearfield: LimitRTPRIO={PRIORITY}; then: sudo systemctl restart nearfield",
        )
    if why := probe.real_time():
        what, _, hint = why.rpartition("; ")
        return warning(
            "real-time",
            what or why,
            means="when the machine is busy sound is lost (docs/audio.md)",
            mend=hint or "LimitRTPRIO=40 in the unit",
        )
    return ok("real-time", "the audio callback may have real-time priority")


def _limit_of(probe: Probe) -> int | None:
    """On real-time priority, of an assistant that runs without root's rights; whoever asks may have other limits."""
    pid = probe.running.pid
    capabilities = re.search(r"^CapEff:\s*([0-9a-f]+)", probe.text(f"proc/{pid}/status") or "", re.MULTILINE)
    found = re.search(r"^Max realtime priority\s+\S+\s+(\S+)", probe.text(f"proc/{pid}/limits") or "", re.MULTILINE)
    if pid is None or found is None or (capabilities and int(capabilities[1], 16) >> CAP_SYS_NICE & 1):
        return None
    return 99 if found[1] == "unlimited" else int(found[1])


def groups(probe: Probe) -> Finding:
    """May this user use the sound card?"""
    if why := probe.permission():
        return failed("groups", why.message, means="it hears and says nothing", mend=why.hint)
    return ok("groups", "this user may use what sound devices there are")
