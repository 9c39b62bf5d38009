"""How the machine is, for whoever asks it by voice: heat, memory, disk, network, uptime.

    BoardReader(state_dir()).read().temperature_c       # 54.2

Read from /proc and /sys; what a machine does not say is None. Fulfils `device.skills.services.DeviceStatus`.
"""

import shutil
import socket
from pathlib import Path

from device.diagnostics.health import HealthReader
from device.skills.services import Board
from device.version import software_version

#: RTF_UP | RTF_GATEWAY of <linux/route.h>
_UP_BY_GATEWAY = 0x0003


class BoardReader:
    """Any thread."""

    def __init__(self, disk: Path, root: Path = Path("/")) -> None:
        """`disk`: a folder on the disk whose space counts; `root`: where `sys` and `proc` are."""
        self._disk = disk
        self._root = root

    @property
    def version(self) -> str:
        """Of the program."""
        return software_version()

    def read(self) -> Board:
        """Now. Raises nothing."""
        health = HealthReader(self._root).read()
        interface = self._interface()
        return Board(
            temperature_c=health.temperature_c,
            throttled=health.throttled,
            power_low=health.power_low,
            memory_free_percent=self._memory_free_percent(),
            disk_free_bytes=self._disk_free_bytes(),
            uptime_s=self._uptime_s(),
            interface=interface,
            address=own_address() if interface else None,
        )

    def _lines(self, path: str) -> list[str] | None:
        try:
            return (self._root / path).read_text("ascii", errors="replace").splitlines()
        except OSError:
            return None

    def _memory_free_percent(self) -> float | None:
        """What programs can still have, of all there is (MemAvailable of proc_meminfo(5))."""
        sizes = {}
        for line in self._lines("proc/meminfo") or []:
            name, _, rest = line.partition(":")
            number = rest.split()[:1]
            if number and number[0].isdigit():
                sizes[name] = int(number[0])
        if not sizes.get("MemTotal") or "MemAvailable" not in sizes:
            return None
        return 100.0 * sizes["MemAvailable"] / sizes["MemTotal"]

    def _disk_free_bytes(self) -> int | None:
        folder = self._disk
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            return None

    def _uptime_s(self) -> float | None:
        try:
            return float((self._lines("proc/uptime") or [""])[0].split()[0])
        except (ValueError, IndexError):
            return None

    def _interface(self) -> str | None:
        """The interface of the default route (proc_net(5)); "": there is none; None: it cannot be told."""
        lines = self._lines("proc/net/route")
        if lines is None:
            return None
        for line in lines[1:]:
            fields = line.split()
            try:
                if fields[1] == "00000000" and int(fields[3], 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY:
                    return fields[0]
            except (ValueError, IndexError):
                continue
        return ""


def own_address() -> str | None:
    """The address that this machine has towards others; nothing is sent. None: none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 of RFC 5737: nobody's
            return str(probe.getsockname()[0])
        except OSError:
            return None
