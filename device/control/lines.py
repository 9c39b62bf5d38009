"""One connection to the control socket: lines of JSON in, lines of JSON out. Sans-IO.

    talk = Talk(desk)
    for reply in talk.feed(b'{"do": "mute"}\n'): ...       # {"ok": True, "muted": True, "volume_percent": 70}
    talk.over                                              # True: nothing that could be told apart follows
    talk.end()                                             # a talk button that is still down comes up

What comes in is data of strangers: whatever the bytes are, a line gets a reply, and nothing is raised.
"""

import json
import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from device.control import wishes as w
from device.control.desk import ControlDesk
from device.control.feed import TooManyError
from device.errors import NearfieldError

_log = logging.getLogger(__name__)

Reply = dict[str, Any]


class Watch(w.Form):
    """From here on all that happens is sent as well, one JSON object a line (`Feed`); `levels`: ten a second too.

    `turns`: so many traces of turns that are over come with the reply, as "last_turns".
    """

    do: Literal["watch"]
    levels: bool = True
    turns: Annotated[int, Field(ge=0, le=20)] = 0


def as_line(value: object) -> bytes:
    """JSON on a line; what is no JSON becomes text."""
    return json.dumps(value, ensure_ascii=True, default=str).encode("ascii") + b"\n"


def refusal(error: str, hint: str = "") -> Reply:
    return {"ok": False, "error": error, **({"hint": hint} if hint else {})}


class Talk:
    """`on_watch` begins to send what happens; raises TooManyError. For one thread."""

    def __init__(self, desk: ControlDesk, on_watch: Callable[[Watch], None] | None = None) -> None:
        self._desk = desk
        self._on_watch = on_watch
        self._rest = b""
        self._pressed = False
        self.over = False

    def feed(self, data: bytes) -> list[Reply]:
        """A reply for each line that is complete; empty lines are none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies: list[Reply] = []
        for line in lines:
            if len(line) > w.MOST_WISH_BYTES:
                return [*replies, self._too_long()]
            if line.strip():
                replies.append(self._answer(line))
        if len(self._rest) > w.MOST_WISH_BYTES:
            replies.append(self._too_long())
        return replies

    def no_more(self) -> list[Reply]:
        """The other end has nothing more to say; a last line may lack its end."""
        return self.feed(b"\n") if self._rest and not self.over else []

    def end(self) -> None:
        """The connection is gone: nobody holds the talk button any more."""
        if self._pressed:
            self._pressed = False
            self._desk.obey(w.Talk(do="release"))

    def _too_long(self) -> Reply:
        self.over = True
        self._rest = b""
        return refusal(f"a wish takes no more than {w.MOST_WISH_BYTES:,} bytes")

    def _answer(self, line: bytes) -> Reply:
        try:
            data = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            return refusal("this is not JSON", hint='a line is like {"do": "mute"}')
        try:
            if isinstance(data, dict) and data.get("do") == "watch":
                return self._watch(data)
            wish = w.wish_in(data)
            reply = {"ok": True, **self._desk.obey(wish)}
            if isinstance(wish, w.Talk):
                self._pressed = wish.do == "press"
        except w.WishError as error:
            return refusal(str(error))
        except NearfieldError as error:
            return refusal(error.message, error.hint)
        except Exception:  # noqa: BLE001 - whoever asks must not end what is asked
            _log.exception("control socket: a wish could not be obeyed")
            return refusal("it could not be done; the log says why")
        return reply

    def _watch(self, data: dict[str, Any]) -> Reply:
        try:
            watch = Watch.model_validate(data)
        except ValidationError as error:
            return refusal(w.one_line(error))
        if self._on_watch is None:
            return refusal("nothing can be watched here")
        try:
            self._on_watch(watch)
        except TooManyError as error:
            return refusal(str(error))
        # after the subscription: nothing happens between the two that is in neither
        reply = {"ok": True, **self._desk.status()}
        if watch.turns:
            reply["last_turns"] = [trace.to_json() for trace in self._desk.traces()[-watch.turns :]]
        return reply
