"""What the machine has, for the questions of `nearfield setup`.

facts = gather(settings)
"""

import os
from collections.abc import Callable
from pathlib import Path

from device.assembly import WAKE_MODEL
from device.audio.devices import DeviceInfo, choose_input, choose_output, choose_pair, list_devices
from device.config import Settings
from device.config.describe import keys_of
from device.errors import NearfieldError
from device.persona import known_personas
from device.setup_wizard.interview import Choice, Facts
from models.catalog import Catalog
from models.errors import ModelError
from models.store import open_store


def gather(settings: Settings, root: Path = Path("/")) -> Facts:
    """`root`: where `proc` and `sys` are. Raises nothing that has to do with the machine."""
    board = _text(root / "proc/device-tree/model").rstrip("\0")
    no_card = ""
    try:
        devices = [device for device in list_devices() if not device.hollow]
        inputs = _choices(devices, [d for d in devices if d.input_channels > 0], choose_input)
        outputs = _choices(devices, [d for d in devices if d.output_channels > 0], choose_output)
        if not inputs and not outputs:
            choose_input("auto", [])  # raises, and says whether a card is held by another program
    except NearfieldError as error:
        inputs, outputs, no_card = (), (), f"{error.message} ({error.hint})"
    return Facts(
        microphones=(*inputs, Choice("none", "there is none")) if inputs or outputs else (),
        loudspeakers=(*outputs, Choice("none", "there is none")) if inputs or outputs else (),
        no_card=no_card,
        voices=_voices(settings),
        personas=tuple(known_personas()),
        wake_words=wake_words(settings),
        memory_mb=_memory_mb(_text(root / "proc/meminfo")),
        cores=os.cpu_count() or 0,
        board=board,
        header=board.startswith(("Raspberry Pi", "NVIDIA Jetson")),
        page="web.enabled" in keys_of(Settings),
    )


def time_zone(root: Path = Path("/")) -> str:
    """Of the machine ("Europe/Vienna"); "" when it cannot be told."""
    if name := _text(root / "etc/timezone").strip():
        return name
    try:
        return str((root / "etc/localtime").resolve()).partition("/zoneinfo/")[2]
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _memory_mb(meminfo: str) -> int:
    """MemTotal of proc_meminfo(5), in MB; 0: it is not told."""
    for line in meminfo.splitlines():
        words = line.split()
        if words[:1] == ["MemTotal:"] and words[1:] and words[1].isdecimal():
            return int(words[1]) * 1024 // 1_000_000
    return 0


def _voices(settings: Settings) -> tuple[Choice, ...]:
    try:
        catalog: Catalog = open_store(settings.models.dir).catalog
    except ModelError:
        return ()
    return tuple(Choice(entry.id, entry.description) for entry in catalog.models.values() if entry.task == "tts")


def wake_words(settings: Settings) -> tuple[str, ...]:
    """Names of those that come with the software. Raises ModelError: the owner's catalogue is wrong."""
    files = open_store(settings.models.dir).catalog.model(WAKE_MODEL).files
    return tuple(file.role for file in files if not file.role.endswith("-config"))


def _choices(
    devices: list[DeviceInfo], usable: list[DeviceInfo], choose: Callable[[str, list[DeviceInfo]], DeviceInfo]
) -> tuple[Choice, ...]:
    """ "auto" first, then each by what will still name it after a restart."""
    if not usable:
        return ()
    pair = choose_pair("auto", "auto", devices)
    auto = next((device for device in pair if device in usable), usable[0])
    named = [Choice(_lasting_name(device, devices, choose), device.name) for device in usable]
    return (Choice("auto", f"now {auto.name}"), *dict.fromkeys(named))


def _lasting_name(
    device: DeviceInfo, devices: list[DeviceInfo], choose: Callable[[str, list[DeviceInfo]], DeviceInfo]
) -> str:
    """Its USB id, or its name without ALSA's numbers, which change; its number where nothing else is unique."""
    candidates = [f"usb:{device.usb_id}"] if device.usb_id else []
    for name in (*candidates, device.name.partition(" (hw:")[0].strip(" :-"), device.name):
        try:
            if name and choose(name, devices) == device:
                return name
        except NearfieldError:
            continue
    return str(device.index)
