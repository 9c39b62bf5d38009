"""The one desk at which a running assistant is asked and looked at, whatever way the wish came in.

    desk = ControlDesk(assistant, controls)
    desk.reload_by(begin_anew)
    desk.obey(wish_in({"do": "mute"}))          # {"muted": True}
    desk.on_event(event); controls.watch(desk.on_volume)
    desk.status()

Ways in (a socket, a page, MQTT) parse with `wishes`, ask here, and own nothing.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from device.control import wishes as w
from device.control.feed import Feed
from device.control.status import LiveStatus
from device.dialogue.events import Event
from device.errors import NearfieldError
from device.telemetry.turn_trace import TurnTrace

_log = logging.getLogger(__name__)


class AssistantCalls(Protocol):
    """What of `device.dialogue.loop.Assistant` is called. Any thread."""

    def announce(self, text: str) -> None: ...
    def hush(self) -> None: ...
    def press(self) -> None: ...
    def release(self) -> None: ...


class ControlCalls(Protocol):
    """What of `device.controls.Controls` is called. Any thread."""

    @property
    def muted(self) -> bool: ...
    @property
    def volume_percent(self) -> int: ...
    def mute(self, muted: bool) -> None: ...
    def louder(self) -> None: ...
    def softer(self) -> None: ...
    def set_volume_percent(self, percent: int) -> None: ...


class Listener(Protocol):
    """Counts what goes on. Called from the thread of the conversation: it must take no time to speak of."""

    def on_event(self, event: Event) -> None: ...

    def on_trace(self, trace: TurnTrace) -> None:
        """A turn is over."""
        ...


#: More of the status, by key; called whenever it is asked for, from the thread that asks.
Extra = Callable[[], Mapping[str, Any]]


class ControlDesk:
    """Any thread."""

    def __init__(self, assistant: AssistantCalls, controls: ControlCalls, *, status: LiveStatus | None = None) -> None:
        self._assistant = assistant
        self._controls = controls
        self._status = status or LiveStatus()
        self._reload: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._extras: list[Extra] = []
        self._spoken: list[Extra] = []
        self._listeners: tuple[Listener, ...] = ()
        self.feed = Feed()

    def add_status(self, extra: Extra) -> None:
        """Its keys are part of the status from now on (timers, the card, the machine ...)."""
        self._extras.append(extra)

    def add_spoken_status(self, extra: Extra) -> None:
        """As `add_status`, of what holds words that were said: not part of a status without words."""
        self._spoken.append(extra)

    def reload_by(self, reload: Callable[[], None]) -> None:
        """How it begins anew: raises NearfieldError when the configuration is not valid."""
        self._reload = reload

    def add_listener(self, listener: Listener) -> None:
        """It is told of every event and trace from now on. What it raises is logged, and ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

    def on_event(self, event: Event) -> None:
        """Every event, in order, from the thread of the conversation."""
        with self._lock:
            over = self._status.on_event(event)
            listeners = self._listeners
        if self.feed.watched:
            self.feed.publish(event.to_json())
            for trace in over:
                self.feed.publish({"type": "trace", **trace.to_json()})
        for each in listeners:
            try:
                each.on_event(event)
                for trace in over:
                    each.on_trace(trace)
            except Exception:  # noqa: BLE001 - a figure that is not counted must not cost anybody the answer
                _log.exception("%s is told no more", type(each).__name__)
                self.remove_listener(each)

    def on_volume(self, percent: int) -> None:
        """The voice is so loud now, whoever changed it: a wish, a button, a skill, the house. Never waits."""
        self.feed.publish({"type": "volume", "percent": percent})

    def status(self, *, words: bool = True) -> dict[str, Any]:
        """A JSON object; see docs/control.md. `words`: with what was said and heard."""
        with self._lock:
            out = self._status.to_json(words=words)
        out |= {"muted": self._controls.muted, "volume_percent": self._controls.volume_percent}
        for extra in [*self._extras, *(self._spoken if words else ())]:
            for key, value in extra().items():  # several may tell of the same: each webhook of "webhooks"
                both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
                out[key] = {**out[key], **value} if both else value
        return out

    def headline(self) -> str:
        """How it stands, in one line without a word that was said or heard."""
        with self._lock:
            state, turns, trouble = self._status.state, self._status.turns, sorted(self._status.trouble)
        parts = [state, *(["muted"] if self._controls.muted else []), f"{turns} turn{'s' * (turns != 1)}"]
        return ", ".join(parts) + (f"; trouble with {', '.join(trouble)}" if trouble else "")

    def traces(self) -> list[Any]:
        """`TurnTrace`s of the newest turns, newest last."""
        with self._lock:
            return list(self._status.traces)

    def obey(self, wish: w.Wish) -> dict[str, Any]:
        """What came of it, a JSON object. Raises NearfieldError: it cannot be."""
        match wish:
            case w.SetMute(do=do):
                self._controls.mute(do == "mute")
            case w.Say(text=text):
                self._assistant.announce(text)
            case w.Hush():
                self._assistant.hush()
            case w.SetVolume(percent=percent):
                self._controls.set_volume_percent(percent)
            case w.StepVolume(do=do):
                self._controls.louder() if do == "louder" else self._controls.softer()
            case w.Talk(do=do):
                self._assistant.press() if do == "press" else self._assistant.release()
            case w.Reload():
                if self._reload is None:
                    raise NearfieldError("this one cannot begin anew", hint="end it and start it again")
                self._reload()
            case w.AskStatus():
                return self.status()
        return {"muted": self._controls.muted, "volume_percent": self._controls.volume_percent}
