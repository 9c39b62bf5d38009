"""What Home Assistant is told of this device, so that it finds it by itself.

    topics = Topics("nearfield", "kitchen")
    message = discovery(topics, settings, version="0.1.0")

The form is Home Assistant's device discovery (https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload):
one retained message for the device and all its entities. An entity with nothing but its platform takes away one that
was there before.
"""

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from device.config.home import MqttSettings
from device.dialogue.events import State

#: "ringing" is a state of later versions of the conversation.
STATES = tuple(dict.fromkeys([*get_args(State), "ringing"]))
ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"


@dataclass(frozen=True, slots=True)
class Message:
    """To be published, retained: whoever comes later shall know it as well."""

    topic: str
    payload: str


@dataclass(frozen=True, slots=True)
class Topics:
    """Where everything is."""

    prefix: str
    device_id: str

    def _of(self, name: str) -> str:
        return f"{self.prefix}/{self.device_id}/{name}"

    @property
    def availability(self) -> str:
        return self._of("availability")

    def state(self, entity: str) -> str:
        return self._of(entity)

    def command(self, entity: str) -> str:
        return self._of(f"{entity}/set")


def device_id(settings: MqttSettings, machine_id: Path = Path("/etc/machine-id")) -> str:
    """As configured; "auto": the same for this machine for good, and nothing that tells its id to others."""
    if settings.device_id != "auto":
        return settings.device_id
    try:
        secret = machine_id.read_text("ascii").strip() or platform.node()
    except (OSError, UnicodeDecodeError):
        secret = platform.node()
    # machine-id(5) asks that the id itself is not shown: hash it with a word of the application
    return "nearfield_" + hashlib.sha256(f"nearfield mqtt {secret}".encode()).hexdigest()[:8]


def discovery(topics: Topics, settings: MqttSettings, version: str) -> Message:
    """The message that Home Assistant makes the device of."""
    entities: dict[str, dict[str, Any]] = {
        "mute": {
            "platform": "switch",
            "name": "Microphone muted",
            "icon": "mdi:microphone-off",
            "state_topic": topics.state("mute"),
            "command_topic": topics.command("mute"),
            "payload_on": ON,
            "payload_off": OFF,
        },
        "volume": {
            "platform": "number",
            "name": "Volume",
            "icon": "mdi:volume-high",
            "state_topic": topics.state("volume"),
            "command_topic": topics.command("volume"),
            "min": 0,
            "max": 100,
            "step": 1,
            "unit_of_measurement": "%",
        },
        "state": {
            "platform": "sensor",
            "name": "State",
            "icon": "mdi:account-voice",
            "device_class": "enum",
            "options": list(STATES),
            "state_topic": topics.state("state"),
        },
        "announce": {
            "platform": "notify",
            "name": "Announce",
            "icon": "mdi:bullhorn",
            "command_topic": topics.command("announce"),
        },
        "transcript": {
            "platform": "sensor",
            "name": "Last transcript",
            "icon": "mdi:text-recognition",
            "state_topic": topics.state("transcript"),
        },
    }
    for name, wanted in (("announce", settings.announce), ("transcript", settings.transcript)):
        if not wanted:
            entities[name] = {"platform": entities[name]["platform"]}
    for name, entity in entities.items():
        if len(entity) > 1:
            entity["unique_id"] = f"{topics.device_id}_{name}"
    payload = {
        "device": {
            "identifiers": [topics.device_id],
            "name": settings.name,
            "manufacturer": "Nearfield",
            "model": "Voice assistant",
            "sw_version": version,
        },
        "origin": {"name": "Nearfield", "sw_version": version},
        "availability_topic": topics.availability,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "components": entities,
    }
    return Message(
        f"{settings.discovery_topic}/device/{topics.device_id}/config", json.dumps(payload, ensure_ascii=False)
    )
