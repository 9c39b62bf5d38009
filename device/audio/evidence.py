"""Is what the canceller lets through a person, or may it be what the filter left of the echo?

    evidence = NearEndEvidence()
    likely = evidence.feed(canceller.powers(), sounding=True, adapted=True)     # each block

A voice detector cannot tell: the leftover of a spoken answer is speech. But the filter knows how loud the echo is that
it takes away, and how much of it stays is a property of the room and the loudspeaker (the *leak*, minus the echo return
loss enhancement): learnt while the loudspeaker sounds, it says how loud a leftover may be. What is louder
for some blocks is somebody else. Sans-IO.

The leak is followed as a high quantile, so that peaks of the leftover (a loudspeaker that clips, the reverberation
beyond the filter) belong to it. A person who talks over the answer raises it slowly, at most by
`QUANTILE x RATE_DB` a second, and has been heard long before it has caught up.
"""

import math

from dsp.echo import EchoPowers

#: A block speaks for a near end by its dB above the expected leftover, less so many,
DRIFT_DB = 6.0
#: and by so many more at first, less and less over the seconds in which the leak is learnt;
EARLY_DRIFT_DB = 6.0
EARLY_BLOCKS = 800
#: within these bounds;
STEP_DB = 10.0
#: the sum, never below 0 (a CUSUM test, Page 1954), is evidence above this
ENOUGH_DB = 5.0
#: and is kept below this, so that it ends soon after the voice.
MOST_DB = 15.0
#: The leak is the level, relative to the echo, that this share of the leftover stays below.
QUANTILE = 0.9
#: dB a second of the follower: falls by (1 - QUANTILE) of it, rises by QUANTILE of it.
RATE_DB = 20.0
#: While the filter learns a room the leak falls fast.
FIRST_RATE_DB = 80.0
FIRST_BLOCKS = 300
#: While somebody seems to speak over it the leak follows slowly; it does not stand still, for a room may have changed.
HELD_RATE = 0.3
#: Nothing is known: as loud as the echo itself.
UNKNOWN_LEAK_DB = 0.0
#: Means over blocks: 50 ms for what is compared.
_MEMORY = 0.8
#: Echo that the filter does not reach any more falls by 60 dB in 1 s at the slowest.
_DECAY = 10 ** (-6.0 / 100)
#: The room's own noise: the least in the last one to two seconds (Martin's minimum statistics, 2001, in short).
NOISE_BLOCKS = 100
_NOISE_MARGIN = 4.0  # 6 dB
_LEAST_POWER = 4.0  # mean square of the difference: some -84 dBFS
_TINY = 1e-3
#: What the filter leaves of the echo hangs together with what it takes away as soon as the room is another one; a
#: person's voice does not. Correlation of the two: of a person within 0.05, after a change of the room 0.1 to 0.9.
RELATED = 0.08
#: Evidence holds for so many blocks: the frames of the detector are as long, and syllables have gaps.
HOLD_BLOCKS = 10


class NearEndEvidence:
    """Feed it every block in order. One thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another room: nothing is known."""
        self.leak_db = UNKNOWN_LEAK_DB  #: level of the leftover to that of the echo; minus this: the ERLE
        self._left = 0.0
        self._near = self._taken = 0.0
        self._echo = 0.0
        self._noise = self._least = self._least_before = math.inf
        self._noise_blocks = 0
        self._learnt_blocks = 0
        self._sum_db = 0.0
        self._held = 0

    @property
    def erle_db(self) -> float:
        """How far the filter turns the echo down in its worse moments, dB."""
        return -self.leak_db

    def feed(self, powers: EchoPowers, *, sounding: bool, adapted: bool) -> bool:
        """True: what is heard is more than the echo can have left. `sounding`: the loudspeaker does, or its echo.

        `adapted`: the filter knows the room; before that nothing is evidence.
        """
        self._left = _MEMORY * self._left + (1 - _MEMORY) * powers.linear if self._left else powers.linear
        self._near = _MEMORY * self._near + (1 - _MEMORY) * powers.near
        self._taken = _MEMORY * self._taken + (1 - _MEMORY) * powers.estimate
        now = _MEMORY * self._echo + (1 - _MEMORY) * powers.estimate
        self._echo = max(now, _DECAY * self._echo)
        self._follow_noise()
        if not sounding:
            self._sum_db, self._held = 0.0, 0
            return True
        noise = self._noise * _NOISE_MARGIN
        expected = self._echo * 10 ** (self.leak_db / 10) + noise
        over_db = 10 * math.log10(max(self._left, _TINY) / expected) - self._drift_db()
        if self._related(noise):
            over_db = -STEP_DB
        if adapted:
            self._sum_db = min(max(self._sum_db + min(max(over_db, -STEP_DB), STEP_DB), 0.0), MOST_DB)
        else:
            self._sum_db = 0.0
        self._held = HOLD_BLOCKS if self._sum_db > ENOUGH_DB else max(0, self._held - 1)
        if self._echo > noise:
            self._learn()
        return self._held > 0

    def _related(self, noise: float) -> bool:
        """near = left + taken, so their powers tell the correlation of the two."""
        if min(self._left, self._taken) <= noise:
            return False
        cross = (self._near - self._left - self._taken) / 2
        return abs(cross) > RELATED * math.sqrt(self._left * self._taken)

    def _drift_db(self) -> float:
        return DRIFT_DB + EARLY_DRIFT_DB * max(0.0, 1.0 - self._learnt_blocks / EARLY_BLOCKS)

    def _follow_noise(self) -> None:
        self._least = min(self._least, self._left)
        self._noise = max(_LEAST_POWER, min(self._least, self._least_before))
        self._noise_blocks += 1
        if self._noise_blocks == NOISE_BLOCKS:
            self._noise_blocks = 0
            self._least_before, self._least = self._least, math.inf

    def _learn(self) -> None:
        self._learnt_blocks += 1
        rate = (FIRST_RATE_DB if self._learnt_blocks < FIRST_BLOCKS else RATE_DB) / 100
        if self._held:
            rate *= HELD_RATE
        ratio_db = 10 * math.log10(max(self._left - self._noise * 2, _TINY) / self._echo)
        self.leak_db += rate * QUANTILE if ratio_db > self.leak_db else -rate * (1 - QUANTILE)
        self.leak_db = min(max(self.leak_db, -50.0), 10.0)
