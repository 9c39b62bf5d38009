"""What left the loudspeaker, and only that."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.card import Span
from device.dialogue.ledger import PlayoutLedger
from models.protocols import Mark, Speech


def clause(text: str, samples: int, closing_pause: int = 0) -> Speech:
    words = text.split(" ")
    ends = np.cumsum([len(w) + 1 for w in words]) - 1
    marks = tuple(Mark(int(e), samples * (i + 1) // len(words)) for i, e in enumerate(ends))
    pcm = np.full(samples + closing_pause, 3000, np.int16)
    pcm[samples:] = 0
    return Speech(text, pcm, (*marks[:-1], Mark(len(text), samples + closing_pause)))


def test_nothing_played_nothing_heard() -> None:
    ledger = PlayoutLedger()
    assert ledger.heard == ""
    ledger.add(Span(0, 300), clause("one two three", 300))
    assert ledger.heard == ""
    assert ledger.waiting_samples == 300


@pytest.mark.parametrize(
    ("samples", "heard"), [(1, ""), (99, ""), (100, "one"), (199, "one"), (200, "one two"), (300, "one two three")]
)
def test_a_word_counts_when_its_last_sample_is_gone(samples: int, heard: str) -> None:
    ledger = PlayoutLedger()
    ledger.add(Span(1000, 1300), clause("one two three", 300))
    ledger.advance(Span(1000, 1000 + samples), dac_sample=5000)
    assert ledger.heard == heard
    assert ledger.first_dac_sample == 5000
    assert ledger.last_dac_sample == 5000 + samples


def test_the_closing_pause_is_not_part_of_the_last_word() -> None:
    ledger = PlayoutLedger()
    ledger.add(Span(0, 500), clause("one two", 300, closing_pause=200))
    ledger.advance(Span(0, 300), dac_sample=0)
    assert ledger.heard == "one two"


def test_positions_of_other_sounds_do_not_count() -> None:
    ledger = PlayoutLedger()
    ledger.add(Span(1000, 1300), clause("one two three", 300))
    ledger.advance(Span(840, 1000), dac_sample=0)
    assert ledger.first_dac_sample is None
    ledger.advance(Span(900, 1060), dac_sample=160)
    assert ledger.first_dac_sample == 260
    ledger.advance(Span(1060, 1400), dac_sample=320)
    assert ledger.heard == "one two three"
    assert ledger.last_dac_sample == 560
    assert ledger.waiting_samples == 0


def test_a_silent_block_changes_nothing() -> None:
    ledger = PlayoutLedger()
    ledger.add(Span(0, 300), clause("one two three", 300))
    ledger.advance(Span(0, 0), dac_sample=700)
    assert ledger.first_dac_sample is None


def test_clauses_must_rise() -> None:
    ledger = PlayoutLedger()
    ledger.add(Span(0, 300), clause("one two three", 300))
    with pytest.raises(ValueError, match="begins before"):
        ledger.add(Span(200, 500), clause("four five six", 300))


@given(
    st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), min_size=1, max_size=5), min_size=1, max_size=4),
    st.data(),
)
def test_heard_is_a_prefix_that_only_grows(texts: list[list[str]], data: st.DataObject) -> None:
    ledger = PlayoutLedger()
    at = 0
    for words in texts:
        speech = clause(" ".join(words), 100 * len(words), data.draw(st.integers(0, 50)))
        ledger.add(Span(at, at + len(speech.pcm)), speech)
        at += len(speech.pcm)
    everything = " ".join(" ".join(words) for words in texts)
    before, position = "", 0
    while position < at:
        step = data.draw(st.integers(1, 250))
        ledger.advance(Span(position, position + step), dac_sample=position)
        position += step
        assert everything.startswith(ledger.heard)
        assert ledger.heard.startswith(before)
        before = ledger.heard
    assert before == everything
