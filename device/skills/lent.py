"""What the appliance lends to skills, by type, and two small things to lend.

memory = Recollection(lambda text: asks(skills.fast_path, text))
lent = Lent({TimerDesk: watch, DeviceControls: controls, ConversationMemory: memory, SkillCatalog: live_skillset})
memory.on_event(event)        # every event of the conversation
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from device.dialogue.deeds import Interpreter
from device.dialogue.events import Commit, Event, Interrupted, PlayoutEnd
from device.skills.skill import SkillError

_T = TypeVar("_T")
#: How many turns it remembers: those that only ask about the last one are passed over.
_TURNS = 8
_ASKING = frozenset({"what_did_you_hear", "what_did_you_say"})


class Lent:
    """`Services`: a thing for each type; `Lent()` lends nothing."""

    def __init__(self, lent: Mapping[type[Any], Any] | None = None) -> None:
        self._lent = dict(lent or {})

    def get(self, kind: type[_T]) -> _T:
        """Raises SkillError: there is none here."""
        if kind not in self._lent:
            raise SkillError(f"I can't do that here: there is no {kind.__name__}.")
        found: _T = self._lent[kind]
        return found


class Recollection:
    """`ConversationMemory`, from the events of the conversation. Any thread."""

    def __init__(self, asks: Callable[[str], bool]) -> None:
        """`asks`: this text only asks what was heard or said, and is not what was meant by it."""
        self._asks = asks
        self._lock = threading.Lock()
        self._heard: deque[tuple[int, str]] = deque(maxlen=_TURNS)
        self._said: deque[tuple[int, str]] = deque(maxlen=_TURNS)

    def on_event(self, event: Event) -> None:
        """Takes what it needs."""
        with self._lock:
            match event:
                case Commit(turn=turn, text=text) if text:
                    self._heard.append((turn, text))
                case PlayoutEnd(turn=turn, heard=heard) | Interrupted(turn=turn, heard=heard) if heard:
                    if self._said and self._said[-1][0] == turn:  # it went on after an interruption
                        self._said.pop()
                    self._said.append((turn, heard))

    def last_heard(self) -> str | None:
        with self._lock:
            heard = list(self._heard)
        return next((text for _, text in reversed(heard) if not self._asks(text)), None)

    def last_said(self) -> str | None:
        with self._lock:
            asking = {turn for turn, text in self._heard if self._asks(text)}
            return next((text for turn, text in reversed(self._said) if turn not in asking), None)


def asks(interpreter: Interpreter, text: str) -> bool:
    """Does it only ask what was heard or said?"""
    meaning = interpreter.interpret(text)
    return meaning is not None and meaning.skill in _ASKING
