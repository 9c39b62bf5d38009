"""Why a sound card that is there cannot be had: who holds it, and who may not.

    for holder in holders(): print(holder.name, holder.pid, holder.device)
    if (why := no_permission()): print(why.message, why.hint)

Reads /proc and /dev alone and never raises. The open files of other users' processes are hidden from all but root.
"""

import getpass
import grp
import os
import re
from dataclasses import dataclass
from pathlib import Path

SOUND_SERVERS = {
    "pipewire": "systemctl --user stop pipewire.socket pipewire.service wireplumber.service",
    "pipewire-pulse": "systemctl --user stop pipewire-pulse.socket pipewire-pulse.service",
    "wireplumber": "systemctl --user stop wireplumber.service",
    "pulseaudio": "systemctl --user stop pulseaudio.socket pulseaudio.service, or pulseaudio --kill",
    "jackd": "killall jackd",
    "jackdbus": "jack_control stop",
}

_PROC = Path("/proc")
_SND = Path("/dev/snd")
_CARD = re.compile(r"\(hw:(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a sound device open."""

    pid: int
    name: str
    device: str  #: "/dev/snd/pcmC1D0p"


@dataclass(frozen=True, slots=True)
class Why:
    """A reason and a way out."""

    message: str
    hint: str


def holders(device_name: str = "", proc: Path = _PROC, snd: Path = _SND) -> list[Holder]:
    """The other processes that hold a PCM device; only of the card in `device_name` if that says "(hw:1,0)"."""
    card = _CARD.search(device_name)
    wanted = f"{snd}/pcmC{card.group(1)}D{card.group(2)}" if card else f"{snd}/pcm"
    found = []
    for process in sorted((p for p in _entries(proc) if p.name.isdecimal()), key=lambda p: int(p.name)):
        if int(process.name) == os.getpid():
            continue
        held = {target for fd in _entries(process / "fd") if (target := _link(fd)).startswith(wanted)}
        if held:
            found.append(Holder(int(process.name), _name(process), min(held)))
    return found


def who_holds(device_name: str = "", proc: Path = _PROC, snd: Path = _SND) -> Why | None:
    """In words: "pipewire (process 512) holds it", and what to do. None when nobody is seen to hold it."""
    found = holders(device_name, proc, snd)
    if not found:
        return None
    who = ", ".join(f"{h.name} (process {h.pid})" for h in found)
    servers = [h.name for h in found if h.name in SOUND_SERVERS]
    if servers:
        return Why(
            f"the sound server {who} holds it",
            f"stop it ({SOUND_SERVERS[servers[0]]}), or let it do the sound: set audio.input and audio.output to its "
            "device, 'pulse' or 'default'",
        )
    return Why(f"{who} holds it", "stop that program, or choose another device in [audio]")


def no_permission(snd: Path = _SND) -> Why | None:
    """There is a sound card, but this user may not open it: not in the group `audio`."""
    nodes = [n for n in _entries(snd) if n.name.startswith(("pcm", "control"))]
    if not nodes or any(os.access(n, os.R_OK | os.W_OK) for n in nodes):
        return None
    try:
        group = grp.getgrgid(nodes[0].stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "audio"
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"number {os.getuid()}"
    return Why(
        f"there is a sound card, but the user {user} may not use it: not in the group {group!r}",
        f"sudo usermod -aG {group} {user}, then log in again",
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # gone, not there, or not ours
        return []


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip() or "a program"
    except OSError:
        return "a program"
