"""How loud the voice is, in steps that a volume key makes.

    volume = Volume()
    volume.down()                       # 3 dB; True: it changed
    card.set_volume(volume.factor)      # 0 to 1

Sans-IO. It only turns down: the voice is made as loud as it can be without clipping (`tts.loudness_lufs`). Below the
lowest step it is silent; the next step up brings the lowest step back.
"""

STEP_DB = 3.0  #: clearly softer or louder, and 12 pushes from end to end
HIGHEST_DB = 0.0
LOWEST_DB = -36.0  #: a voice of 70 dB at the ear is 34 dB then: the level of a quiet room


class Volume:
    """A level in dB, or silence (None)."""

    def __init__(self, level_db: float | None = HIGHEST_DB) -> None:
        """`level_db`: None is silent. Raises ValueError for a level outside LOWEST_DB..HIGHEST_DB."""
        if level_db is not None and not LOWEST_DB <= level_db <= HIGHEST_DB:
            raise ValueError(f"a volume of {level_db} dB is not between {LOWEST_DB} and {HIGHEST_DB}")
        self._level_db = level_db

    @property
    def level_db(self) -> float | None:
        """dB against full, None: silent."""
        return self._level_db

    @property
    def factor(self) -> float:
        """What samples are multiplied by, 0 to 1."""
        return 0.0 if self._level_db is None else 10.0 ** (self._level_db / 20)

    @property
    def percent(self) -> int:
        """0 is silent, 1 to 100 are LOWEST_DB to HIGHEST_DB in equal parts: the ear hears ratios."""
        if self._level_db is None:
            return 0
        return max(1, round(100 * (self._level_db - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)))

    def set_percent(self, percent: int) -> bool:
        """The inverse. False: it is so loud already. Raises ValueError outside 0 to 100."""
        if not 0 <= percent <= 100:
            raise ValueError(f"a volume of {percent} percent is not between 0 and 100")
        return self._set(None if percent == 0 else LOWEST_DB + (HIGHEST_DB - LOWEST_DB) * percent / 100)

    def up(self) -> bool:
        """A step louder. False: it is at its highest."""
        return self._set(LOWEST_DB if self._level_db is None else min(HIGHEST_DB, self._level_db + STEP_DB))

    def down(self) -> bool:
        """A step softer, at last silent. False: it is silent."""
        if self._level_db is None or self._level_db - STEP_DB < LOWEST_DB:
            return self._set(None)
        return self._set(self._level_db - STEP_DB)

    def _set(self, level_db: float | None) -> bool:
        changed = level_db != self._level_db
        self._level_db = level_db
        return changed
