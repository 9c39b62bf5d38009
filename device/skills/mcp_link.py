"""The connection to one MCP server, kept up: connect, list its tools, look after it, connect again.

    link = McpLink("home", settings, mcp, on_tools=offer, on_trouble=say)
    task = loop.create_task(link.run())         # until it is cancelled
    result = await link.call("GetLiveContext", {}, key="7.3.0", timeout_s=10)

Belongs to one asyncio loop (that of `mcp_bridge`), except where it says otherwise. Nothing in here waits for ever.
"""

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx2
from mcp import MCPError, StdioServerParameters
from mcp.client import Client, IncomingMessage
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolResult,
    Implementation,
    ToolListChangedNotification,
)
from mcp_types import Tool as McpTool

from device.config.home import McpServerSettings, McpSettings
from device.errors import NearfieldError
from device.secret_file import read_secret
from device.skills.skill import SkillError, SkillUnsureError
from device.version import software_version

_log = logging.getLogger(__name__)

#: In the `_meta` of each call: the same key means the same call, for a server that wants to know.
KEY_META = "nearfield/idempotency-key"

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
STEADY_S = 60.0  #: one that was there for so long is tried again at once when it goes
CLOSE_S = 8.0  #: the SDK waits 2 s for a process to end, 2 s for SIGTERM and 2 s for SIGKILL
MOST_TOOLS = 500
MOST_CALLS = 4  #: at once

#: The server says that it did not do it.
_REFUSED = {INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND}


class McpLink:
    """`on_tools`: what it has now, () when it is away. `on_trouble`: one line, each time that it goes away, and ""
    when it is back."""

    def __init__(
        self,
        name: str,
        settings: McpServerSettings,
        mcp: McpSettings,
        *,
        on_tools: Callable[[Sequence[McpTool]], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._name = name
        self._settings = settings
        self._mcp = mcp
        self._on_tools = on_tools
        self._on_trouble = on_trouble
        self._client: Client | None = None
        self._look = asyncio.Event()
        self._calls = 0
        self._garbage = 0
        self._stderr: deque[str] = deque(maxlen=1)

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        wait_s = FIRST_WAIT_S
        while True:
            begun = loop.time()
            reason = await self._one_connection()
            self._on_trouble(reason)  # first: who sees that the tools have gone can ask why
            self._on_tools(())
            if loop.time() - begun > STEADY_S:
                wait_s = FIRST_WAIT_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _one_connection(self) -> str:
        """Why it ended. The connection has a task of its own, so that one that will not end can be left behind."""
        there = asyncio.Event()
        task = asyncio.create_task(self._serve(there), name=f"mcp-{self._name}")
        waiting = asyncio.create_task(there.wait())
        try:
            await asyncio.wait({task, waiting}, timeout=self._mcp.connect_timeout_s, return_when="FIRST_COMPLETED")
            if there.is_set():
                await asyncio.wait({task})
            elif not task.done():
                return f"it did not answer within {self._mcp.connect_timeout_s:g} s{self._last_words()}"
        finally:
            waiting.cancel()
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_S)
        error = None if task.cancelled() else task.exception()
        return f"{reason_of(error) if error else 'the connection ended'}{self._last_words()}"

    async def _serve(self, there: asyncio.Event) -> None:
        self._garbage = 0
        self._stderr.clear()
        async with self._transport() as transport:
            client = Client(
                transport,
                read_timeout_seconds=self._mcp.connect_timeout_s,
                message_handler=self._on_message,
                client_info=Implementation(name="nearfield", version=software_version()),
                cache=None,
            )
            async with client:
                tools = await self._tools(client)
                self._client = client
                there.set()
                self._on_trouble("")
                self._on_tools(tools)
                try:
                    while True:
                        await self._pause()
                        if self._calls:  # a server that does one thing at a time is busy, not away
                            continue
                        newer = await self._tools(client)
                        if newer != tools:
                            tools = newer
                            self._on_tools(tools)
                finally:
                    self._client = None

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._mcp.check_s):
                await self._look.wait()
        self._look.clear()

    async def _tools(self, client: Client) -> list[McpTool]:
        tools: list[McpTool] = []
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None or len(tools) > MOST_TOOLS or not page.tools:
                return tools[:MOST_TOOLS]

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        settings = self._settings
        if settings.url is not None:
            headers = {"User-Agent": f"nearfield/{software_version()}"}
            if settings.token_file is not None:
                headers["Authorization"] = f"Bearer {read_secret(settings.token_file)}"
            timeout = httpx2.Timeout(self._mcp.connect_timeout_s, read=max(300.0, settings.timeout_s))
            async with httpx2.AsyncClient(headers=headers, timeout=timeout) as http:
                yield streamable_http_client(settings.url, http_client=http)
        else:
            program, *args = settings.command
            with _last_line(self._stderr) as errlog:
                yield stdio_client(
                    StdioServerParameters(command=program, args=args, env=dict(settings.env)), errlog=errlog
                )

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, Exception):
            self._garbage += 1
            if self._garbage == 1:
                _log.warning("MCP server '%s' sends what is no message of MCP; it is ignored", self._name)
        elif isinstance(message, ToolListChangedNotification):
            self._look.set()

    def _last_words(self) -> str:
        return f" (it wrote: {self._stderr[0]})" if self._stderr else ""

    async def call(self, tool: str, arguments: Mapping[str, Any], *, key: str, timeout_s: float) -> CallToolResult:
        """Raises SkillError: not done. SkillUnsureError: nobody knows."""
        client = self._client
        if client is None:
            raise SkillError(f"I cannot reach {self._name} now.")
        if self._calls >= MOST_CALLS:
            raise SkillError(f"{self._name} is busy.")
        self._calls += 1
        try:
            async with asyncio.timeout(timeout_s + 1.0):  # the SDK's own comes first
                return await client.call_tool(
                    tool,
                    dict(arguments),
                    read_timeout_seconds=timeout_s,
                    meta={KEY_META: key},
                )
        except MCPError as error:
            if error.code in _REFUSED:
                raise SkillError(f"{self._name} did not take that.", hint=reason_of(error)) from error
            if error.code == CONNECTION_CLOSED:
                self._look.set()
            raise self._unsure(tool, error) from error
        except Exception as error:
            raise self._unsure(tool, error) from error
        finally:
            self._calls -= 1

    def _unsure(self, tool: str, error: BaseException) -> SkillUnsureError:
        return SkillUnsureError(f"MCP server '{self._name}', {tool}: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """The innermost reason, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, NearfieldError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}" if error.filename else error.strerror.lower()
    text = " ".join((error.message if isinstance(error, MCPError) else str(error)).split())[:200]
    return f"{text[:1].lower()}{text[1:]}" if isinstance(error, MCPError) else f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def _last_line(into: deque[str]) -> Any:
    """A file for the stderr of a process; its last line is kept: it may say why the process ended."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    loop = asyncio.get_running_loop()

    def drain() -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(read, 65_536)
            if not chunk:
                loop.remove_reader(read)
            lines = [line.strip() for line in chunk.decode("utf-8", "replace").splitlines() if line.strip()]
            if lines:
                into.append("".join(c for c in lines[-1] if c.isprintable())[:200])

    loop.add_reader(read, drain)
    file = os.fdopen(write, "w")
    try:
        yield file
    finally:
        drain()
        loop.remove_reader(read)
        file.close()
        os.close(read)
