"""What goes on, for any number of onlookers who may be slow.

    feed = Feed()
    with feed.subscribe(wake=notify) as mine:
        for item in mine.take(): ...          # all that came since
    feed.publish({"type": "state", ...})      # never waits

An onlooker who does not keep up loses the oldest, and `lost` says how many: nobody slows the conversation down.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

MOST_WAITING = 256
MOST_ONLOOKERS = 32

Item = Mapping[str, Any]


class Subscription:
    """Of one onlooker. Any thread."""

    def __init__(self, feed: "Feed", wake: Callable[[], None], only: Collection[str] | None) -> None:
        self._feed = feed
        self._only = only
        self._lock = threading.Lock()
        self._waiting: deque[Item] = deque(maxlen=MOST_WAITING)
        self._wake = wake
        self.lost = 0  #: items that were dropped because they were not taken in time

    def wants(self, kind: str) -> bool:
        """Items of this type?"""
        return self._only is None or kind in self._only

    def put(self, item: Item) -> None:
        """By the feed."""
        if not self.wants(item.get("type", "")):
            return
        with self._lock:
            self.lost += len(self._waiting) == MOST_WAITING
            self._waiting.append(item)
        self._wake()

    def take(self) -> list[Item]:
        """All that waits, oldest first."""
        with self._lock:
            items = list(self._waiting)
            self._waiting.clear()
        return items

    def close(self) -> None:
        self._feed.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TooManyError(Exception):
    """There are enough onlookers."""


class Feed:
    """Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._onlookers: list[Subscription] = []

    def subscribe(
        self, wake: Callable[[], None] = lambda: None, *, only: Collection[str] | None = None
    ) -> Subscription:
        """`wake` is called after each item, in the publisher's thread: it must neither block nor raise.

        `only`: items of these types (None: all). Raises TooManyError.
        """
        with self._lock:
            if len(self._onlookers) >= MOST_ONLOOKERS:
                raise TooManyError(f"{MOST_ONLOOKERS} look on already")
            mine = Subscription(self, wake, only)
            self._onlookers.append(mine)
        return mine

    def leave(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._onlookers:
                self._onlookers.remove(subscription)

    @property
    def watched(self) -> bool:
        """Is anybody looking? What nobody sees need not be worked out."""
        return bool(self._onlookers)

    def wanted(self, kind: str) -> bool:
        """Does anybody want items of this type?"""
        with self._lock:
            return any(each.wants(kind) for each in self._onlookers)

    def publish(self, item: Item) -> None:
        with self._lock:
            onlookers = list(self._onlookers)
        for each in onlookers:
            each.put(item)
