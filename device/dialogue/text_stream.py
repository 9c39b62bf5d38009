"""The text of one answer as it comes: asked for when, begun when, how fast, and has it stalled?

    text = TextStream(pace, asked=now)
    text.piece("The capital", now)      # True: it is the first
    text.chars_per_ms                   # just now; None: too little of it to say
    text.ended()                        # what it took is known to `pace` from here on

Times are samples of the capture clock, 16 kHz. Sans-IO.
"""

from device.dialogue.pace import Pace
from models.protocols import SAMPLE_RATE_HZ

_LIVE_CHARS = 16  # before the speed means anything
_FIRST_CHARS = 8  # ... or a little: two or three tokens
_STALLED_SAMPLES = SAMPLE_RATE_HZ // 2  # without text for so long: what there is is said, though a gap follows


class TextStream:
    """One answer's."""

    def __init__(self, pace: Pace, asked: int) -> None:
        """`asked`: when the text was asked for; 0: nobody asked a model for it."""
        self._pace = pace
        self._asked = asked
        self._from = asked  # first piece
        self._to = asked  # newest piece
        self._chars = 0  # behind the first piece
        self._waited = 0  # stood still since the newest piece
        self.begun = False  #: is there a piece of it?
        self.stalled = False  #: no text comes for a long time; found by `stalls`

    def piece(self, piece: str, now: int) -> bool:
        """A piece of it. Is it the first?"""
        first, self.begun = not self.begun, True
        if first:
            self._from = now
            if self._asked:
                self._pace.first_token(now - self._asked)
        else:
            self._chars += len(piece)
            self._from = min(self._from + self._waited, now)
        self._to, self._waited, self.stalled = now, 0, False
        return first

    def waited(self, samples: int) -> None:
        """It stood still for so long because others had the right of way: that says nothing of its speed."""
        self._waited += samples

    def ended(self) -> None:
        """No more of it comes."""
        self._pace.wrote(self._chars, self._to - self._from)

    def stalls(self, now: int) -> bool:
        """Has nothing come for so long that it has stalled just now? Said once."""
        if self.stalled or now - self._to < _STALLED_SAMPLES:
            return False
        self.stalled = True
        return True

    @property
    def chars_per_ms(self) -> float | None:
        """How fast it comes; None: too little has come to say."""
        return self._speed(_LIVE_CHARS)

    @property
    def first_chars_per_ms(self) -> float | None:
        """The same, to be had sooner and less certain."""
        return self._speed(_FIRST_CHARS)

    def _speed(self, least_chars: int) -> float | None:
        took = self._to - self._from
        return self._chars * SAMPLE_RATE_HZ / 1000 / took if self._chars >= least_chars and took > 0 else None

    def expected(self, chars: int) -> tuple[int, float] | None:
        """(since when, how many ms from there) until `chars` more are written; None: nobody knows when it begins."""
        left_ms = self._pace.text_ms(chars, self.chars_per_ms)
        if self.begun:
            return self._to, left_ms
        if not self._asked or self._pace.first_token_ms is None:
            return None
        return self._asked, left_ms + self._pace.first_token_ms
