"""The book of timers and alarms: what is set, what is due, what rings.

    book = TimerBook(state)
    book.set_timer(now, 600, "pasta")
    for ring in book.due(now): ...          # Ring("timer", 1, "pasta timer", "Your pasta timer is done.")
    book.stop_ringing(now)

Sans-IO: every method is handed `Now`, both clocks at once. Every change is in `state` before the method returns.
`device.skills.timer_watch` is the thread that asks `due` in time.

Which clock counts
- A timer measures by the monotonic clock. What is kept on disk is its end by the wall clock, written anew when that
  clock is put right. After a restart the end on disk counts; and as a Raspberry Pi has no clock of its own until the
  network has told it the time, the first step of more than a minute within SETTLING_S of the start is believed too.
- An alarm goes by the wall clock. One whose time has passed rings if that is less than `late_s` ago, however it came
  (the power was off, the clock was put forward over it), else it is told as missed: never lost, never hours late.
- When the clock is put back by more than a minute, what rang for a time that now lies ahead rings again at that time:
  it rang by a wrong clock. The hour that comes twice in autumn is no such step (Unix time does not go back).
- An alarm rings once in the night when clocks change: at the first of two equal times, and for a time that is skipped
  when it would have come without the change (RFC 5545, 3.3.5: 2:30 rings at 3:30).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from typing import Any, Protocol

from device.skills import spoken
from device.skills.skill import SkillError, State
from device.skills.timer_records import Alarm, Now, Ring, Ringing, Timer, next_time

_log = logging.getLogger(__name__)

MOST = 50  #: timers, and alarms: more are a mistake of the recogniser or of a language model
LATE_S = 600.0  #: so late it still rings
MAX_RING_S = 600.0  #: nobody is there
SNOOZE_S = 540.0  #: nine minutes, as alarm clocks have it
SETTLING_S = 900.0  #: after the start the network may still put the clock right
_REANCHOR_S = 2.0  #: the wall clock has drifted so far from what is on disk
_STEP_S = 60.0  #: the clock was put right, not merely trimmed
_FORGET_S = 86_400.0  #: an alarm that rang once is kept so long, in case the clock is put back


class TimerDesk(Protocol):
    """Lends the book to skills, one at a time."""

    def open(self) -> AbstractContextManager[tuple["TimerBook", Now]]:
        """The book and what the clocks say."""
        ...


class TimerBook:
    """Not thread-safe; `TimerDesk` is. Setting and cancelling raise SkillError when it cannot be written down."""

    def __init__(
        self, state: State, *, zone: tzinfo | None = None, late_s: float = LATE_S, max_ring_s: float = MAX_RING_S,
        snoozable_s: float = 0.0, clock_hours: int = 12,
    ) -> None:  # fmt: skip
        """`zone`: where alarms are meant (None: the zone of this machine); `clock_hours`: 12 or 24, as times are said.
        `snoozable_s`: for so many seconds what was stopped can yet be put off, and is what "the alarm" means.

        What `state` remembers and cannot be read is left out with a line in the log.
        """
        self._state = state
        self._zone = zone
        self._late_s = late_s
        self._max_ring_s = max_ring_s
        self._snoozable_s = snoozable_s
        self.clock_hours = clock_hours
        self._timers: dict[int, Timer] = {}
        self._alarms: dict[int, Alarm] = {}
        self._ringing: dict[int, Ringing] = {}
        self._stopped: list[tuple[Ringing, float]] = []  # a moment ago: with when that was (monotonic)
        self._unclear: set[int] = set()  # alarms whose time cannot be worked out: that has been logged
        self._offset_s: float | None = None  # wall clock minus monotonic clock
        self._began_s = 0.0  # monotonic
        self._stepped = False
        self._next_id = 1
        self._read()

    def local(self, wall_s: float) -> datetime:
        """Unix seconds as the clock on the wall shows them, without a zone."""
        return datetime.fromtimestamp(wall_s, self._zone).replace(tzinfo=None)

    # What is set

    def set_timer(self, now: Now, seconds: float, name: str = "") -> Timer:
        """Raises SkillError: too many."""
        self._follow(now)
        if len(self._timers) >= MOST:
            raise SkillError(f"You have {MOST} timers already.")
        timer = Timer(self._new_id(), name, seconds, due_s=now.mono_s + seconds, due_wall_s=now.wall_s + seconds)
        self._put(timer)
        self._timers[timer.id] = timer
        return timer

    def set_alarm(self, now: Now, alarm: Alarm) -> Alarm:
        """`alarm.id` 0: it gets one. Raises SkillError: too many."""
        self._follow(now)
        if len([a for a in self._alarms.values() if self._time_of(a) is not None]) >= MOST:
            raise SkillError(f"You have {MOST} alarms already.")
        alarm.id, alarm.handled_s = self._new_id(), now.wall_s
        self._put(alarm)
        self._alarms[alarm.id] = alarm
        return alarm

    def timers(self, now: Now) -> list[Timer]:
        """The next one first; paused ones last. Those that ring, and snoozed alarms, are not among them."""
        self._follow(now)
        timers = [timer for timer in self._timers.values() if not timer.snoozed]
        return sorted(timers, key=lambda t: (t.due_s is None, t.left_s(now), t.id))

    def alarms(self, now: Now) -> list[tuple[Alarm, float]]:
        """With the time of the next ring (Unix seconds), in that order. Without those that have rung."""
        self._follow(now)
        coming = [(alarm, at) for alarm in self._alarms.values() if (at := self._time_of(alarm)) is not None]
        return sorted(coming, key=lambda pair: (pair[1], pair[0].id))

    def snoozed(self, now: Now) -> list[Timer]:
        """Alarms and timers that ring again in a while."""
        self._follow(now)
        return [timer for timer in self._timers.values() if timer.snoozed]

    def cancel(self, now: Now, *which: Timer | Alarm) -> None:
        """They will not ring."""
        self._follow(now)
        for one in which:
            self._state.put(one.key, None)
            (self._timers if isinstance(one, Timer) else self._alarms).pop(one.id, None)

    def skip_next(self, now: Now, alarm: Alarm) -> float | None:
        """`alarm` leaves its next ring out. The time of the one behind it (Unix seconds); None: there is none.

        If the clock is put back before then, it rings after all: rather that than an alarm that is lost. Raises
        SkillError: it cannot be written down, and it rings.
        """
        self._follow(now)
        handled_s, at = alarm.handled_s, self._time_of(alarm)
        if at is None:
            return None
        alarm.handled_s = at
        try:
            self._put(alarm)
        except SkillError:
            alarm.handled_s = handled_s
            raise
        return self._time_of(alarm)

    def add_time(self, now: Now, timer: Timer, seconds: float) -> None:
        """`seconds` more, or less. Raises SkillError: less than there are."""
        self._follow(now)
        if timer.left_s(now) + seconds <= 0:
            raise SkillError(f"Your {timer.label} has less time left than that.")
        self._change(timer, now, timer.left_s(now) + seconds, running=timer.due_s is not None)

    def pause(self, now: Now, timer: Timer) -> None:
        """It keeps what is left."""
        self._follow(now)
        self._change(timer, now, timer.left_s(now), running=False)

    def resume(self, now: Now, timer: Timer) -> None:
        """It goes on."""
        self._follow(now)
        self._change(timer, now, timer.left_s(now), running=True)

    # What rings

    @property
    def ringing(self) -> list[Ring]:
        """What sounds now, the longest first."""
        return [self._ring(entry) for entry in self._ringing.values() if entry.is_ringing]

    def due(self, now: Now) -> list[Ring]:
        """All that begins to ring now, and (kind "missed") all that is only to be told. Each once in a run."""
        self._follow(now)
        begun = [*self._due_timers(now), *self._due_alarms(now), *self._left_over(now)]
        for entry in self._ringing.values():
            if entry.is_ringing and entry.since_s is not None and now.mono_s - entry.since_s >= self._max_ring_s:
                entry.missed, entry.told = True, False
                self._keep(entry)
                begun.append(entry)
        rings = []
        for entry in begun:
            if not entry.told:
                entry.told = True
                entry.since_s = now.mono_s
                rings.append(self._ring(entry))
        return rings

    def next_due_s(self, now: Now) -> float | None:
        """Seconds until `due` has something to say, 0 or more; None: nothing is set."""
        self._follow(now)
        waits = [timer.due_s - now.mono_s for timer in self._timers.values() if timer.due_s is not None]
        waits += [at - now.wall_s for _, at in self.alarms(now)]
        for entry in self._ringing.values():
            if not entry.told:
                waits.append(0.0)
            elif entry.is_ringing and entry.since_s is not None:
                waits.append(entry.since_s + self._max_ring_s - now.mono_s)
        return max(0.0, min(waits)) if waits else None

    def stop_ringing(self, now: Now, label: str = "") -> list[Ring]:
        """It is heard: what rings under `label` ("": all). What rang; [] nothing did."""
        return self.stop_those(now, self._called(label))

    def stop_those(self, now: Now, which: Callable[[Ringing], bool]) -> list[Ring]:
        """It is heard: of what rings, those. What rang; [] nothing of it did."""
        self._follow(now)
        stopped = self._that_ring(which)
        for entry in stopped:
            self._forget(entry)
        self._stopped = [*self._lately_stopped(now), *((entry, now.mono_s) for entry in stopped)]
        return [self._ring(entry) for entry in stopped]

    def just_stopped(self, now: Now, which: Callable[[Ringing], bool]) -> list[Ring]:
        """Those of what was stopped less than `snoozable_s` ago."""
        self._follow(now)
        return [self._ring(entry) for entry, _ in self._lately_stopped(now) if which(entry)]

    def snooze(self, now: Now, seconds: float = SNOOZE_S, label: str = "") -> list[Ring]:
        """What rings under `label` ("": all) does so again in `seconds`; where nothing does, what was just stopped.

        What that was; [] nothing.
        """
        self._follow(now)
        self._stopped = self._lately_stopped(now)
        called = self._called(label)
        put_off = self._that_ring(called) or [entry for entry, _ in self._stopped if called(entry)]
        for entry in put_off:
            name = entry.name or (spoken.short_duration(entry.length_s) if entry.kind == "timer" else "")
            again = Timer(self._new_id(), name, seconds, due_s=now.mono_s + seconds,
                          due_wall_s=now.wall_s + seconds, snoozed=entry.kind, of_s=entry.at_s)  # fmt: skip
            self._put(again)
            self._timers[again.id] = again
            self._forget(entry)
        self._stopped = [each for each in self._stopped if each[0] not in put_off]
        return [self._ring(entry) for entry in put_off]

    def told(self, ring_id: int) -> None:
        """The user has heard that it was missed: it need not be told after a restart."""
        entry = self._ringing.get(ring_id)
        if entry is not None and entry.missed:
            self._forget(entry)

    # Inside

    def _due_timers(self, now: Now) -> Iterator[Ringing]:
        for timer in sorted(self._timers.values(), key=lambda t: t.due_s or 0.0):
            if timer.due_s is not None and timer.due_s <= now.mono_s:
                late_s = now.mono_s - timer.due_s
                kind = timer.snoozed or "timer"
                due_wall_s = now.wall_s - late_s
                entry = Ringing(timer.id, kind, timer.name, timer.length_s, timer.of_s or due_wall_s, due_wall_s)
                entry.missed = late_s > self._late_s
                self._keep(entry)
                del self._timers[timer.id]
                self._put_or_log(timer.key, None)
                yield entry

    def _due_alarms(self, now: Now) -> Iterator[Ringing]:
        for alarm in list(self._alarms.values()):
            last = None
            while (at := self._time_of(alarm)) is not None and at <= now.wall_s:
                last = alarm.handled_s = at
                if at < now.wall_s - 8 * 86_400:  # off for long: nobody wants each day of it
                    alarm.handled_s = now.wall_s - 8 * 86_400 if alarm.days else at
            if last is not None:
                entry = Ringing(alarm.id, "alarm", alarm.name, 0.0, last, missed=now.wall_s - last > self._late_s)
                self._keep(entry)
                self._put_or_log(alarm.key, alarm.to_json())
                yield entry
            elif not alarm.days and now.wall_s - alarm.handled_s > _FORGET_S and self._time_of(alarm) is None:
                del self._alarms[alarm.id]
                self._put_or_log(alarm.key, None)

    def _left_over(self, now: Now) -> Iterator[Ringing]:
        """What rang, or was to be told, when the last run ended."""
        for entry in self._ringing.values():
            if entry.since_s is None and not entry.told:
                if not entry.missed and now.wall_s - entry.began_s > self._late_s:
                    entry.missed = True
                    self._keep(entry)
                yield entry

    def _follow(self, now: Now) -> None:
        """Notice that the wall clock was put right."""
        offset = now.wall_s - now.mono_s
        if self._offset_s is None:
            self._offset_s, self._began_s = offset, now.mono_s
            for timer in self._timers.values():
                timer.anchor(offset, now)
            return
        change = offset - self._offset_s
        if abs(change) < _REANCHOR_S:
            return
        settling = not self._stepped and now.mono_s - self._began_s < SETTLING_S
        self._offset_s = offset
        for timer in self._timers.values():
            if timer.due_s is None:
                continue
            if timer.restored and settling and abs(change) >= _STEP_S:
                timer.anchor(offset, now)
            else:
                timer.due_wall_s = timer.due_s + offset
                timer.restored = timer.restored and settling
                self._put_or_log(timer.key, timer.to_json())
        if change <= -_STEP_S:
            for alarm in self._alarms.values():
                if alarm.handled_s > now.wall_s:
                    alarm.handled_s = now.wall_s
                    self._put_or_log(alarm.key, alarm.to_json())
            for entry in self._ringing.values():
                # it rings before its time, as is known now: behind a power cut it rings at its time, not at once
                if entry.kind == "alarm" and entry.id in self._alarms and entry.at_s > now.wall_s:
                    self._put_or_log(entry.key, None)
        self._stepped = self._stepped or abs(change) >= _STEP_S

    def _time_of(self, alarm: Alarm) -> float | None:
        """None: it rings no more, or that cannot be worked out, which is logged once."""
        try:
            return next_time(alarm, self._zone)
        except Exception:  # noqa: BLE001 - whatever is wrong with one alarm, all others ring
            if alarm.id not in self._unclear:
                self._unclear.add(alarm.id)
                _log.exception("timers: alarm %d does not ring: its time cannot be worked out", alarm.id)
            return None

    def _ring(self, entry: Ringing) -> Ring:
        return entry.ring(self.clock_hours, self._zone)

    def _that_ring(self, which: Callable[[Ringing], bool]) -> list[Ringing]:
        return [entry for entry in self._ringing.values() if entry.is_ringing and which(entry)]

    def _called(self, label: str) -> Callable[[Ringing], bool]:
        return lambda entry: label in ("", self._ring(entry).label)

    def _lately_stopped(self, now: Now) -> list[tuple[Ringing, float]]:
        return [(entry, at_s) for entry, at_s in self._stopped if now.mono_s - at_s < self._snoozable_s]

    def _change(self, timer: Timer, now: Now, left_s: float, *, running: bool) -> None:
        before = (timer.due_s, timer.due_wall_s, timer.paused_s, timer.restored)
        timer.restored = False
        timer.due_s = now.mono_s + left_s if running else None
        timer.due_wall_s = now.wall_s + left_s if running else None
        timer.paused_s = None if running else left_s
        try:
            self._put(timer)
        except SkillError:
            timer.due_s, timer.due_wall_s, timer.paused_s, timer.restored = before
            raise

    def _new_id(self) -> int:
        self._state.put("next", self._next_id + 1)
        self._next_id += 1
        return self._next_id - 1

    def _put(self, one: Timer | Alarm | Ringing) -> None:
        self._state.put(one.key, one.to_json())

    def _put_or_log(self, key: str, value: Any) -> None:
        """A full disk is no reason not to ring."""
        try:
            self._state.put(key, value)
        except SkillError as error:
            _log.warning("timers: %s is not written down: %s", key, error.message)

    def _keep(self, entry: Ringing) -> None:
        self._ringing[entry.id] = entry
        self._put_or_log(entry.key, entry.to_json())

    def _forget(self, entry: Ringing) -> None:
        self._ringing.pop(entry.id, None)
        self._put_or_log(entry.key, None)

    def _read(self) -> None:
        for key, value in self._state.all().items():
            try:
                kind = key.partition(":")[0]
                if kind == "timer":
                    timer = Timer.from_json(value)
                    self._timers[timer.id] = timer
                elif kind == "alarm":
                    alarm = Alarm.from_json(value)
                    self._alarms[alarm.id] = alarm
                elif kind == "ring":
                    entry = Ringing.from_json(value)
                    self._ringing[entry.id] = entry
                elif kind == "next":
                    self._next_id = max(self._next_id, int(value))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                _log.warning("timers: '%s' cannot be read and is left out: %s", key, type(error).__name__)
        for entry in self._ringing.values():  # the power went between two writes
            self._timers.pop(entry.id, None)
            if entry.id in self._alarms:
                self._alarms[entry.id].handled_s = max(self._alarms[entry.id].handled_s, entry.at_s)
        self._next_id = max([self._next_id, *(i + 1 for i in (*self._timers, *self._alarms, *self._ringing))])
