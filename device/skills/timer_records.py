"""What the book of timers keeps: a timer, an alarm, something that rings; each as JSON and back.

    Alarm(0, "", hour=7, minute=0, days=(0, 1, 2, 3, 4))      # every weekday at seven
    next_time(alarm, zone)                                    # Unix seconds

Sans-IO. Times named `wall` or `at` are Unix seconds, others seconds of the monotonic clock.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, Self

from device.skills import spoken

Kind = Literal["timer", "alarm"]


@dataclass(frozen=True, slots=True)
class Now:
    """What both clocks say at one moment."""

    wall_s: float  #: Unix seconds
    mono_s: float  #: seconds since whenever; goes on evenly whatever is done to the other clock


@dataclass(frozen=True, slots=True)
class Ring:
    """Something to sound, or (kind "missed") only to be told."""

    kind: Literal["timer", "alarm", "missed"]
    id: int
    label: str  #: "pasta timer", "7 AM alarm"
    text: str  #: what is said


@dataclass(slots=True)
class Timer:
    """Runs until `due_s`, or is paused."""

    id: int
    name: str  #: "" none
    length_s: float
    due_s: float | None = None  #: None: paused
    due_wall_s: float | None = None  #: the same moment by the wall clock, as on disk
    paused_s: float | None = None  #: what is left of one that is paused
    snoozed: Kind | Literal[""] = ""  #: of what it is the second ring
    of_s: float | None = None  #: when that one was to ring (Unix seconds)
    restored: bool = False  #: set in an earlier run: its end on disk counts

    @property
    def key(self) -> str:
        return f"timer:{self.id}"

    @property
    def label(self) -> str:
        """ "pasta timer", "10 minute timer"."""
        return f"{self.name or spoken.short_duration(self.length_s)} timer"

    def left_s(self, now: Now) -> float:
        """Seconds, 0 or more."""
        return self.paused_s or 0.0 if self.due_s is None else max(0.0, self.due_s - now.mono_s)

    def anchor(self, offset_s: float, now: Now) -> None:
        """Take the end from the wall clock; a clock that is behind cannot make it longer than it was set."""
        if self.due_wall_s is not None:
            self.due_s = min(self.due_wall_s - offset_s, now.mono_s + self.length_s)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "length_s": self.length_s, "due_wall_s": self.due_wall_s,
                "paused_s": self.paused_s, "snoozed": self.snoozed, "of_s": self.of_s}  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises KeyError, TypeError, ValueError."""
        due_wall_s, paused_s = _seconds(value["due_wall_s"]), _seconds(value["paused_s"])
        if (due_wall_s is None) == (paused_s is None):
            raise ValueError("neither runs nor pauses")
        length_s = _seconds(value["length_s"])
        if length_s is None or value["snoozed"] not in ("", "timer", "alarm"):
            raise ValueError("no timer")
        return cls(
            int(value["id"]), str(value["name"]), length_s, due_s=due_wall_s, due_wall_s=due_wall_s, paused_s=paused_s,
            snoozed=value["snoozed"], of_s=_seconds(value["of_s"]), restored=True,
        )  # fmt: skip


@dataclass(slots=True)
class Alarm:
    """Rings at a time of the local clock: on `day`, or on `days` of every week (0 is Monday)."""

    id: int
    name: str
    hour: int
    minute: int
    day: date | None = None
    days: tuple[int, ...] = ()
    handled_s: float = 0.0  #: up to here (Unix seconds) all has rung, or was told as missed

    @property
    def key(self) -> str:
        return f"alarm:{self.id}"

    @property
    def time(self) -> time:
        return time(self.hour, self.minute)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "hour": self.hour, "minute": self.minute,
                "day": self.day.isoformat() if self.day else None, "days": list(self.days),
                "handled_s": self.handled_s}  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises KeyError, TypeError, ValueError."""
        day = date.fromisoformat(value["day"]) if value["day"] is not None else None
        days = tuple(int(d) for d in value["days"])
        handled_s = _seconds(value["handled_s"])
        alarm = cls(int(value["id"]), str(value["name"]), int(value["hour"]), int(value["minute"]), day, days)
        if handled_s is None or (day is None) != bool(days) or not all(0 <= d <= 6 for d in days):
            raise ValueError("on no day")
        alarm.handled_s = handled_s
        alarm.time  # noqa: B018 - ValueError for an hour that is none
        return alarm


@dataclass(slots=True)
class Ringing:
    """Rings, or was missed and is to be told."""

    id: int
    kind: Kind
    name: str
    length_s: float  #: of a timer
    at_s: float  #: for when it was set (Unix seconds)
    began_s: float = 0.0  #: when it began to ring (Unix seconds), for one that was snoozed
    missed: bool = False
    told: bool = False  #: `due` has given it out in this run
    since_s: float | None = None  #: when that was (monotonic)

    def __post_init__(self) -> None:
        self.began_s = self.began_s or self.at_s

    @property
    def key(self) -> str:
        return f"ring:{self.id}"

    @property
    def is_ringing(self) -> bool:
        return self.told and not self.missed

    def ring(self, clock_hours: int = 12, zone: tzinfo | None = None) -> Ring:
        at = datetime.fromtimestamp(self.at_s, zone)
        said = spoken.clock(at, clock_hours)
        if self.kind == "timer":
            label = f"{self.name or spoken.short_duration(self.length_s)} timer"
            text = f"Your {label} ended at {said}." if self.missed else f"Your {label} is done."
        else:
            label = f"{self.name or said} alarm"
            text = f"You missed your {label}." if self.missed else f"This is your {label}."
            if self.missed and self.name:
                text = f"You missed your {label} at {said}."
        return Ring("missed" if self.missed else self.kind, self.id, label, text)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "name": self.name, "length_s": self.length_s, "at_s": self.at_s,
                "began_s": self.began_s, "missed": self.missed}  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises KeyError, TypeError, ValueError."""
        length_s, at_s, began_s = _seconds(value["length_s"]), _seconds(value["at_s"]), _seconds(value["began_s"])
        if length_s is None or at_s is None or began_s is None or value["kind"] not in ("timer", "alarm"):
            raise ValueError("rings for nothing")
        datetime.fromtimestamp(at_s)
        return cls(int(value["id"]), value["kind"], str(value["name"]), length_s, at_s, began_s, bool(value["missed"]))


def next_time(alarm: Alarm, zone: tzinfo | None) -> float | None:
    """The first time of `alarm` behind what is handled, as Unix seconds; None: there is no more."""
    if alarm.day is not None:
        at = _unix(alarm.day, alarm.time, zone)
        return at if at > alarm.handled_s else None
    first = datetime.fromtimestamp(alarm.handled_s, zone).date() - timedelta(days=1)
    for away in range(10):
        day = first + timedelta(days=away)
        if day.weekday() in alarm.days and (at := _unix(day, alarm.time, zone)) > alarm.handled_s:
            return at
    return None


def _unix(day: date, at: time, zone: tzinfo | None) -> float:
    """PEP 495 with fold 0: the first of two, and a skipped time by the offset before the gap."""
    return datetime.combine(day, at, zone).timestamp()


def _seconds(value: Any) -> float | None:
    """Raises ValueError: not finite; TypeError: no number."""
    if value is None:
        return None
    if isinstance(value, bool) or not math.isfinite(value) or abs(value) > 1e11:
        raise ValueError(f"{value} is no time")
    return float(value)
