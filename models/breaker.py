"""When a server is left alone for a while, and when it is tried again: a circuit breaker.

    breaker = Breaker(failures=2, recover_s=10)
    if breaker.permits(): ...            # ask the server, then tell how it went:
    breaker.failed(now_s)                # or succeeded(), or released() when the call was cancelled

Closed: calls go through. After `failures` in a row it opens: no call goes through, so that a dead server costs its time
limit once and not at every turn. From `probe_at_s` on somebody should look whether the server is there, with something
cheap that nobody waits for (`probed`). A probe that went well makes it half-open: one call at a time goes through; its
success closes the breaker, its failure opens it again for twice as long.

Sans-IO: times are handed in, in seconds of any clock that never goes back. (Ready-made breakers were looked at:
pybreaker and purgatory wait by the wall clock, which jumps on a board without a battery; circuitbreaker does not, but
like them it takes a person's next call for the probe, and a cancelled call for a success.)
"""

from typing import Literal

State = Literal["closed", "open", "half-open"]

#: The wait doubles up to this multiple of the first one.
LONGEST_WAIT = 16


class Breaker:
    """One server's. Not for several threads at once (`models.guard` holds a lock)."""

    def __init__(self, *, failures: int = 2, recover_s: float = 10.0) -> None:
        """Opens after `failures` in a row; `recover_s` to the first probe."""
        if failures < 1 or recover_s <= 0:
            raise ValueError(f"a breaker of {failures} failures and {recover_s} s makes no sense")
        self._limit = failures
        self._recover_s = recover_s
        self._wait_s = recover_s
        self._failures = 0
        self._probe_at_s: float | None = None
        self._trying = False
        self._state: State = "closed"

    @property
    def state(self) -> State:
        """Of the three."""
        return self._state

    @property
    def probe_at_s(self) -> float | None:
        """When to look whether the server is there; None unless open."""
        return self._probe_at_s

    def permits(self) -> bool:
        """May the server be asked? True obliges to tell how it went."""
        if self._state == "open" or (self._state == "half-open" and self._trying):
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """The call went well. One that began before the breaker opened tells nothing new."""
        self._trying = False
        self._failures = 0
        if self._state == "half-open":
            self._state = "closed"
            self._wait_s = self._recover_s

    def failed(self, now_s: float) -> None:
        """The call failed."""
        self._trying = False
        self._failures += 1
        if self._state == "half-open":
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT * self._recover_s)
            self._open(now_s)
        elif self._state == "closed" and self._failures >= self._limit:
            self._open(now_s)

    def released(self) -> None:
        """The call was cancelled before it could be seen how it goes."""
        self._trying = False

    def trip(self, now_s: float) -> None:
        """The server is known not to be there: open at once."""
        if self._state != "open":
            self._open(now_s)

    def probed(self, now_s: float, *, found: bool) -> None:
        """Somebody has looked. Does nothing unless open."""
        if self._state != "open":
            return
        if found:
            self._state, self._probe_at_s, self._trying = "half-open", None, False
        else:
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT * self._recover_s)
            self._probe_at_s = now_s + self._wait_s

    def _open(self, now_s: float) -> None:
        self._state = "open"
        self._failures = 0
        self._probe_at_s = now_s + self._wait_s
