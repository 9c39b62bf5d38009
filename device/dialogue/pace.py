"""How fast text and sound come, as measured: will the next clause be there before this one has been played?

    pace = Pace()
    pace.wrote(180, 24_000); pace.spoke(31, took_samples=1_400, audio_samples=30_000)
    pace.flows(clause_chars=5, rest_chars=2, next_chars=48)     # may "Sure," sound alone?

One object a conversation: an answer begins with what the answers before it took. All estimates are in ms and per
character. Sans-IO.
"""

from collections import deque

from models.clause_parts import FIRST_SAMPLES
from models.protocols import SAMPLE_RATE_HZ

#: Nothing measured yet: a slow small computer. What is too careful costs the first answer some ten ms.
_PRIOR_TEXT_CHARS_PER_MS = 0.04
_PRIOR_VOICE_MS_PER_CHAR = 8.0
_PRIOR_AUDIO_MS_PER_CHAR = 55.0
#: A call of the voice costs as much as so many characters more, and its audio is longer by these (Piper, 4 to 100
#: characters: both straight lines to within 10 %).
_VOICE_EXTRA_CHARS = 8
_AUDIO_EXTRA_CHARS = 3
#: Nothing is counted on that is less than this slower than measured: the models share the cores with each other.
_SAFETY = 1.3
_NEWEST = 0.3  # weight of the newest figure in the running mean
_LEAST_CHARS = 16  # of a stream, before its speed means anything
_CACHED_RTF = 0.005  # no voice is faster: that came out of a cache
_LATENCIES = 20  # first sounds that are remembered
#: What is said of a first clause before it is complete ...
_OPENING_MS = FIRST_SAMPLES * 1000 / SAMPLE_RATE_HZ
#: ... is longer with a sign behind its first word (of 29 the shortest was 364 ms, the median 484) ...
_PAUSE_MS = 60.0
#: ... and the share of a whole clause's time after which the part behind it is there (`python bench/voice.py`).
_NEXT_PART = 0.4


class Pace:
    """Running means. Times are differences on the capture clock, in samples at 16 kHz."""

    def __init__(self) -> None:
        self._text = _PRIOR_TEXT_CHARS_PER_MS
        self._voice = _PRIOR_VOICE_MS_PER_CHAR
        self._audio = _PRIOR_AUDIO_MS_PER_CHAR
        self._measured: set[str] = set()
        self._behind_opening_ms = _OPENING_MS / 2 / _SAFETY
        self._first_tokens: deque[float] = deque(maxlen=_LATENCIES)

    # --- what is measured -------------------------------------------------------------------------------------

    def first_token(self, took_samples: int) -> None:
        """The language model was asked so long before its first piece of text."""
        self._first_tokens.append(_ms(took_samples))

    def wrote(self, chars: int, took_samples: int) -> None:
        """So many characters of an answer came within this time."""
        if chars >= _LEAST_CHARS:
            self._text = self._mean("text", self._text, chars / max(1.0, _ms(took_samples)))

    def spoke(self, chars: int, took_samples: int, audio_samples: int) -> None:
        """The voice made a clause."""
        if chars <= 0 or audio_samples <= 0:
            return
        self._audio = self._mean("audio", self._audio, _ms(audio_samples) / (chars + _AUDIO_EXTRA_CHARS))
        if took_samples > _CACHED_RTF * audio_samples:
            self._voice = self._mean("voice", self._voice, _ms(took_samples) / (chars + _VOICE_EXTRA_CHARS))

    def goes_on(self, behind_opening_ms: float) -> None:
        """The voice has found out how soon it goes on behind an opening, before it has said anything here."""
        self._behind_opening_ms = behind_opening_ms

    def _mean(self, what: str, before: float, newest: float) -> float:
        if what not in self._measured:  # the prior is no measurement
            self._measured.add(what)
            return newest
        return before + _NEWEST * (newest - before)

    # --- what is expected -------------------------------------------------------------------------------------

    @property
    def first_token_ms(self) -> float | None:
        """Median of what the first piece of text took of late; None: not known yet."""
        known = sorted(self._first_tokens)
        return known[len(known) // 2] if known else None

    def text_ms(self, chars: float, live_chars_per_ms: float | None = None) -> float:
        """How long the language model needs for so many characters. `live_chars_per_ms`: its speed just now."""
        speed = self._text if live_chars_per_ms is None else min(live_chars_per_ms, self._text)
        return max(0.0, chars) / max(speed, 1e-6) * _SAFETY

    def voice_ms(self, chars: float) -> float:
        """How long the voice needs for a clause."""
        return (chars + _VOICE_EXTRA_CHARS) * self._voice * _SAFETY

    def audio_ms(self, chars: float) -> float:
        """How long a clause sounds."""
        return (chars + _AUDIO_EXTRA_CHARS) * self._audio

    def flows(
        self,
        clause_chars: int,
        rest_chars: int,
        next_chars: int,
        *,
        ahead_ms: float = 0.0,
        backlog_ms: float = 0.0,
        live_chars_per_ms: float | None = None,
        tolerated_ms: float = 0.0,
    ) -> bool:
        """Is the next clause, of `next_chars`, audio before a clause that ends here has been played?

        `rest_chars`: text that is there behind it; `ahead_ms`: audio that sounds before it; `backlog_ms`: what the
        voice has to do first; `tolerated_ms`: of silence, in addition to the pause that the voice makes.
        """
        made_ms = backlog_ms + self.voice_ms(clause_chars)
        ends_ms = max(ahead_ms, made_ms) + self.audio_ms(clause_chars)
        written_ms = self.text_ms(next_chars - rest_chars, live_chars_per_ms)
        return max(written_ms, made_ms) + self.voice_ms(next_chars) <= ends_ms + tolerated_ms

    def opens(self, rest_chars: int, clause_chars: int, live_chars_per_ms: float | None, *, pauses: bool) -> bool:
        """Will `rest_chars`, the end of a first clause of `clause_chars`, be audio while its opening sounds?

        `pauses`: the opening has a sign behind its first word.
        The text's own speed counts: in the mean of whole answers it waits for the voice now and then. A voice that has
        said nothing yet is left what it says that it needs; else half of the time: one that needs more refuses
        (`models.tts`).
        """
        if live_chars_per_ms is None:
            return False
        written_ms = max(0, rest_chars) / max(live_chars_per_ms, 1e-6) * _SAFETY
        said = "voice" in self._measured
        made_ms = _NEXT_PART * self.voice_ms(clause_chars) if said else self._behind_opening_ms * _SAFETY
        return written_ms + made_ms <= _OPENING_MS + (_PAUSE_MS if pauses else 0.0)


def _ms(samples: int) -> float:
    return samples * 1000 / SAMPLE_RATE_HZ
