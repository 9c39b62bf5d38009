"""What is still to be published: of each topic the newest, and never more than that. Sans-IO.

    outbox = Outbox()
    outbox.put(message)                 # an older one of its topic is dropped
    while message := outbox.take():     # a few at a time
        outbox.sent(publish(message))
    outbox.written(number)

Nothing waits while there is no connection: at the next one all is published anew.
"""

from collections.abc import Iterable

from device.home.discovery import Message

MOST_UNWRITTEN = 8  #: given to the library and not on the wire yet


class Outbox:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._unwritten: dict[int, str] = {}
        self._taken: str | None = None
        self._connected = False

    def connected(self, everything: Iterable[Message]) -> None:
        """A broker is there; `everything` is what it is to know."""
        self._connected = True
        self._unwritten.clear()
        self._waiting = {message.topic: message for message in everything}

    def lost(self) -> None:
        """The broker is gone."""
        self._connected = False
        self._unwritten.clear()
        self._waiting.clear()

    def put(self, messages: Iterable[Message]) -> None:
        """Replaces what waits for the same topics."""
        if self._connected:
            for message in messages:
                self._waiting.pop(message.topic, None)
                self._waiting[message.topic] = message

    def take(self) -> Message | None:
        """The one that waits longest; None: nothing waits, or enough is under way. `sent` must follow."""
        if len(self._unwritten) >= MOST_UNWRITTEN or not self._waiting:
            return None
        topic = next(iter(self._waiting))
        self._taken = topic
        return self._waiting.pop(topic)

    def sent(self, number: int) -> None:
        """The library has the message that was taken last, as `number`."""
        if self._taken is not None:
            self._unwritten[number] = self._taken
            self._taken = None

    def written(self, number: int) -> None:
        """It is on the wire. A number that is not known is none of ours."""
        self._unwritten.pop(number, None)

    @property
    def empty(self) -> bool:
        """Everything is on the wire."""
        return not self._waiting and not self._unwritten

    def __len__(self) -> int:
        return len(self._waiting)
