"""A run under systemd: ready when it hears, alive while everything goes on, started anew when something hangs.

    with Supervised(ServiceManager.from_environment(), assistant, card, headline=desk.headline): appliance.run()

It is alive while three things go on: the callback of the sound card is served, the ear takes what that brings, and the
conversation answers a heart-beat. A card that is known to be lost and is looked for is no hang. Where nobody supervises
(no NOTIFY_SOCKET), nothing is started.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, Self

from device.card import CardStats
from device.notify import ServiceManager
from device.watchdog import Watchdog

log = logging.getLogger(__name__)

#: From one look to the next.
LOOK_S = 0.5
CARD, EAR, CONVERSATION = "the sound card", "the ear", "the conversation"


class Watched(Protocol):
    """What of `device.dialogue.loop.Assistant` is asked. Any thread; none of it waits."""

    @property
    def heard_samples(self) -> int: ...
    @property
    def beats(self) -> int: ...
    def beat(self) -> None: ...


class WatchedCard(Protocol):
    """What of `device.audio.keeper.KeptCard` is asked."""

    name: str

    @property
    def lost(self) -> bool: ...
    def stats(self) -> CardStats: ...


class Supervised:
    """Use as a context manager around the run."""

    def __init__(
        self,
        service: ServiceManager,
        assistant: Watched,
        card: WatchedCard,
        *,
        headline: Callable[[], str],
        goes_on: Callable[[], bool] = lambda: False,
        watchdog: Watchdog | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        """`headline`: how it stands, in one line without words of the conversation; any thread. `goes_on`: the
        end of this run is none of the service; it begins anew in the same process.
        """
        self._service = service
        self._assistant = assistant
        self._card = card
        self._headline = headline
        self._goes_on = goes_on
        self._watchdog = watchdog or Watchdog()
        self._look_s = look_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nearfield-watchdog", daemon=True)

    def __enter__(self) -> Self:
        if self._service.listens:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._service.listens:
            self._thread.join(2.0)
            if not self._goes_on():
                self._service.stopping()

    def _watch(self) -> None:
        """The thread. One that ended by an error would be taken for a hang: so it should be."""
        ready, told, alive_s = False, "", 0.0
        while not self._ended.wait(self._look_s):
            self._assistant.beat()
            lost = self._card.lost
            counters = {
                CARD: self._card.stats().blocks,
                EAR: self._assistant.heard_samples,
                CONVERSATION: self._assistant.beats,
            }
            if not ready:
                ready = bool(counters[EAR] and counters[CONVERSATION])
                if ready:
                    told = self._headline()
                    self._service.ready(told)
                continue
            now_s = time.monotonic()
            # while a card is away the ear has nothing to take; the conversation has no excuse
            still = self._watchdog.look(counters, now_s, excused=(CARD, EAR) if lost else ())
            if still:
                why = f"hangs: {' and '.join(still)} for {self._watchdog.policy.stale_s:g} s"
                log.error("%s", why)
                self._service.hangs(why)
                return
            if now_s - alive_s >= min(self._service.watchdog_s / 4, 5.0):
                self._service.alive()
                alive_s = now_s
            if (headline := self._headline()) != told:
                self._service.status(headline)
                told = headline
