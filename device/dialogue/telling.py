"""What the assistant has to say of its own accord, kept until it was heard.

    telling = Telling(undelivered)              # from before a restart
    telling.add(Undelivered(turn=3, index=0, say="Your order will come tomorrow."))
    if (notice := telling.next()): telling.began(notice, answer)        # at a natural pause
    telling.heard(now)                          # [Told], when it was heard whole

What was interrupted is told again at the next pause; what somebody stopped counts as told. What has no sound (the voice
fails) is tried a few times, and again once another answer has sounded or there is something new to tell. Sans-IO.
"""

import logging
from collections import deque
from collections.abc import Sequence

from device.dialogue.answer import Answer
from device.dialogue.deeds import Undelivered
from device.dialogue.events import Event, Told

_log = logging.getLogger(__name__)

MOST = 32  #: results that wait; beyond that the oldest is not told in this session
_SOUNDLESS = 3  # so many tries in a row: a voice that fails would be asked at every pause


class Telling:
    """One thing at a time, the oldest first."""

    def __init__(self, undelivered: Sequence[Undelivered] = ()) -> None:
        self._waiting: deque[Undelivered] = deque()
        self._telling: tuple[Undelivered, Answer] | None = None
        self._soundless = 0
        for notice in undelivered:
            self.add(notice)

    def add(self, notice: Undelivered) -> None:
        """To be told at the next natural pause."""
        if len(self._waiting) >= MOST:
            gone = self._waiting.popleft()
            _log.warning("too much waits to be told: call %d of turn %d is left out", gone.index, gone.turn)
        self._waiting.append(notice)
        self._soundless = 0  # where nobody ever asks anything, no answer shows that the voice is back

    def next(self) -> Undelivered | None:
        """What is to be told now, if there is a pause."""
        ready = self._telling is None and self._soundless < _SOUNDLESS
        return self._waiting[0] if ready and self._waiting else None

    def began(self, notice: Undelivered, answer: Answer) -> None:
        """`answer` tells it."""
        self._waiting.remove(notice)
        self._telling = (notice, answer)

    def sounded(self, answer: Answer) -> None:
        """Something of `answer` sounds: the voice works. That half of what is being told sounds does not count.

        Of an announcement with a part that never has a sound, the rest would be heard at every pause for ever.
        """
        if self._telling is None or answer is not self._telling[1]:
            self._soundless = 0

    def heard(self, now: int) -> list[Event]:
        """Has what is being told come to its end?"""
        if self._telling is None:
            return []
        notice, answer = self._telling
        whole = answer.heard == answer.generated
        if not (answer.finished or answer.interrupted_at is not None):
            return []
        self._telling = None
        if whole:
            self._soundless = 0
            return _told(notice, max(now, answer.ledger.last_dac_sample or 0))
        if answer.finished:  # no sound came of it, or of a part
            self._soundless += 1
            if self._soundless == _SOUNDLESS:
                _log.warning("no sound comes of an announcement: it waits for an answer that sounds, or for another")
        elif answer.started:
            self._soundless = 0
        self._waiting.appendleft(notice)
        return []

    def waved_away(self, now: int) -> list[Event]:
        """Somebody stopped what is being told: they know enough."""
        telling, self._telling = self._telling, None
        return [] if telling is None else _told(telling[0], now)


def _told(notice: Undelivered, now: int) -> list[Event]:
    return [Told(now, notice.turn, notice.index)] if notice.index >= 0 else []
