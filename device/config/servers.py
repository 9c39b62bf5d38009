"""The keys that say how models on other machines are reached.

    servers = ServersSettings(recover_s=30)

Which server is asked for what stands with the model that it takes the place of: `llm.server`, `stt.server`,
`tts.server`.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from device.config.section import Section


def _bad(why: str) -> PydanticCustomError:
    return PydanticCustomError("no_address", "{why}", {"why": why})


def _address(text: str, schemes: tuple[str, ...]) -> tuple[str, int | None]:
    """Scheme and port. Raises PydanticCustomError when `text` is no address of a server."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _bad(f"not an address: {error}") from error
    if parts.scheme not in schemes or re.search(r"[\s\x00-\x1f]", text):
        raise _bad(f"not an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
    if parts.username is not None or parts.password is not None:
        raise _bad("a password does not belong into an address, which is shown and logged")
    if parts.scheme != "unix" and not parts.hostname:
        raise _bad("an address without a host")
    return parts.scheme, port


def _http(text: str) -> str:
    if text:
        _address(text, ("http", "https"))
        if urlsplit(text).query or urlsplit(text).fragment:
            raise _bad("an address with a query; the address of the API ends before it")
    return text


def _wyoming(text: str) -> str:
    if text:
        scheme, port = _address(text, ("tcp", "unix"))
        if scheme == "tcp" and port is None:
            raise _bad("an address without a port")
        if scheme == "unix" and not urlsplit(text).path:
            raise _bad("an address without the path of the socket")
    return text


HttpUrl = Annotated[str, AfterValidator(_http)]
WyomingUri = Annotated[str, AfterValidator(_wyoming)]


class ServersSettings(Section):
    """Models on other machines: how long they are waited for, and when they are given up."""

    connect_timeout_ms: int = Field(default=1_000, ge=50, le=60_000, description="for a connection, in ms")
    failures: int = Field(
        default=2, ge=1, le=100, description="so many failures in a row, and a server is not asked for a while"
    )
    recover_s: float = Field(
        default=10.0, ge=0.1, le=3_600.0, description="then it is looked for, first after so long, in s"
    )
