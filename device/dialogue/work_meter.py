"""How far behind is the machine? Measures at the rim, and tells `Degrade` in the thread that owns it.

    work = WorkMeter(degrade)
    stt.give(work.timed("stt", partial(decode, command)))       # any thread: how long does it stand in the queue?
    work.decoded(transcript); work.judged(took_ms)              # the workers
    work.read(end_sample, asked_s)                              # the ear: a block came, asked for at `asked_s`
    for event in work.heard(end_sample): publish(event)         # every block, in the conversation's thread

How late the microphone is follows from two clocks. A block that the ear had to wait for is new: nothing was held up
then, and what the clocks differ by is what they differ by. By how much more they do when a block is dealt with, so
late it is. So neither the drift of a card nor samples that a driver lost are taken for a backlog.
"""

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from device.dialogue.degrade import Degrade, Worker
from device.dialogue.events import Degraded
from models.protocols import SAMPLE_RATE_HZ, Transcript

_WAITED_S = 0.002  # a read that took longer found the ring empty
_EVERY_SAMPLES = SAMPLE_RATE_HZ // 10  # the microphone's lateness is told ten times a second
_NOTES = 256  # measurements that wait for the next block: far more than workers make in 10 ms

_Note = Callable[[int], list[Degraded]]


class WorkMeter:
    """One session's. `heard` from one thread, `read` from one, everything else from any."""

    def __init__(self, degrade: Degrade, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._degrade = degrade
        self._clock_s = clock_s
        self._notes: deque[_Note] = deque(maxlen=_NOTES)  # what is measured elsewhere; append is atomic
        self._apart_s: float | None = None  # the two clocks, when nothing was held up; one thread sets it, one reads it
        self._told_sample = 0
        self._latest_ms = 0.0  # the least of this tenth of a second: one hiccup is no backlog

    def timed(self, worker: Worker, work: Callable[[], None]) -> Callable[[], None]:
        """`work`, which tells how long it waited once it is begun."""
        given_s = self._clock_s()

        def run() -> None:
            wait_ms = (self._clock_s() - given_s) * 1000
            self._notes.append(partial(self._degrade.waited, worker=worker, wait_ms=wait_ms))
            work()

        return run

    def decoded(self, transcript: Transcript) -> None:
        """A decode came to its end; one that was cancelled says nothing."""
        if transcript.complete:
            note = partial(self._degrade.decoded, audio_ms=transcript.audio_ms, decode_ms=transcript.decode_ms)
            self._notes.append(note)

    def judged(self, answer_ms: float) -> None:
        """The turn model took so long."""
        self._notes.append(partial(self._degrade.judged, answer_ms=answer_ms))

    def heat(self, temperature_c: float | None, *, throttled: bool) -> None:
        """`device.diagnostics.health` found this."""
        self._notes.append(partial(self._degrade.heat, temperature_c=temperature_c, throttled=throttled))

    def heard(self, end_sample: int) -> list[Degraded]:
        """A block that ends at `end_sample` is dealt with now."""
        out: list[Degraded] = []
        while self._notes:
            out += self._notes.popleft()(end_sample)
        late_ms = self._late_ms(end_sample)
        self._latest_ms = min(self._latest_ms, late_ms)
        if end_sample - self._told_sample >= _EVERY_SAMPLES:
            out += self._degrade.ear_late(end_sample, self._latest_ms)
            self._told_sample, self._latest_ms = end_sample, late_ms
        return out + self._degrade.tick(end_sample)

    def read(self, end_sample: int, asked_s: float) -> None:
        """The ear got a block that ends at `end_sample`; it had asked for it at `asked_s` of the machine's clock."""
        now_s = self._clock_s()
        if now_s - asked_s >= _WAITED_S:
            self._apart_s = now_s - end_sample / SAMPLE_RATE_HZ

    def _late_ms(self, end_sample: int) -> float:
        apart_s = self._apart_s
        if apart_s is None:
            return 0.0
        return max(0.0, (self._clock_s() - end_sample / SAMPLE_RATE_HZ - apart_s) * 1000)
