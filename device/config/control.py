"""The keys of what may be asked of it, and what it tells of itself, while it runs: a socket and webhooks.

    settings = ControlSettings(group="kiosk")
    hook = WebhookSettings(url="https://nas.local/hook", events=["card_lost", "error"])

What each of them is: docs/control.md.
"""

import re
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from device.config.home import OptionalName
from device.config.loopback import is_loopback
from device.config.section import OptionalPath, Section
from device.config.servers import HttpUrl

#: What a webhook may be told of.
WebhookEvent = Literal[
    "state",
    "mute",
    "volume",
    "card_lost",
    "card_back",
    "mic_trouble",
    "degraded",
    "error",
    "ring_start",
    "ring_end",
    "commit",
    "playout_end",
    "session_start",
    "session_end",
]
#: Those that tell nothing of what people do but that they are there.
USUAL_EVENTS: tuple[WebhookEvent, ...] = (
    "state",
    "mute",
    "card_lost",
    "card_back",
    "mic_trouble",
    "error",
    "session_start",
    "session_end",
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def _wrong(why: str) -> PydanticCustomError:
    return PydanticCustomError("not_usable", "{why}", {"why": why})


class ControlSettings(Section):
    """The socket at which `nearfield ctl` asks."""

    enabled: bool = Field(default=True, description="listen on a socket of this machine")
    socket: OptionalPath = Field(
        default=None,
        description='its path; "none" = control.sock in the state folder, of a service in its runtime directory',
    )
    group: OptionalName = Field(
        default=None, description='who else than its owner and root may use it: a group of users; "none" = nobody'
    )


class WebhookSettings(Section):
    """One address that is told what happens, by HTTP POST."""

    url: HttpUrl = Field(description="where to; https, or http on this machine")
    events: tuple[WebhookEvent, ...] = Field(default=USUAL_EVENTS, description="what is told")
    transcripts: bool = Field(default=False, description="with the words that were said and heard")
    secret_file: OptionalPath = Field(
        default=None, description="file with the secret that signs what is sent; only its owner may read it"
    )
    insecure: bool = Field(default=False, description="http to other machines, too: who listens there reads along")
    timeout_s: float = Field(default=10.0, ge=0.1, le=60.0, description="longest time that one try may take, in s")
    retries: int = Field(default=5, ge=0, le=20, description="so many more tries, after 1, 2, 4 ... 60 s")

    @field_validator("events")
    @classmethod
    def _some(cls, events: tuple[WebhookEvent, ...]) -> tuple[WebhookEvent, ...]:
        if not events:
            raise _wrong(f"events names none of {', '.join(get_args(WebhookEvent))}")
        return tuple(dict.fromkeys(events))

    @model_validator(mode="after")
    def _private(self) -> Self:
        parts = urlsplit(self.url)
        if not self.url:
            raise _wrong("url is empty")
        if parts.scheme == "http" and not is_loopback(parts.hostname or "") and not self.insecure:
            raise _wrong("url is http to another machine: use https, or say insecure = true")
        return self


def named_hooks(hooks: dict[str, WebhookSettings]) -> dict[str, WebhookSettings]:
    """A validator: the names are fit for a log and a status. Raises PydanticCustomError."""
    for name in hooks:
        if not _NAME.fullmatch(name):
            raise _wrong(f"the name '{name[:40]}' is not up to 32 letters, digits, '_' and '-', a letter first")
    return hooks
