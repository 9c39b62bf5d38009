"""Does everything still go on? Sans-IO; `device.supervised` asks twice a second and tells systemd.

    watchdog = Watchdog(WatchPolicy())
    stands_still = watchdog.look({"sound card": 812, "conversation": 4}, now_s)     # [] : all is well

Each part of the program is known by a counter that grows while it works. One that has not grown for `stale_s` stands
still; one that is excused (the card is unplugged, and looked for) counts as if it had just grown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """What counts as a hang."""

    #: The longest that anything here takes while all is well is to open a card again: the ear waits up to 10 s for it
    #: (`device.audio.keeper.KeepPolicy`), and that time is excused. A machine that swaps can hold up a thread for
    #: seconds. Ten are a hang.
    stale_s: float = 10.0


@dataclass(slots=True)
class _Pulse:
    count: int
    grew_s: float


@dataclass(slots=True)
class Watchdog:
    """For one thread."""

    policy: WatchPolicy = field(default_factory=WatchPolicy)
    _pulses: dict[str, _Pulse] = field(default_factory=dict)

    def look(self, counters: Mapping[str, int], now_s: float, *, excused: Collection[str] = ()) -> list[str]:
        """What stands still by now, by name, in the order of `counters`.

        `counters`: all of them, each time; a name that is new has its whole time before it. `now_s`: a clock that does
        not go on while the machine sleeps (CLOCK_MONOTONIC).
        """
        still = []
        for name, count in counters.items():
            pulse = self._pulses.setdefault(name, _Pulse(count, now_s))
            if count != pulse.count or name in excused:
                pulse.count, pulse.grew_s = count, now_s
            elif now_s - pulse.grew_s > self.policy.stale_s:
                still.append(name)
        return still
