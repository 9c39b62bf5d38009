"""Which sound devices there are, and which one a configuration means.

for device in list_devices(): print(device.index, device.name)
microphone = choose_input("auto")          # or "3", or a part of its name: "USB"
"""

import difflib
import re
from dataclasses import dataclass

from device.audio.holders import no_permission, who_holds
from device.audio.host import SEE_DEVICES, portaudio, translated
from device.errors import NoCardError


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


def list_devices() -> list[DeviceInfo]:
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
            )
            for index, entry in enumerate(sd.query_devices())
        ]


def rescan() -> list[DeviceInfo]:
    """Ask the system again: PortAudio keeps the list of its start. No stream may be open."""
    sd = portaudio()
    with translated("the sound system"):
        sd._terminate()
        sd._initialize()
    return list_devices()


def choose_input(wanted: str, devices: list[DeviceInfo] | None = None) -> DeviceInfo:
    """The microphone that `wanted` names: "auto", an index, or a (part of a) name. Raises NoCardError."""
    candidates = [d for d in (list_devices() if devices is None else devices) if d.input_channels > 0]
    default = next((d for d in candidates if d.default_input), None)
    return _choose(wanted, candidates, default, "microphone", "audio.input")


def choose_output(wanted: str, devices: list[DeviceInfo] | None = None) -> DeviceInfo:
    """The loudspeaker that `wanted` names: "auto", an index, or a (part of a) name. Raises NoCardError."""
    candidates = [d for d in (list_devices() if devices is None else devices) if d.output_channels > 0]
    default = next((d for d in candidates if d.default_output), None)
    return _choose(wanted, candidates, default, "loudspeaker", "audio.output")


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
        return default or candidates[0]
    if wanted.isdecimal():
        found = [d for d in candidates if d.index == int(wanted)]
    else:
        exact = [d for d in candidates if d.name.lower() == wanted.lower()]
        found = exact or [d for d in candidates if wanted.lower() in d.name.lower()]
    if len(found) == 1:
        return found[0]
    names = "; ".join(f"{d.index} {d.name}" for d in (found or candidates))
    if not found:
        near = nearest(wanted, [d.name for d in candidates])
        hint = f"did you mean {near!r}? Set {key} to it" if near else f"set {key} to one of these"
        if why := no_permission() or who_holds():  # a busy card is not listed
            hint = f"{hint}; or it is not listed because {why.message}: {why.hint}"
        raise NoCardError(f"no {kind} is called {wanted!r}; there is: {names}", hint=hint)
    raise NoCardError(f"{len(found)} {kind}s are called {wanted!r}: {names}", hint=f"set {key} to the number of one")
