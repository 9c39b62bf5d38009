"""Speeds are learnt, and a clause that ends here is followed in time."""

from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.clauses import ClausePolicy, ClauseSplitter
from device.dialogue.pace import Pace

MS = 16


def learnt(chars_per_s: float, voice_ms_per_char: float, audio_ms_per_char: float = 55.0) -> Pace:
    pace = Pace()
    for _ in range(20):
        pace.wrote(200, round(200 / chars_per_s * 16_000))
        pace.spoke(40, round(48 * voice_ms_per_char * MS), round(43 * audio_ms_per_char * MS))
    return pace


def test_a_word_alone_on_a_fast_machine_only() -> None:
    assert learnt(500, 2.7).flows(5, 0, 48)
    assert not learnt(30, 12).flows(5, 0, 48)


def test_text_that_is_there_need_not_be_waited_for() -> None:
    slow = learnt(40, 6)
    assert not slow.flows(12, 0, 48)
    assert slow.flows(12, 48, 48)


def test_audio_ahead_buys_time() -> None:
    slow = learnt(30, 12)
    assert slow.flows(5, 0, 48, ahead_ms=5000)


def test_a_phrase_from_the_cache_says_nothing_about_the_voice() -> None:
    pace = learnt(100, 10)
    before = pace.voice_ms(40)
    for _ in range(50):
        pace.spoke(5, 3, 8000)
    assert pace.voice_ms(40) == before


def test_the_median_of_the_first_tokens() -> None:
    pace = Pace()
    assert pace.first_token_ms is None
    for ms in (100, 200, 9000):
        pace.first_token(ms * MS)
    assert pace.first_token_ms == 200


BLOCK_MS = 10.0  # of the card: less is not heard as a gap

WORDS = st.sampled_from(
    [
        "sure,",
        "the",
        "rain",
        "falls",
        "because",
        "in",
        "Spain,",
        "and",
        "water.",
        "Mountains",
        "are",
        "of",
        "high!",
        "so",
    ]
)


class Measured:
    """A `Flow` by known speeds, on the time line of a simulated answer."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.ahead_ms = 0.0

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:
        return self.pace.flows(clause_chars, rest_chars, next_chars, ahead_ms=self.ahead_ms, tolerated_ms=tolerated_ms)

    def runs_dry(self, chars: int) -> bool:
        return self.pace.text_ms(chars) + self.pace.voice_ms(100) > self.ahead_ms


@given(st.lists(WORDS, min_size=6, max_size=80), st.floats(60, 600), st.floats(2, 9))
def test_no_gap_within_a_sentence_at_the_measured_speeds(
    words: list[str], chars_per_s: float, voice_ms_per_char: float
) -> None:
    """Text at a steady speed, a voice at a steady speed: behind the first clause audio is always there in time."""
    pace = learnt(chars_per_s, voice_ms_per_char)
    flow = Measured(pace)
    splitter = ClauseSplitter(ClausePolicy(), flow)
    voice_free = ends = 0.0
    gaps: list[tuple[str, float]] = []
    last = ""
    written = 0

    def say(clause: str, now: float) -> None:
        nonlocal voice_free, ends, last
        voice_free = max(voice_free, now) + (len(clause) + 8) * voice_ms_per_char
        if last:
            gaps.append((last, voice_free - ends))
        ends = max(ends, voice_free) + (len(clause) + 3) * 55.0
        last = clause

    for word in words:
        written += len(word) + 1
        now = written / chars_per_s * 1000
        flow.ahead_ms = max(0.0, ends - now)
        for clause in splitter.clauses(word + " "):
            say(clause, now)
            flow.ahead_ms = max(0.0, ends - now)
    for clause in splitter.finish():
        say(clause, written / chars_per_s * 1000)
    for clause, gap in gaps:
        if clause[-1] not in ".!?":
            # a clause ends with a whole word, be it longer than was counted on; a comma's own pause is 120 ms
            assert gap <= 6 * BLOCK_MS, f"{gap:.0f} ms of silence behind {clause!r}"
        else:
            assert gap <= 1000 + BLOCK_MS
