"""The built-in skills with a world of fakes around them: clocks that are turned by hand, a loudspeaker, a memory.

world = World()
world.say("Set a timer for 5 minutes.")
world.pass_time(300)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from device.skills.journal import MemoryState
from device.skills.services import (
    Board,
    ConversationMemory,
    Customs,
    DeviceControls,
    DeviceStatus,
    SkillCatalog,
)
from device.skills.skillset import Skillset, load_skillset
from device.skills.testing import SkillBench
from device.skills.timer_records import Now, Ring
from device.skills.timers import TimerBook, TimerDesk

BERLIN = ZoneInfo("Europe/Berlin")


@cache
def builtin_skills() -> Skillset:
    """Loaded once a run."""
    return load_skillset(None)


class FakeControls:
    """`DeviceControls` in percent."""

    def __init__(self) -> None:
        self.volume_percent = 60
        self.muted = False

    def set_volume_percent(self, percent: int) -> None:
        self.volume_percent = percent

    def louder(self) -> None:
        self.volume_percent = min(100, self.volume_percent + 10)

    def softer(self) -> None:
        self.volume_percent = max(0, self.volume_percent - 10)

    def mute(self, muted: bool) -> None:
        self.muted = muted


class FakeMemory:
    heard: str | None = "turn on the light"
    said: str | None = "I can't do that."

    def last_heard(self) -> str | None:
        return self.heard

    def last_said(self) -> str | None:
        return self.said


class FakeStatus:
    version = "1.2.3"
    board = Board(54.2, False, False, 61.0, 12_400_000_000, 7_300.0, "wlan0", "192.168.1.7")

    def read(self) -> Board:
        return self.board


class FakeCatalog:
    loaded: tuple[str, ...] = ("set_timer", "set_alarm", "add_to_list")

    def names(self) -> tuple[str, ...]:
        return self.loaded


class World:
    """`now` is Tuesday, March 10th 2026, 14:30 in Berlin, unless told otherwise."""

    def __init__(self, now: datetime | None = None, *, clock_hours: int = 12) -> None:
        self.wall = now or datetime(2026, 3, 10, 14, 30, tzinfo=BERLIN)
        self.mono_s = 1000.0
        self.state = MemoryState()
        self.book = TimerBook(self.state, zone=self.wall.tzinfo, clock_hours=clock_hours)
        self.controls, self.memory, self.status = FakeControls(), FakeMemory(), FakeStatus()
        self.bench = SkillBench(
            skills=builtin_skills(),
            now=self.wall,
            services={
                TimerDesk: self,
                DeviceControls: self.controls,
                ConversationMemory: self.memory,
                DeviceStatus: self.status,
                SkillCatalog: FakeCatalog(),
                Customs: Customs(clock_hours=clock_hours),
            },
        )

    @property
    def now(self) -> Now:
        return Now(self.wall.timestamp(), self.mono_s)

    @contextmanager
    def open(self) -> Iterator[tuple[TimerBook, Now]]:
        yield self.book, self.now

    def pass_time(self, seconds: float) -> list[Ring]:
        """What has begun to ring at the end of it."""
        self.mono_s += seconds
        self.wall = datetime.fromtimestamp(self.wall.timestamp() + seconds, self.wall.tzinfo)
        self.bench.now = self.wall
        return self.book.due(self.now)

    def put_clock(self, by: timedelta) -> None:
        """The wall clock jumps; no time passes."""
        self.wall = datetime.fromtimestamp(self.wall.timestamp() + by.total_seconds(), self.wall.tzinfo)
        self.bench.now = self.wall

    def restart(self, off_s: float = 0.0) -> None:
        """The power goes, and comes back after a while."""
        self.wall = datetime.fromtimestamp(self.wall.timestamp() + off_s, self.wall.tzinfo)
        self.bench.now = self.wall
        self.mono_s = 5.0
        self.book = TimerBook(self.state, zone=self.wall.tzinfo, clock_hours=self.book.clock_hours)

    def say(self, text: str) -> str:
        """What is said in answer; a question is answered with yes."""
        meaning = self.bench.understand(text)
        assert meaning is not None, f"no sentence fits: {text!r}"
        return self.bench.do(meaning).say
