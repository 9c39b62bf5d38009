"""One page that looks on: what goes on is sent to it, and what it asks is done.

    await Onlooker(websocket, desk).run()

JSON objects both ways (docs/kiosk.md). A page that does not take what it is sent is dropped: it comes again by itself.
What a page held when it went, it let go: the talk button is released.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from device.control.desk import ControlDesk
from device.control.feed import Item, Subscription
from device.control.wishes import MOST_WISH_BYTES, AskStatus, Talk, WishError, wish_in
from device.errors import NearfieldError
from device.kiosk.guard import dumps
from device.kiosk.limits import TokenBucket

SEND_WITHIN_S = 5.0  #: then it is dropped
WISHES_PER_S, WISHES_BURST = 10.0, 40.0
#: Nothing is heard then, and nobody need see how loud it is.
_QUIET_STATES = ("idle",)

_RELEASE = Talk(do="release")


class Onlooker:
    """Of one accepted WebSocket."""

    def __init__(self, websocket: WebSocket, desk: ControlDesk, feed: Subscription, woken: asyncio.Event) -> None:
        self._websocket = websocket
        self._desk = desk
        self._feed = feed
        self._woken = woken
        self._lost = 0
        self._levels = False  # also while all is quiet
        self._state = "idle"
        self._holds = False
        self._sending = anyio.Lock()

    async def run(self) -> None:
        """Until it goes, or is sent away."""
        try:
            async with anyio.create_task_group() as both:
                both.start_soon(self._until_gone, self._tell, both.cancel_scope)
                both.start_soon(self._until_gone, self._listen, both.cancel_scope)
        finally:
            if self._holds:
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(self._desk.obey, _RELEASE)

    async def _until_gone(self, work: Callable[[], Awaitable[None]], both: anyio.CancelScope) -> None:
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, TimeoutError):
            await work()
        both.cancel()

    async def _send(self, *messages: Item) -> None:
        text = dumps(messages[0]) if len(messages) == 1 else dumps({"type": "several", "items": messages})
        with anyio.fail_after(SEND_WITHIN_S):
            async with self._sending:
                await self._websocket.send_text(text)

    async def _send_status(self) -> None:
        status = await run_in_threadpool(self._desk.status)
        self._state = status["state"]
        await self._send({"type": "status", "status": status})

    async def _tell(self) -> None:
        await self._send_status()
        while True:
            await self._woken.wait()
            self._woken.clear()
            items = [item for item in self._feed.take() if self._wanted(item)]
            if items:
                await self._send(*items)
            if self._feed.lost > self._lost:  # what was lost may have been the end of something
                self._lost = self._feed.lost
                await self._send_status()

    def _wanted(self, item: Item) -> bool:
        if item.get("type") == "state":
            self._state = str(item.get("state"))
        return item.get("type") != "levels" or self._levels or self._state not in _QUIET_STATES

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        bucket = TokenBucket(WISHES_PER_S, WISHES_BURST, WISHES_BURST, loop.time())
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not bucket.allow(loop.time()):
                # letting go must not be lost to a limit
                await self._send({"type": "refused", "message": "too many wishes; wait a little"})
                if not _is_release(message):
                    continue
            await self._send(await self._answer(message.get("text")))

    async def _answer(self, text: str | None) -> dict[str, Any]:
        try:
            asked = parsed(text)
            if isinstance(asked, dict) and asked.keys() == {"levels"} and isinstance(asked["levels"], bool):
                self._levels = asked["levels"]
                return {"type": "obeyed", "levels": self._levels}
            wish = wish_in(asked)
            if isinstance(wish, Talk):
                self._holds = wish.do == "press"
            result = await run_in_threadpool(self._desk.obey, wish)
        except WishError as error:
            return {"type": "refused", "message": str(error)}
        except NearfieldError as error:
            return {"type": "refused", "message": error.message, "hint": error.hint}
        if isinstance(wish, AskStatus):
            return {"type": "status", "status": result}
        return {"type": "obeyed", "do": wish.do, **result}


def _is_release(message: Any) -> bool:
    text = message.get("text")
    return isinstance(text, str) and len(text) < 64 and '"release"' in text


def parsed(text: str | bytes | None) -> object:
    """JSON of strangers. Raises WishError."""
    if text is None or len(text) > MOST_WISH_BYTES:
        raise WishError("a wish is a short JSON text")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WishError("this is not JSON") from None
