"""Tools of MCP servers as skills: `[mcp.servers.NAME]` of the configuration.

    bridge = McpBridge(settings.mcp, on_change=make_the_skills_anew)
    bridge.start()
    bridge.skills           # those of the servers that are there now
    bridge.close()

The SDK's asyncio runs in one thread of its own. A server that is absent, slow or dead costs its own tools and nothing
else: they are offered no more until it is back, and a call that comes all the same fails at once with a word.
"""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from device.config.home import McpSettings
from device.errors import ConfigError
from device.skills.skill import Result, Skill, SkillError, SkillUnsureError

try:
    from mcp_types import Tool

    from device.skills.mcp_link import CLOSE_S, McpLink
    from device.skills.mcp_tools import result_of, skills_of
except ModuleNotFoundError as missing:
    raise ConfigError(
        f"the servers in [mcp.servers] need the library '{missing.name}', which is not installed",
        hint="pip install 'nearfield[mcp]', or ./install.sh",
    ) from missing

_log = logging.getLogger(__name__)

MOST_COMPLAINTS = 200  #: a server may think of a new tool every second


class McpBridge:
    """`on_change` is called, from the bridge's thread, after `skills` has changed; it must not block for long."""

    def __init__(self, settings: McpSettings, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._on_change = on_change
        self._lock = threading.Lock()
        self._skills: dict[str, tuple[Skill, ...]] = dict.fromkeys(settings.servers, ())
        self._known: dict[str, tuple[Sequence[Tool], tuple[Skill, ...]]] = dict.fromkeys(settings.servers, ((), ()))
        self._trouble: dict[str, str] = dict.fromkeys(settings.servers, "")
        self._complained: set[str] = set()
        self._answered = {name: threading.Event() for name in settings.servers}
        self._links: dict[str, McpLink] = {}
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()

    @property
    def skills(self) -> tuple[Skill, ...]:
        """Of all servers that are there now, in the order of the configuration. From any thread."""
        with self._lock:
            return tuple(skill for skills in self._skills.values() for skill in skills)

    @property
    def known(self) -> tuple[Skill, ...]:
        """Those that servers had when they were there last, away or not. From any thread."""
        with self._lock:
            return tuple(skill for _, skills in self._known.values() for skill in skills)

    @property
    def trouble(self) -> Mapping[str, str]:
        """Why a server is not there, in a line, by its name; "" it is, or has not been tried yet. From any thread."""
        with self._lock:
            return dict(self._trouble)

    def start(self, wait_s: float = 0.0) -> None:
        """Connect, and wait at most so long until each server has answered or failed once."""
        # the SDK logs a traceback for each line that it cannot read; what matters is said here, once
        logging.getLogger("mcp").setLevel(logging.CRITICAL)
        self._thread = threading.Thread(target=self._run, name="nearfield-mcp", daemon=True)
        self._thread.start()
        deadline = self._loop.time() + wait_s
        for answered in self._answered.values():
            answered.wait(max(0.0, deadline - self._loop.time()))

    def close(self) -> None:
        """End the connections, and the processes that were started. Bounded."""
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(CLOSE_S + 2.0)
        if self._thread.is_alive():
            _log.warning("an MCP server does not let go; it is left alone")

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        except Exception:  # noqa: BLE001 - the rest of the assistant works without them
            _log.exception("MCP servers are not looked after any more")
        finally:
            with self._lock:
                self._skills = dict.fromkeys(self._skills, ())
            self._loop.close()

    async def _main(self) -> None:
        for name, server in self._settings.servers.items():
            self._links[name] = McpLink(
                name,
                server,
                self._settings,
                on_tools=partial(self._offer, name),
                on_trouble=partial(self._tell, name),
            )
        tasks = [asyncio.create_task(link.run()) for link in self._links.values()]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)

    def _offer(self, name: str, tools: Sequence[Tool]) -> None:
        seen, skills = self._known[name]
        if tools and tools != seen:  # the same tools are the same skills: nobody has to look at them anew
            skills, complaints = skills_of(name, self._settings.servers[name], tools, self._call)
            for line in complaints:
                if line not in self._complained and len(self._complained) < MOST_COMPLAINTS:
                    self._complained.add(line)
                    _log.warning("%s; it is not offered", line)
        with self._lock:
            if tools:
                self._known[name] = (tools, skills)
            changed = self._skills[name] != (skills if tools else ())
            self._skills[name] = skills if tools else ()
        self._answered[name].set()
        if changed and not self._stop.is_set():
            try:
                self._on_change()
            except Exception:  # noqa: BLE001 - the connection is not to blame
                _log.exception("the skills of MCP server '%s' could not be taken in", name)

    def _tell(self, name: str, trouble: str) -> None:
        with self._lock:
            before, self._trouble[name] = self._trouble[name], trouble
        if trouble and trouble != before:
            _log.warning("MCP server '%s': %s; its tools are not offered until it is back", name, trouble)
        elif before and not trouble:
            _log.warning("MCP server '%s' is back", name)
        if trouble:
            self._answered[name].set()

    def _call(self, server: str, tool: str, arguments: Mapping[str, Any], key: str, timeout_s: float) -> Result:
        """From the thread of a skill. Raises SkillError, SkillUnsureError."""
        link = self._links.get(server)
        if link is None or self._loop.is_closed():
            raise SkillError(f"I cannot reach {server} now.")
        work = link.call(tool, arguments, key=key, timeout_s=timeout_s)
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:  # closed just now
            work.close()
            raise SkillError(f"I cannot reach {server} now.") from error
        try:
            result = future.result(timeout_s + 1.5)
        except concurrent.futures.CancelledError as error:
            raise SkillUnsureError(f"MCP server '{server}', {tool}: ended while it was asked") from error
        except TimeoutError as error:
            future.cancel()
            raise SkillUnsureError(f"MCP server '{server}', {tool}: no answer") from error
        return result_of(result, self._settings.result_chars)
