"""When an utterance is decoded, and what is known of it."""

import pytest

from device.dialogue.listening import Heard, Listening, ListeningPolicy
from models.protocols import Transcript

MS = 16
POLICY = ListeningPolicy()


class Hears:
    """A `Listening` whose decodes come back when the test says so."""

    def __init__(self, policy: ListeningPolicy = POLICY) -> None:
        self.listening = Listening(policy, 0, 500 * MS)
        self.jobs = 0

    def due(self, now_ms: int, offset_ms: int | None = None) -> str | None:
        """`offset_ms`: quiet since then; None: the speaker goes on."""
        paused = offset_ms is not None
        offset = now_ms if offset_ms is None else offset_ms
        return self.listening.due(now_ms * MS, offset_sample=offset * MS, paused=paused)

    def ask(self, now_ms: int, *, paused: bool) -> int:
        self.jobs += 1
        self.listening.asked(self.jobs, now_ms * MS, paused=paused)
        return self.jobs

    def answer(
        self, text: str, probability: float = 0.9, *, complete: bool = True, job: int | None = None
    ) -> Heard | None:
        transcript = Transcript(text, probability, 1000.0, 150.0, complete)
        return self.listening.transcribed(self.jobs if job is None else job, transcript)


def test_while_the_speaker_goes_on_a_partial_comes_at_intervals() -> None:
    hears = Hears()
    assert hears.due(1400) is None
    assert hears.due(1500) == "partial"
    hears.ask(1500, paused=False)
    assert hears.due(9000) is None, "one at a time"
    hears.answer("Turn on")
    assert hears.due(2400) is None
    assert hears.due(2500) == "partial"


def test_thinned_they_are_rarer_and_switched_off_there_are_none() -> None:
    hears = Hears()
    hears.listening.thin(2.0)
    assert hears.due(2400) is None
    assert hears.due(2500) == "partial"
    assert Hears(ListeningPolicy(partials=False)).due(20_000) is None
    assert Hears(ListeningPolicy(partials=False)).due(25_000) == "partial", "but memory is bounded"


def test_a_pause_is_decoded_at_once_and_once() -> None:
    hears = Hears()
    hears.ask(1500, paused=False)
    assert hears.due(1660, 1600) == "final", "what is in work does not reach to the pause"
    hears.ask(1660, paused=True)
    assert hears.due(1670, 1600) is None
    assert hears.answer("Turn", job=1) is None, "nobody waits for the one before"
    heard = hears.answer("Turn it on.")
    assert heard is not None
    assert heard.text == "Turn it on."
    assert hears.due(3000, 1600) is None
    assert hears.listening.settled(1600 * MS)
    assert not hears.listening.settled(1700 * MS)


@pytest.mark.parametrize(("text", "probability", "again_ms"), [("Rizzam", 0.2, 1800), ("", 0.0, 1800)])
def test_what_is_doubtful_is_heard_again_with_more_silence(text: str, probability: float, again_ms: int) -> None:
    hears = Hears()
    hears.ask(1660, paused=True)
    hears.answer(text, probability)
    assert hears.listening.covers(1600 * MS)
    assert not hears.listening.settled(1600 * MS)
    assert hears.due(again_ms - 10, 1600) is None
    assert hears.due(again_ms, 1600) == "final"
    hears.ask(again_ms, paused=True)
    hears.answer("Resume.", 0.2)
    assert hears.listening.settled(1600 * MS), "what is doubtful still is believed"


def test_no_words_are_believed_only_after_a_longer_silence() -> None:
    hears = Hears()
    hears.ask(1660, paused=True)
    hears.answer("", 0.0)
    hears.ask(1800, paused=True)
    hears.answer("", 0.0)
    assert not hears.listening.settled(1600 * MS)
    assert hears.due(2090, 1600) is None
    assert hears.due(2100, 1600) == "final"
    hears.ask(2100, paused=True)
    hears.answer("", 0.0)
    assert hears.listening.settled(1600 * MS)


def test_a_decode_that_failed_or_was_broken_off_is_asked_for_again() -> None:
    hears = Hears()
    hears.ask(1660, paused=True)
    hears.listening.given_up()
    assert hears.due(1670, 1600) == "final"
    hears.ask(1670, paused=True)
    assert hears.answer("Tur", complete=False) is None
    assert hears.due(1680, 1600) == "final"


def test_of_a_long_utterance_only_the_open_end_is_decoded() -> None:
    listening = Listening(POLICY, 0, 0)
    listening.asked(1, 8000 * MS, paused=True)
    assert listening.transcribed(1, Transcript("The first part.", 0.9, 8000.0, 300.0)) is not None
    listening.pause(7900 * MS, 8500 * MS)
    stretch = listening.asked(2, 14_000 * MS, paused=True)
    assert 7900 * MS <= stretch.start_sample <= 8500 * MS
    heard = listening.transcribed(2, Transcript("The second part.", 0.9, 6000.0, 300.0))
    assert heard is not None
    assert heard.text == "The first part. The second part."
    assert heard.covered_sample == 14_000 * MS
