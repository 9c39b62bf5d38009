"""The control socket of a running assistant, from the other end (docs/control.md): JSON, one object a line.

    async with await connect(paths) as link:
        await link.ask({"do": "watch"})
        async for item in link: ...            # replies have "ok", everything else is news

What arrives is of another process, perhaps of another version: a line that is no object of JSON is left out.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from device.errors import NearfieldError

MOST_LINE_BYTES = 1_000_000  #: a trace of two minutes of talk has 60,000
_CONNECT_S = 2.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class NobodyThereError(NearfieldError):
    """No assistant is running, or it may not be asked by this user."""


class Link:
    """One connection. For one task."""

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        """Of the process at the other end, as the kernel knows it; 0: it does not."""
        peer: socket.socket | None = self._writer.get_extra_info("socket")
        if peer is None:
            return 0
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return max(0, int(_CREDENTIALS.unpack(raw)[0]))

    async def ask(self, wish: Mapping[str, Any]) -> None:
        """Sent; the reply is among what arrives. Raises OSError: it has gone."""
        self._writer.write(json.dumps(wish).encode() + b"\n")
        await self._writer.drain()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """What arrives, until the other end is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):  # ValueError: a line beyond all measure
                return
            if not line:
                return
            with contextlib.suppress(ValueError, RecursionError):
                item = json.loads(line)
                if isinstance(item, dict):
                    yield item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect(paths: Sequence[Path]) -> Link:
    """To the first of `paths` that answers. Raises NobodyThereError."""
    forbidden: Path | None = None
    for path in paths:
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=MOST_LINE_BYTES)
        except PermissionError:
            forbidden = forbidden or path
        except (OSError, ValueError):  # none there; one that a dead process left; ValueError: a path that is too long
            continue
        else:
            return Link(path, reader, writer)
    if forbidden is not None:
        raise NobodyThereError(f"{forbidden}: permission denied", hint="look as its owner or as root")
    raise NobodyThereError(
        f"no assistant is running (nobody listens at {', '.join(map(str, paths))})", hint="'nearfield run' starts one"
    )
