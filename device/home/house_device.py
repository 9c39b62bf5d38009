"""What the house sees of the assistant, and what it may ask of it. Sans-IO.

    device = HouseDevice(settings, topics, version="0.1.0", muted=False, volume_percent=70)
    device.everything()                                     # messages, when a broker is there
    device.on_event(StateChange(sample, turn, "listening")) # messages
    device.asked(topics.command("volume"), b"40", retained=False)  # SetVolume(40), or None: nothing sensible

Whatever comes in is data: an announcement is spoken as it is and means nothing to the assistant.
"""

import logging
import re
from dataclasses import dataclass

from device.config.home import MqttSettings
from device.dialogue.events import Commit, Event, Mute, StateChange
from device.home.discovery import OFF, OFFLINE, ON, ONLINE, STATES, Message, Topics, discovery

_log = logging.getLogger(__name__)

MOST_ANNOUNCEMENT_CHARS = 1_000
MOST_PAYLOAD_BYTES = 4 * MOST_ANNOUNCEMENT_CHARS
MOST_STATE_CHARS = 255  #: Home Assistant takes no longer state


@dataclass(frozen=True, slots=True)
class SetMute:
    muted: bool


@dataclass(frozen=True, slots=True)
class SetVolume:
    percent: int


@dataclass(frozen=True, slots=True)
class Announce:
    text: str


Wish = SetMute | SetVolume | Announce


class HouseDevice:
    """Not for several threads at once."""

    def __init__(
        self, settings: MqttSettings, topics: Topics, *, version: str, muted: bool, volume_percent: int
    ) -> None:
        self._topics = topics
        self._transcript = settings.transcript
        self._discovery = discovery(topics, settings, version)
        self._states = {"mute": ON if muted else OFF, "volume": str(volume_percent), "state": STATES[0]}
        # without the sensor, what an earlier run has left with the broker goes
        self._states["transcript"] = ""
        self._commands = {topics.command(name): name for name in ("mute", "volume", "announce")}
        if not settings.announce:
            del self._commands[topics.command("announce")]
        self._complained: set[str] = set()

    @property
    def will(self) -> Message:
        """What the broker is to publish when this device is lost, and what is published when it goes."""
        return Message(self._topics.availability, OFFLINE)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return tuple(self._commands)

    def everything(self) -> list[Message]:
        """For a broker that knows nothing, or what is old."""
        states = [Message(self._topics.state(name), value) for name, value in self._states.items()]
        return [self._discovery, *states, Message(self._topics.availability, ONLINE)]

    def on_event(self, event: Event) -> list[Message]:
        match event:
            case StateChange(state=state) if state in STATES:
                return self._set("state", state)
            case Mute(muted=muted):
                return self._set("mute", ON if muted else OFF)
            case Commit(text=text) if self._transcript:
                return self._set("transcript", _cut(text))
        return []

    def volume(self, percent: int) -> list[Message]:
        return self._set("volume", str(percent))

    def _set(self, name: str, value: str) -> list[Message]:
        if self._states[name] == value:
            return []
        self._states[name] = value
        return [Message(self._topics.state(name), value)]

    def asked(self, topic: str, payload: bytes, *, retained: bool) -> Wish | None:
        """What a message wishes for. None: nothing that makes sense; said in the log, once for each kind of mistake."""
        name = self._commands.get(topic)
        if name is None:
            return None
        if retained:
            # an old "unmute" must not be obeyed anew each time that the connection comes back
            return self._refuse(name, "it is retained; publish wishes without the retain flag")
        if len(payload) > MOST_PAYLOAD_BYTES:
            return self._refuse(name, f"{len(payload):,} bytes are too long")
        try:
            text = payload.decode("utf-8").strip()
        except UnicodeDecodeError:
            return self._refuse(name, "it is not UTF-8 text")
        wish = {"mute": _mute, "volume": _volume, "announce": _announce}[name](text)
        return self._refuse(name, wish) if isinstance(wish, str) else wish

    def _refuse(self, name: str, why: str) -> Wish | None:
        line = f"{name}: {re.sub('[0-9,]+', 'N', why)}"
        if line not in self._complained:
            self._complained.add(line)
            _log.warning("MQTT: what was published to %s is ignored: %s", self._topics.command(name), why)
        return None


def _mute(text: str) -> Wish | str:
    if text.upper() not in {ON, OFF}:
        return f"it is neither {ON} nor {OFF}"
    return SetMute(text.upper() == ON)


def _volume(text: str) -> Wish | str:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text, re.ASCII) or float(text) > 100:
        return "it is no number from 0 to 100"
    return SetVolume(round(float(text)))


def _announce(text: str) -> Wish | str:
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not words:
        return "it holds no text"
    if len(words) > MOST_ANNOUNCEMENT_CHARS:
        return f"{len(words):,} characters are too long to be spoken"
    return Announce(words)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_STATE_CHARS else text[: MOST_STATE_CHARS - 1] + "…"
