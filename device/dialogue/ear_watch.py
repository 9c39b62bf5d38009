"""A voice detector that fails, and an ear that hangs: told, survived if that is possible, and never silent.

    meter = SteadyMeter(vad, on_failure=tell)       # in the thread of the ear; raises when it fails for good
    watch = EarWatch(now_s); watch.alive(now_s)     # ... which says that it lives, with every block
    watch.look(now_s, card_lost=False)              # any other thread: what to tell, "" nothing

Without its detector the assistant is deaf and does not know it. Sans-IO; times in s of a clock that never goes back.
"""

from collections.abc import Callable

from device.dialogue.voice_meter import Reading, VoiceMeter
from device.errors import ModelStuckError
from models.protocols import SAMPLE_RATE_HZ, Int16s, VadModel

#: Without a sign of life for so long it is told, and for so long it is over.
TELL_S = 3.0
HOPELESS_S = 30.0
#: A detector that fails for so much sound in a row is broken.
BROKEN_SAMPLES = 3 * SAMPLE_RATE_HZ
#: Nobody has looked for longer than this: the whole process stood still (stopped, swapped out), not the ear alone.
STOOD_STILL_S = 1.5


class SteadyMeter:
    """`VoiceMeter` of a detector that may raise: it begins anew then, and what it missed counts as silence."""

    def __init__(self, vad: VadModel, on_failure: Callable[[Exception], None]) -> None:
        """`on_failure` is called with the first of failures in a row."""
        self._vad = vad
        self._meter = VoiceMeter(vad)
        self._on_failure = on_failure
        self._failing_since: int | None = None  # sample of the first failure in a row

    def feed(self, pcm: Int16s, sample: int) -> list[Reading]:
        """As `VoiceMeter`. Raises what the detector raised once it has been failing for three seconds of sound."""
        try:
            readings = self._meter.feed(pcm, sample)
        except Exception as error:
            if self._failing_since is None:
                self._failing_since = sample
                self._on_failure(error)
            if sample - self._failing_since > BROKEN_SAMPLES:
                raise
            self._vad.reset()
            self._meter = VoiceMeter(self._vad)
            return []
        if readings:
            self._failing_since = None
        return readings


class EarWatch:
    """Is the thread of the ear alive?"""

    def __init__(self, now_s: float) -> None:
        self._alive_s = self._looked_s = now_s
        self._told = False

    def alive(self, now_s: float) -> None:
        """By the ear itself, with every block and every time-out of a read."""
        self._alive_s = now_s

    def look(self, now_s: float, *, card_lost: bool) -> str:
        """What is to be told: once, until it lives again. `card_lost`: it looks for the card, which may take a while.

        Raises ModelStuckError.
        """
        gap_s, self._looked_s = now_s - self._looked_s, now_s
        if gap_s > STOOD_STILL_S:
            self._alive_s = min(now_s, self._alive_s + gap_s)
        silent_s = now_s - self._alive_s
        if silent_s <= TELL_S or card_lost:
            self._told = False
            return ""
        if silent_s > HOPELESS_S:
            raise ModelStuckError(
                f"nothing is heard any more: the voice detector hangs since {silent_s:.0f} s",
                hint="only a new process hears again: start nearfield again (a supervisor does at status 75)",
            )
        told, self._told = self._told, True
        return "" if told else f"nothing has been heard for {silent_s:.0f} s: it hangs"
