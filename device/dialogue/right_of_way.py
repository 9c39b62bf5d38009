"""The first clause of an answer becomes sound before the rest of it is written.

    way = RightOfWay()
    way.take(); ...; way.give_back()        # the voice, for the first clause
    way.wait()                              # the language model, between two tokens

Both use all cores, and the user waits for one of them only. Written side by side on two cores the first clause took
the voice three times as long as alone. For threads; a taker that never gives back holds nobody up for long.
"""

import threading
import time

_LONGEST_S = 0.5


class RightOfWay:
    """One taker at a time; the newest counts."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()
        self._until_s = 0.0

    def take(self) -> None:
        """From here on others wait."""
        self._until_s = time.monotonic() + _LONGEST_S
        self._free.clear()

    def give_back(self) -> None:
        """Nobody has to wait any more."""
        self._free.set()

    def wait(self) -> None:
        """Until the way is free, or was taken for too long."""
        left_s = self._until_s - time.monotonic()
        if not self._free.is_set() and (left_s <= 0 or not self._free.wait(left_s)):
            self._free.set()
