"""How far behind is the machine? Measures at the rim, and tells `Degrade` in the thread that owns it.

    work = WorkMeter(degrade)
    stt.give(work.timed("stt", partial(decode, command)))       # any thread: how long does it stand in the queue?
    work.decoded(transcript); work.judged(took_ms)              # the workers
    for event in work.heard(end_sample): publish(event)         # every block, in the conversation's thread

How late the microphone is follows from two clocks: a block that is dealt with later after its last sample than the
promptest of late was held up by so much. The baseline is let rise by 200 ppm, so that a card whose clock differs from
the machine's (by 100 ppm at most, as cards go) is not taken for one that falls behind.
"""

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from device.dialogue.degrade import Degrade, Worker
from device.dialogue.events import Degraded
from models.protocols import SAMPLE_RATE_HZ, Transcript

_DRIFT = 200e-6
_EVERY_SAMPLES = SAMPLE_RATE_HZ // 10  # the microphone's lateness is told ten times a second
_NOTES = 256  # measurements that wait for the next block: far more than workers make in 10 ms

_Note = Callable[[int], list[Degraded]]


class WorkMeter:
    """One session's. `heard` and `card_lost` from one thread, everything else from any."""

    def __init__(self, degrade: Degrade, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._degrade = degrade
        self._clock_s = clock_s
        self._notes: deque[_Note] = deque(maxlen=_NOTES)  # what is measured elsewhere; append is atomic
        self._prompt_s: float | None = None  # least difference of the two clocks: a block that nothing held up
        self._told_sample = 0
        self._read_s = 0.0
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

    def card_lost(self) -> None:
        """The capture clock may jump: what was prompt is found anew."""
        self._prompt_s = None

    def _late_ms(self, end_sample: int) -> float:
        now_s = self._clock_s()
        apart_s = now_s - end_sample / SAMPLE_RATE_HZ
        if self._prompt_s is None:
            self._prompt_s = apart_s
        else:
            self._prompt_s = min(apart_s, self._prompt_s + _DRIFT * (now_s - self._read_s))
        self._read_s = now_s
        return (apart_s - self._prompt_s) * 1000
