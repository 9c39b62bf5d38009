"""The house and the tools of others, as one thing that is started and ended with the appliance.

    bridges = Bridges(settings, on_skills=make_the_skills_anew)
    bridges.start(controls, on_announce=assistant.announce)
    bridges.skills; bridges.on_event(event); bridges.close()

What is not configured costs nothing: its libraries are not even imported.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

from device.config import Settings
from device.dialogue.events import Event
from device.skills.skill import Skill

if TYPE_CHECKING:
    from device.home.mqtt import HouseControls, MqttHouse
    from device.skills.mcp_bridge import McpBridge


class Bridges:
    """`on_skills` is called from a thread of its own after `skills` has changed; it must not block for long."""

    def __init__(self, settings: Settings, *, on_skills: Callable[[], None] = lambda: None) -> None:
        """Raises ConfigError: servers are named, and the library for them is not installed."""
        self._settings = settings
        self._mcp: McpBridge | None = None
        self._mqtt: MqttHouse | None = None
        if settings.mcp.servers:
            from device.skills import mcp_bridge  # noqa: PLC0415 - half a second, for those who use it

            self._mcp = mcp_bridge.McpBridge(settings.mcp, on_change=on_skills)

    def start(self, controls: "HouseControls", *, on_announce: Callable[[str], None], wait_s: float = 0.0) -> None:
        """`controls`: mute and volume. `on_announce` gets texts to be spoken as they are.

        Waits for nobody: tools join when their server has answered (`wait_s` > 0: so long at most). Raises
        ConfigError: a password or certificate of [mqtt] cannot be used.
        """
        if self._settings.mqtt.host is not None:
            from device.home import mqtt  # noqa: PLC0415

            self._mqtt = mqtt.MqttHouse(self._settings.mqtt, controls, on_announce=on_announce)
            self._mqtt.start()
        if self._mcp is not None:
            self._mcp.start(wait_s)

    @property
    def skills(self) -> tuple[Skill, ...]:
        """The tools of the MCP servers that are there now."""
        return self._mcp.skills if self._mcp is not None else ()

    @property
    def known(self) -> tuple[Skill, ...]:
        """Those that servers had when they were there last, away or not."""
        return self._mcp.known if self._mcp is not None else ()

    @property
    def trouble(self) -> Mapping[str, str]:
        """What is not there, and why: "MQTT" or the name of an MCP server, and a line."""
        trouble = dict(self._mcp.trouble) if self._mcp is not None else {}
        if self._mqtt is not None:
            trouble["MQTT"] = self._mqtt.trouble
        return {name: line for name, line in trouble.items() if line}

    def on_event(self, event: Event) -> None:
        """Every event of the conversation. Never waits."""
        if self._mqtt is not None:
            self._mqtt.on_event(event)

    def close(self) -> None:
        """Ends all connections and processes. Bounded; never raises. More than once is fine."""
        if self._mqtt is not None:
            self._mqtt.close()
        if self._mcp is not None:
            self._mcp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
