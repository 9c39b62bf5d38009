"""Which sound devices there are, and which one a configuration means.

for device in list_devices(): print(device.index, device.name, device.usb_id)
microphone = choose_input("auto")          # or "3", a part of its name: "USB", or its USB id: "usb:0d8c:0014"
microphone, loudspeaker = choose_pair("auto", "auto")
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from device.audio.holders import no_permission, who_holds
from device.audio.host import SEE_DEVICES, portaudio, translated
from device.errors import NoCardError

#: Where the kernel says which card hangs on which bus.
SOUND_CLASS = Path("/sys/class/sound")
#: In audio.input or audio.output: do without this direction.
NONE = "none"
USB_ID = re.compile(r"usb:([0-9a-f]{4}):([0-9a-f]{4})", re.IGNORECASE)
#: ALSA puts the card's number in the name: "USB Audio: - (hw:1,0)".
_CARD_NUMBER = re.compile(r"\(hw:(\d+),")
#: Devices that take or give sound and reach no ear: never chosen by "auto" while there is another.
_HOLLOW = re.compile(r"\b(null|dummy|loopback|zero)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device as PortAudio lists it."""

    index: int
    name: str
    host_api: str  #: "ALSA", "JACK Audio Connection Kit", ...
    input_channels: int
    output_channels: int
    default_rate_hz: int
    default_input: bool
    default_output: bool
    usb_id: str = ""  #: "0d8c:0014", vendor and product; empty when it is not on USB, or not a card of its own

    @property
    def card(self) -> int | None:
        """ALSA's number of the card; None for "default" and what else has none."""
        found = _CARD_NUMBER.search(self.name)
        return int(found.group(1)) if found else None

    @property
    def hollow(self) -> bool:
        """True for null and dummy devices."""
        return _HOLLOW.search(self.name) is not None


def list_devices(sound_class: Path = SOUND_CLASS) -> list[DeviceInfo]:
    """All devices, in PortAudio's order; empty when there is no sound card. Raises NoCardError without PortAudio."""
    sd = portaudio()
    with translated("the sound system"):
        apis = sd.query_hostapis()
        defaults_in = {api["default_input_device"] for api in apis[:1]}
        defaults_out = {api["default_output_device"] for api in apis[:1]}
        # The first host API with devices is PortAudio's default; an empty one in front of it must not hide it.
        if apis and not apis[0]["devices"]:
            defaults_in = {api["default_input_device"] for api in apis if api["devices"]}
            defaults_out = {api["default_output_device"] for api in apis if api["devices"]}
        return [
            DeviceInfo(
                index=index,
                name=entry["name"],
                host_api=apis[entry["hostapi"]]["name"],
                input_channels=entry["max_input_channels"],
                output_channels=entry["max_output_channels"],
                default_rate_hz=int(entry["default_samplerate"]),
                default_input=index in defaults_in,
                default_output=index in defaults_out,
                usb_id=usb_id_of(entry["name"], sound_class),
            )
            for index, entry in enumerate(sd.query_devices())
        ]


def usb_id_of(name: str, sound_class: Path = SOUND_CLASS) -> str:
    """ "0d8c:0014" for the ALSA device `name` if its card is on USB, else "".

    /sys/class/sound/cardN/device is the USB interface; vendor and product are said by the device above it.
    """
    found = _CARD_NUMBER.search(name)
    if found is None:
        return ""
    folder = (sound_class / f"card{found.group(1)}" / "device").resolve()
    for place in (folder, *list(folder.parents)[:2]):
        try:
            vendor, product = ((place / part).read_text("ascii").strip() for part in ("idVendor", "idProduct"))
        except (OSError, ValueError):
            continue
        return f"{vendor}:{product}".lower()
    return ""


def rescan() -> list[DeviceInfo]:
    """Ask the system again: PortAudio keeps the list of its start. No stream may be open.

    Raises AudioError when PortAudio cannot be begun again; the next call tries anew.
    """
    sd = portaudio()
    with translated("the sound system"):
        if sd._initialized:  # not after a call that failed: to end it twice is an error
            sd._terminate()
        sd._initialize()
    return list_devices()


def choose_input(wanted: str, devices: list[DeviceInfo] | None = None) -> DeviceInfo:
    """The microphone that `wanted` names: "auto", an index, a (part of a) name, "usb:VVVV:PPPP". Raises NoCardError."""
    candidates = [d for d in (list_devices() if devices is None else devices) if d.input_channels > 0]
    default = next((d for d in candidates if d.default_input and not d.hollow), None)
    return _choose(wanted, candidates, default, "microphone", "audio.input")


def choose_output(wanted: str, devices: list[DeviceInfo] | None = None) -> DeviceInfo:
    """The loudspeaker that `wanted` names, as `choose_input`. Raises NoCardError."""
    candidates = [d for d in (list_devices() if devices is None else devices) if d.output_channels > 0]
    default = next((d for d in candidates if d.default_output and not d.hollow), None)
    return _choose(wanted, candidates, default, "loudspeaker", "audio.output")


def choose_pair(
    wanted_input: str, wanted_output: str, devices: list[DeviceInfo] | None = None, *, to_play: bool = False
) -> tuple[DeviceInfo | None, DeviceInfo | None]:
    """Microphone and loudspeaker, from one card if that can be: one clock, which the echo canceller likes best.

    "auto" takes the system's default if that has both directions, else the first card that has; beside a device that
    was named it takes the same card. None: "none" was asked for, or, for an automatic direction, nothing has it.
    Raises NoCardError when a named device is not there, or there is nothing at all: no loudspeaker `to_play` on, else
    no microphone.
    """
    devices = list_devices() if devices is None else devices
    wanted = [wanted_input.strip() or "auto", wanted_output.strip() or "auto"]
    auto = [each.lower() == "auto" for each in wanted]
    if all(auto):
        both = [d for d in devices if d.input_channels > 0 and d.output_channels > 0 and not d.hollow]
        both.sort(key=lambda d: not (d.default_input and d.default_output))  # stable: else PortAudio's order
        if both:
            return both[0], both[0]
    microphone = None if auto[0] or wanted[0].lower() == NONE else choose_input(wanted[0], devices)
    loudspeaker = None if auto[1] or wanted[1].lower() == NONE else choose_output(wanted[1], devices)
    if auto[0]:
        beside = [d for d in devices if d.input_channels > 0 and same_clock(d, loudspeaker)]
        microphone = beside[0] if beside else _any(devices, inputs=True)
    if auto[1]:
        beside = [d for d in devices if d.output_channels > 0 and same_clock(d, microphone)]
        loudspeaker = beside[0] if beside else _any(devices, inputs=False)
    if microphone is None and loudspeaker is None:
        (choose_output if to_play else choose_input)("auto", [])  # raises
    return microphone, loudspeaker


def same_clock(device: DeviceInfo, other: DeviceInfo | None) -> bool:
    """True when both are one device, or devices of one ALSA card."""
    if other is None:
        return False
    return device.index == other.index or (device.card is not None and device.card == other.card)


def _any(devices: list[DeviceInfo], *, inputs: bool) -> DeviceInfo | None:
    """What "auto" means for one direction alone; None when nothing has it."""
    try:
        return choose_input("auto", devices) if inputs else choose_output("auto", devices)
    except NoCardError:
        return None


def nearest(wanted: str, names: list[str]) -> str:
    """The name that `wanted` is most likely a slip of, "" when none is near: whole names and the words in them."""
    whole = {name.lower(): name for name in names}
    words = {word: name for name in names for word in re.findall(r"\w+", name.lower()) if len(word) > 2}
    for known in (whole, words):
        if found := difflib.get_close_matches(wanted.lower(), known, n=1, cutoff=0.6):
            return known[found[0]]
    return ""


def _choose(wanted: str, candidates: list[DeviceInfo], default: DeviceInfo | None, kind: str, key: str) -> DeviceInfo:
    wanted = wanted.strip()
    if not candidates:
        if why := no_permission() or who_holds():  # PortAudio lists neither a forbidden device nor a busy one
            raise NoCardError(f"no {kind}: {why.message}", hint=why.hint)
        raise NoCardError(f"no {kind}: there is no sound card that has one", hint=f"plug one in; {SEE_DEVICES}")
    if wanted.lower() in ("", "auto"):
        return default or next((d for d in candidates if not d.hollow), candidates[0])
    usb = USB_ID.fullmatch(wanted)
    if usb:
        found = [d for d in candidates if d.usb_id == f"{usb.group(1)}:{usb.group(2)}".lower()]
        if len({d.card for d in found}) == 1:  # a card may have several devices: its first is the main one
            found = found[:1]
    elif wanted.lower().startswith("usb:"):
        raise NoCardError(
            f"{wanted!r} is no USB id", hint=f'{key} = "usb:0d8c:0014" is vendor and product, four digits each'
        )
    elif wanted.isdecimal():
        found = [d for d in candidates if d.index == int(wanted)]
    else:
        exact = [d for d in candidates if d.name.lower() == wanted.lower()]
        found = exact or [d for d in candidates if wanted.lower() in d.name.lower()]
    if len(found) == 1:
        return found[0]
    names = "; ".join(_named(d) for d in (found or candidates))
    if not found:
        near = nearest(wanted, [d.name for d in candidates])
        hint = f"did you mean {near!r}? Set {key} to it" if near else f"set {key} to one of these"
        if why := no_permission() or who_holds():  # a busy card is not listed
            hint = f"{hint}; or it is not listed because {why.message}: {why.hint}"
        raise NoCardError(f"no {kind} is called {wanted!r}; there is: {names}", hint=hint)
    raise NoCardError(f"{len(found)} {kind}s are called {wanted!r}: {names}", hint=f"set {key} to the number of one")


def _named(device: DeviceInfo) -> str:
    return f"{device.index} {device.name}" + (f" (usb:{device.usb_id})" if device.usb_id else "")
