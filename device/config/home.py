"""The keys of what is reached over the network: MCP servers and an MQTT broker.

    settings = McpSettings(servers={"home": {"url": "http://home.local:8123/api/mcp", "allow": ["GetLiveContext"]}})
    settings.servers["home"].timeout_s

Both are off until a server or a broker is named.
"""

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from device.config.section import Name, OptionalPath, Section, contradiction, none_word

OptionalName = Annotated[Name | None, BeforeValidator(none_word)]

#: What may be part of the name of a skill, and of a topic of MQTT.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TOPIC_PART = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def _wrong(why: str) -> PydanticCustomError:
    return PydanticCustomError("not_usable", "{why}", {"why": why})


class McpServerSettings(Section):
    """One MCP server: a program that is started (`command`), or one that listens (`url`)."""

    command: tuple[Name, ...] = Field(
        default=(), description="program and its arguments; it is started and kept running"
    )
    env: dict[str, str] = Field(default_factory=dict, description="variables of its environment, beside HOME, PATH ...")
    url: OptionalName = Field(default=None, description="... or the address of its streamable HTTP endpoint")
    token_file: OptionalPath = Field(
        default=None, description="file with the bearer token for `url`; only its owner may read it"
    )
    allow: tuple[Name, ...] = Field(default=(), description="tools that are offered; no other one is")
    read_only: tuple[Name, ...] = Field(
        default=(), description="those of them that change nothing: done without asking"
    )
    confirm: bool = Field(default=True, description="ask before any other one is used")
    aside: tuple[Name, ...] = Field(default=(), description="those that take long: the result is told when it is there")
    timeout_s: float = Field(default=10.0, ge=0.1, le=590.0, description="longest time that a tool may take, in s")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise _wrong("it needs either command or url")
        if self.url and not re.match(r"https?://[^/\s]", self.url):
            raise _wrong("url must begin with http:// or https://")
        if self.token_file and not self.url:
            raise _wrong("token_file belongs to a url; a command takes its secrets from env")
        for key in ("read_only", "aside"):
            if unknown := set(getattr(self, key)) - set(self.allow):
                raise _wrong(f"{key} names '{min(unknown)}', which allow does not")
        return self


class McpSettings(Section):
    """Tools of MCP servers as skills."""

    connect_timeout_s: float = Field(
        default=10.0, ge=0.5, le=120.0, description="longest time that a server may take to answer at first, in s"
    )
    check_s: float = Field(
        default=15.0, ge=0.2, le=600.0, description="how often it is asked whether it is there, in s"
    )
    result_chars: int = Field(
        default=2_000, ge=50, le=20_000, description="what is longer is cut, in characters of a tool's result"
    )
    servers: dict[str, McpServerSettings] = Field(
        default_factory=dict, description="a table for each server, [mcp.servers.NAME]: see docs/home.md"
    )

    @field_validator("servers")
    @classmethod
    def _names(cls, servers: dict[str, McpServerSettings]) -> dict[str, McpServerSettings]:
        for name in servers:
            if not _WORD.fullmatch(name) or len(name) > 24:
                raise _wrong(f"the name '{name[:40]}' is not up to 24 letters, digits and '_', a letter first")
        return servers


class MqttSettings(Section):
    """A broker of MQTT, and Home Assistant behind it."""

    host: OptionalName = Field(default=None, description='name or address of the broker; "none" goes without')
    port: int = Field(default=0, ge=0, le=65_535, description="its port; 0 = 1883, with tls 8883")
    tls: bool = Field(default=False, description="encrypt, and check the broker's certificate")
    ca_file: OptionalPath = Field(
        default=None, description="certificates that the broker's must descend from; \"none\" = the system's"
    )
    username: OptionalName = Field(default=None, description="who logs in")
    password_file: OptionalPath = Field(default=None, description="file with the password; only its owner may read it")
    topic: Name = Field(default="nearfield", description="first part of all topics of this device")
    discovery_topic: Name = Field(default="homeassistant", description="where Home Assistant looks for devices")
    device_id: Name = Field(
        default="auto", description='what tells this device from others; "auto" = made from the machine\'s id'
    )
    name: Name = Field(default="Nearfield", description="what Home Assistant calls it")
    announce: bool = Field(default=True, description="speak what is published to the topic announce/set")
    transcript: bool = Field(default=False, description="publish the last thing that was understood")

    @property
    def used_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key in ("topic", "discovery_topic", "device_id"):
            value = getattr(self, key)
            pattern = _TOPIC_PART if key != "device_id" else re.compile(r"[A-Za-z0-9_-]+")
            if not pattern.fullmatch(value) or len(value) > 100:
                raise contradiction(key, f"mqtt.{key} ({value[:40]!r}) may hold letters, digits, '_' and '-' only")
        if self.password_file and not self.username:
            raise contradiction("password_file", "mqtt.password_file needs mqtt.username")
        if self.ca_file and not self.tls:
            raise contradiction("ca_file", "mqtt.ca_file needs mqtt.tls = true")
        return self
