"""One conversation with a Wyoming server: connect, say, listen, with every failure in one line.

    async with connected(Server("tcp://nas:10300")) as link:
        await link.send(Transcribe(language="en"))
        while (event := await link.receive(within_s=3.0)) is not None: ...

The wyoming package speaks the protocol; here are its time limits and what it lets through of a server that misbehaves.
A connection is for one call: then a cancelled call is a closed connection, which every server understands.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event
from wyoming.info import Describe, Info

from models.errors import ModelRunError
from models.remote_errors import connection_reason

_MOST_CHARS = 160
_IS_IT_UP = "is the server running, and its address right?"
_IS_IT_WYOMING = "is it the address of a Wyoming server?"
#: A description lists all voices that can be had: wyoming-piper's has some 100 kB.
_DESCRIBE_S = 5.0
#: A whole clause in one event: a minute of 48 kHz, 16 bit, mono.
MAX_EVENT_BYTES = 6 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and how long it is waited for."""

    uri: str  #: tcp://host:port or unix:///path
    connect_s: float = 1.0  #: for a connection
    reply_s: float = 3.0  #: for the next event


class _Bounded(asyncio.StreamReader):
    """What the package reads an event from: it takes any length that is announced, and waits for all of it."""

    def __init__(self, reader: asyncio.StreamReader, uri: str) -> None:  # a view: `reader` has the bytes
        self._of = reader
        self._uri = uri

    async def readline(self) -> bytes:
        return await self._of.readline()  # asyncio's own bound: 64 kB

    async def readexactly(self, n: int) -> bytes:
        if n > MAX_EVENT_BYTES:
            raise ModelRunError(f"{self._uri} sent an event that is too large ({n} bytes)", hint=_IS_IT_WYOMING)
        return await self._of.readexactly(n)


class Link:
    """An open connection."""

    def __init__(self, server: Server, client: AsyncClient) -> None:
        self._server = server
        self._client = client

    async def send(self, *messages: Eventable) -> None:
        """Raises ModelRunError."""
        try:
            async with asyncio.timeout(self._server.reply_s):
                for message in messages:
                    await self._client.write_event(message.event())
        except TimeoutError as error:
            raise ModelRunError(f"{self._server.uri} does not take what it is sent") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ModelRunError(f"{self._server.uri} broke the connection off") from error

    async def receive(self, within_s: float | None = None) -> Event:
        """The next event. Raises ModelRunError when there is none in time (default: `Server.reply_s`), or an error."""
        uri = self._server.uri
        try:
            async with asyncio.timeout(self._server.reply_s if within_s is None else within_s):
                reader = self._client._reader  # the package has no way to bound what it reads
                event = None if reader is None else await async_read_event(_Bounded(reader, uri))
        except TimeoutError as error:
            raise ModelRunError(f"{uri} did not answer in time") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ModelRunError(f"{uri} broke the connection off") from error
        except ModelRunError:
            raise
        except Exception as error:  # whatever the package makes of what is no event: TypeError, KeyError ...
            raise ModelRunError(f"{uri} sent what is no Wyoming event", hint=_IS_IT_WYOMING) from error
        if event is None:  # the package tells no difference between an end and what it cannot read
            raise ModelRunError(f"{uri} broke off, or does not speak Wyoming", hint=_IS_IT_WYOMING)
        if not isinstance(event.type, str) or not isinstance(event.data, dict):
            raise ModelRunError(f"{uri} sent what is no Wyoming event", hint=_IS_IT_WYOMING)
        if Error.is_type(event.type):
            code = str(event.data.get("code") or "")  # not its text: that may repeat what was said
            raise ModelRunError(f"{uri} failed" + (f": {code[:_MOST_CHARS]}" if code else ""))
        return event


@contextlib.asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[Link, None]:
    """Closes at once when it is left, however that is. Raises ModelRunError."""
    client = AsyncClient.from_uri(server.uri)
    try:
        async with asyncio.timeout(server.connect_s):
            await client.connect()
    except TimeoutError as error:
        raise ModelRunError(f"{server.uri} cannot be reached: no answer to a connection", hint=_IS_IT_UP) from error
    except OSError as error:
        raise ModelRunError(f"{server.uri} cannot be reached: {connection_reason(error)}", hint=_IS_IT_UP) from error
    try:
        yield Link(server, client)
    finally:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.2):
                await client.disconnect()


async def describe(server: Server) -> Info:
    """What the server can do. Raises ModelRunError."""
    async with connected(server) as link:
        await link.send(Describe())
        until_s = asyncio.get_running_loop().time() + _DESCRIBE_S
        while True:
            event = await link.receive(max(0.0, until_s - asyncio.get_running_loop().time()))
            if Info.is_type(event.type):
                try:
                    return Info.from_event(event)
                except Exception as error:  # as above
                    raise ModelRunError(
                        f"{server.uri} describes itself in a way that makes no sense", hint=_IS_IT_WYOMING
                    ) from error


def names_of(listed: Iterable[object] | None) -> set[str]:
    """The names of models or voices in a description, where they have one: the package checks no types in there."""
    names = (getattr(each, "name", None) for each in listed or ())
    return {name for name in names if isinstance(name, str)}
