"""Who listens on the network, from /proc alone.

    for port in listening(Path("/"), pids={512}): print(port.protocol, port.address, port.port)

The sockets of a process are links in /proc/PID/fd to inodes, which /proc/net lists (proc(5), proc_net(5)). Those of
other users are hidden from all but root.
"""

import ipaddress
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_LISTEN, _UDP_UNCONNECTED = "0A", "07"  # states of <net/tcp_states.h>


@dataclass(frozen=True, slots=True)
class Port:
    """Where somebody listens."""

    protocol: str  #: "tcp" or "udp"
    address: str
    port: int
    inode: str

    @property
    def at_home(self) -> bool:
        """Loopback: only programs of this machine reach it."""
        return ipaddress.ip_address(self.address).is_loopback


def all_ports(root: Path) -> list[Port]:
    """Of everybody, sorted. Empty where the system does not say."""
    found = []
    for name, state in (("tcp", _LISTEN), ("tcp6", _LISTEN), ("udp", _UDP_UNCONNECTED), ("udp6", _UDP_UNCONNECTED)):
        try:
            lines = (root / "proc/net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == state:
                address, _, port = fields[1].partition(":")
                found.append(Port(name[:3], _address(address), int(port, 16), fields[9]))
    return sorted(found, key=lambda each: (each.port, each.protocol, each.address))


def listening(root: Path, pids: Collection[int]) -> list[Port]:
    """Those of these processes."""
    inodes = {inode for pid in pids for inode in _inodes(root, pid)}
    return [port for port in all_ports(root) if port.inode in inodes]


def may_be_seen(root: Path, pid: int | None) -> bool:
    """Are the sockets of this process among those that this user is shown?"""
    return pid is not None and bool(_entries(root / "proc" / str(pid) / "fd"))


def taken_by(root: Path, port: int) -> tuple[Port, int | None] | None:
    """Who listens on a TCP port: where, and the process if it can be seen."""
    for each in all_ports(root):
        if each.protocol == "tcp" and each.port == port:
            pids = (int(p.name) for p in _entries(root / "proc") if p.name.isdecimal())
            return each, next((pid for pid in pids if each.inode in _inodes(root, pid)), None)
    return None


def with_children(root: Path, pid: int) -> set[int]:
    """The process and those that it started, and they."""
    parents: dict[int, int] = {}
    for folder in _entries(root / "proc"):
        if folder.name.isdecimal():
            found = re.search(r"\)\s+\S\s+(\d+)", _text(folder / "stat"))
            if found:
                parents[int(folder.name)] = int(found[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _address(text: str) -> str:
    """Words of 32 bits in the machine's own byte order, which is little-endian wherever we run."""
    words = [bytes.fromhex(text[n : n + 8])[::-1] for n in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _inodes(root: Path, pid: int) -> set[str]:
    found = set()
    for link in _entries(root / "proc" / str(pid) / "fd"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]  # noqa: PTH208 - half the time of iterdir, and it is all of /proc
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
