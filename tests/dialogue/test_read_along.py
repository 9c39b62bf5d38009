"""What whoever reads along is told while an answer sounds."""

from itertools import pairwise

import numpy as np

from device.card import Span
from device.control.desk import ControlDesk
from device.control.status import LiveStatus
from device.dialogue import events as ev
from device.dialogue.ledger import PlayoutLedger
from device.dialogue.read_along import EVERY_SAMPLES, ReadAlong
from models.protocols import Mark, Speech

BLOCK = 160


def _speech(text: str, word_samples: int) -> Speech:
    marks, chars = [], 0
    for number, word in enumerate(text.split(), start=1):
        chars = text.index(word, chars) + len(word)
        marks.append(Mark(chars, number * word_samples))
    pcm = np.full(word_samples * len(marks), 8000, np.int16)
    return Speech(text, pcm, tuple(marks))


def _play(texts: list[str], word_samples: int) -> list[ev.Spoken]:
    ledger, along, out, at = PlayoutLedger(), ReadAlong(7), list[ev.Spoken](), 1000
    for text in texts:
        speech = _speech(text, word_samples)
        ledger.add(Span(at, at + speech.pcm.size), speech)
        at += speech.pcm.size
    for start in range(0, at + 5 * BLOCK, BLOCK):  # the positions before and behind it are others' sounds
        ledger.advance(Span(start, start + BLOCK), 50_000 + start)
        out += along.played(50_000 + start, ledger)
    return out


def test_each_word_is_told_once_it_was_heard_whole() -> None:
    told = _play(["One two three", "four five"], word_samples=4000)
    assert [each.heard for each in told] == [
        "One",
        "One two",
        "One two three",
        "One two three four",  # the last word is the end of the answer, and `playout_end` tells it
    ]
    assert {each.turn for each in told} == {7}
    for number, each in enumerate(told, start=1):
        word_end = 50_000 + 1000 + number * 4000
        assert word_end <= each.sample <= word_end + EVERY_SAMPLES + BLOCK


def test_quick_words_come_together_ten_times_a_second_at_most() -> None:
    told = _play(["a b c d e f g h i j k l m n o p q r s t"], word_samples=400)
    assert len(told) <= 20 * 400 // EVERY_SAMPLES + 1
    times = [each.sample for each in told]
    assert all(later - earlier > EVERY_SAMPLES - BLOCK for earlier, later in pairwise(times))


def test_other_sounds_are_not_told() -> None:
    ledger, along = PlayoutLedger(), ReadAlong(1)
    ledger.advance(Span(0, BLOCK), 0)
    assert along.played(0, ledger) == []


class _Nobody:
    muted = False
    volume_percent = 50


def test_the_status_reads_along() -> None:
    desk = ControlDesk(_Nobody(), _Nobody(), status=LiveStatus())  # type: ignore[arg-type]

    def saying(*events: ev.Event) -> dict[str, str]:
        for event in events:
            desk.on_event(event)
        told: dict[str, str] = desk.status()["saying"]
        return told

    # a clause may be written before the commit, and for words that come to nothing
    assert saying(ev.Clause(0, 1, 0, "Wrong."), ev.Clause(0, 1, 0, "It is"))["text"] == ""
    assert saying(ev.Commit(1, 1, "What?", "complete")) == {"text": "It is", "heard": ""}
    assert saying(ev.Clause(2, 1, 1, "noon."), ev.Spoken(3, 1, "It")) == {"text": "It is noon.", "heard": "It"}
    assert saying(ev.Clause(4, 2, 0, "Next.")) == {"text": "It is noon.", "heard": "It"}
    assert saying(ev.PlayoutEnd(5, 1, "It is noon.", "It is noon."))["heard"] == "It is noon."
    # an announcement has no commit
    assert saying(ev.Clause(6, 0, 0, "Dinner."), ev.PlayoutStart(7, 0)) == {"text": "Dinner.", "heard": ""}
    saying(ev.Spoken(8, 0, "Dinner."), ev.PlayoutEnd(8, 0, "Dinner.", "Dinner."))
    assert saying(ev.Clause(9, 0, 0, "Tea."), ev.PlayoutStart(9, 0)) == {"text": "Tea.", "heard": ""}
    assert saying(ev.Commit(10, 2, "And?", "complete"), ev.Spoken(11, 2, "Next."))["heard"] == "Next."
    # its first words may sound before its first clause is written
    saying(ev.Commit(12, 3, "Then?", "complete"), ev.PlayoutStart(12, 3), ev.Spoken(13, 3, "It was"))
    assert saying(ev.Clause(14, 3, 0, "It was a")) == {"text": "It was a", "heard": "It was"}
