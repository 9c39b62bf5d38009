"""What the lights show, and when.

    plan = LightPlan()
    plan.state("thinking", t_ms=0.0); plan.light(t_ms=300.0)     # Light("thinking", (255, 90, 0), 0.55)

Sans-IO: times in ms come in, colours and levels go out. Three things are shown: the state of the conversation, an error
for `ERROR_MS`, and whether the microphone is muted. Where only one of them can be shown (a ring, a single LED) muted
comes first, always: who looks for it wants to know whether somebody listens, and nothing else.
"""

import math
from dataclasses import dataclass
from typing import Literal

Name = Literal["idle", "attentive", "listening", "thinking", "speaking", "ringing", "muted", "error"]
Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

ERROR_MS = 3000.0  #: so long an error is shown


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a coloured light shows one thing. `period_ms` is of a blink (half on) or of a breath."""

    colour: Colour
    brightness: float = 1.0
    shape: Literal["steady", "blink", "breathe"] = "steady"
    period_ms: float = 1000.0
    lowest: float = 0.1  #: a breath goes down to this part of the brightness: dark would be another state

    def level(self, t_ms: float) -> float:
        """0 to 1, `t_ms` after it began."""
        phase = t_ms / self.period_ms % 1.0
        match self.shape:
            case "steady":
                part = 1.0
            case "blink":
                part = 1.0 if phase < 0.5 else 0.0
            case "breathe":
                part = self.lowest + (1 - self.lowest) * (0.5 - 0.5 * math.cos(2 * math.pi * phase))
        return self.brightness * part


#: Told apart by movement as well as by colour: one man in twelve cannot tell red from green.
PATTERNS: dict[Name, Pattern] = {
    "idle": Pattern((0, 40, 255), brightness=0.04),
    "attentive": Pattern((0, 80, 255), brightness=0.5, shape="breathe", period_ms=2000.0),
    "listening": Pattern((0, 80, 255)),
    "thinking": Pattern((255, 90, 0), shape="breathe", period_ms=1200.0),
    "speaking": Pattern((0, 255, 60), brightness=0.6),
    "ringing": Pattern((255, 255, 255), shape="blink", period_ms=600.0),
    "muted": Pattern((255, 0, 0)),
    "error": Pattern((255, 60, 0), shape="blink", period_ms=250.0),
}

#: The same on a single LED of one colour: ms on, off, on, off ... and again from the start.
BLINKS: dict[Name, tuple[float, ...]] = {
    "idle": (0.0, 1000.0),
    "attentive": (900.0, 100.0),
    "listening": (1000.0, 0.0),
    "thinking": (100.0, 100.0),
    "speaking": (500.0, 500.0),
    "ringing": (300.0, 300.0),
    "muted": (100.0, 150.0, 100.0, 1650.0),
    "error": (100.0, 100.0, 100.0, 100.0, 100.0, 500.0),
}


@dataclass(frozen=True, slots=True)
class Light:
    """A coloured light at one moment."""

    name: Name
    colour: Colour
    level: float  #: 0 to 1


class LightPlan:
    """Feed it what happens, ask it what to show. Times never fall."""

    def __init__(self) -> None:
        self._state: Name = "idle"
        self._muted = False
        self._error_ms: float | None = None
        self._shown: Name = "idle"
        self._since_ms = 0.0

    def state(self, state: Name, t_ms: float) -> None:
        """The conversation is in `state` from `t_ms` on."""
        self._state = state
        self._look(t_ms)

    def muted(self, muted: bool, t_ms: float) -> None:
        """The microphone is (not) silenced: from the card, never from a wish."""
        self._muted = muted
        self._look(t_ms)

    def error(self, t_ms: float) -> None:
        """Something failed at `t_ms`."""
        self._error_ms = t_ms
        self._look(t_ms)

    def lit(self, t_ms: float) -> frozenset[Name]:
        """For LEDs that have one meaning each: all that holds at `t_ms`."""
        # "attentive" has no LED of its own: whoever speaks now is listened to
        names: set[Name] = {"listening" if self._state == "attentive" else self._state}
        if self._muted:
            names.add("muted")
        if self._failing(t_ms):
            names.add("error")
        return frozenset(names)

    def showing(self, t_ms: float) -> Name:
        """The one thing to show: muted, else an error, else the state."""
        return "muted" if self._muted else "error" if self._failing(t_ms) else self._state

    def light(self, t_ms: float) -> Light:
        """For a coloured light."""
        name, elapsed_ms = self._look(t_ms)
        pattern = PATTERNS[name]
        return Light(name, pattern.colour, pattern.level(elapsed_ms))

    def blink(self, t_ms: float) -> bool:
        """For a single LED: is it lit?"""
        name, elapsed_ms = self._look(t_ms)
        code = BLINKS[name]
        rest_ms = elapsed_ms % sum(code)
        for i, length_ms in enumerate(code):
            if rest_ms < length_ms:
                return i % 2 == 0
            rest_ms -= length_ms
        return False

    def _failing(self, t_ms: float) -> bool:
        return self._error_ms is not None and t_ms - self._error_ms < ERROR_MS

    def _look(self, t_ms: float) -> tuple[Name, float]:
        """What is shown, and for how long already: a pattern begins at its beginning."""
        name = self.showing(t_ms)
        if name != self._shown:
            self._shown, self._since_ms = name, t_ms
        return name, t_ms - self._since_ms
