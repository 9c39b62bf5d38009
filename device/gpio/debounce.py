"""Makes one press of a bouncing contact.

    contact = Debouncer(debounce_ms=30)
    change = contact.feed(pressed=True, t_ms=1000.0)    # None: too early to believe
    change = contact.feed(pressed=True, t_ms=1030.0)    # Change(pressed=True, t_ms=1000.0)

Sans-IO: levels and times come in, changes go out. A level is believed when it has stood for `debounce_ms`; the change
is then dated back to when it came to stand. A glitch that ends sooner (a spark, a long cable) is not a press.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """The contact closed (pressed) or opened at `t_ms`."""

    pressed: bool
    t_ms: float


class Debouncer:
    """Feed it every edge, and the level once more at `due_ms`."""

    def __init__(self, debounce_ms: float = 30.0, *, pressed: bool = False) -> None:
        """`pressed`: the level at the start, which is no change."""
        if not debounce_ms >= 0:
            raise ValueError(f"debounce_ms must not be negative: {debounce_ms}")
        self._debounce_ms = debounce_ms
        self._believed = pressed
        self._since_ms: float | None = None  # since when the other level stands; None: the believed one does

    @property
    def pressed(self) -> bool:
        """What is believed now."""
        return self._believed

    @property
    def due_ms(self) -> float | None:
        """When to feed the level again, if no edge comes before; None: only edges matter."""
        return None if self._since_ms is None else self._since_ms + self._debounce_ms

    def feed(self, pressed: bool, t_ms: float) -> Change | None:
        """The level at `t_ms`; times never fall. Returns a change once it is sure."""
        if pressed == self._believed:
            self._since_ms = None
            return None
        if self._since_ms is None:
            self._since_ms = t_ms
        if t_ms - self._since_ms < self._debounce_ms:
            return None
        change = Change(pressed, self._since_ms)
        self._believed, self._since_ms = pressed, None
        return change
