"""The first clause comes from the voice in parts: its beginning sounds, and what was heard is known to the word."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim, fake_speech

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.commands import Play, Speak
from device.dialogue.ledger import PlayoutLedger
from device.dialogue.pace import Pace
from device.dialogue.supply import Supply
from models.protocols import Message, Speech

QUESTION = "What is the capital of France?"
FIRST = "The capital of France is Paris."
ANSWER = FIRST + " It lies on the Seine, and it is a large city."


def asked(**world: object) -> VirtualRim:
    rim = VirtualRim(answers=[ANSWER, "Fine."], **world)  # type: ignore[arg-type]
    rim.say(1000, 2500, QUESTION)
    return rim


def starts_at(rim: VirtualRim) -> int:
    (start,) = rim.of(ev.PlayoutStart)
    return start.sample


def test_the_beginning_sounds_while_the_rest_is_made() -> None:
    whole = asked(tts_ms=900).run(15_000)
    parts = asked(tts_ms=150, part_words=1).run(15_000)  # six words: as long in all
    assert starts_at(whole) - starts_at(parts) >= 500 * MS
    for rim in (whole, parts):
        (end,) = rim.of(ev.PlayoutEnd)
        assert end.heard == end.generated == rim.truly_heard() == ANSWER
        assert len(rim.of(ev.TtsFirstAudio)) == 1


def test_what_is_ready_lies_without_a_gap() -> None:
    rim = asked(tts_ms=20, part_words=2).run(15_000)
    assert [s.text for _, s in rim.spans][:3] == ["The capital", "of France", "is Paris."]
    assert all(a.end == b.start for (a, _), (b, _) in zip(rim.spans, rim.spans[1:], strict=False))
    assert [s for s, _, _ in rim.sounded] == sorted(s for s, _, _ in rim.sounded)


@pytest.mark.parametrize("part_words", [1, 2, 3])
@pytest.mark.parametrize("tts_ms", [20, 700])
@pytest.mark.parametrize("at_ms", [3150, 3250, 3600, 3890, 4400, 5300])
def test_a_cough_only_holds_it_up(at_ms: int, tts_ms: int, part_words: int) -> None:
    """Also between two parts, and while the voice still owes some."""
    rim = asked(tts_ms=tts_ms, part_words=part_words)
    rim.noise(at_ms, at_ms + 400)
    rim.run(25_000)
    assert not rim.of(ev.Interrupted)
    (end,) = rim.of(ev.PlayoutEnd)
    assert end.heard == end.generated == rim.truly_heard() == ANSWER
    for resumed in rim.of(ev.Resumed):
        assert not [d for *_, d in rim.sounded if resumed.interrupted_sample + 160 < d < resumed.sample]


@pytest.mark.parametrize("at_ms", [3400, 3900, 4300, 4800])
def test_who_interrupts_between_two_parts_has_heard_the_first(at_ms: int) -> None:
    rim = asked(tts_ms=600, part_words=2)
    rim.say(at_ms, at_ms + 900, "And what about Spain?")
    rim.run(20_000)
    (cut,) = rim.of(ev.Interrupted)
    assert FIRST.startswith(cut.heard)
    assert rim.truly_heard() == f"{cut.heard} Fine.".strip()
    assert Message("assistant", cut.heard) in rim.asked[-1] or not cut.heard, "the next answer knows what was heard"


def test_the_voice_fails_behind_the_first_part() -> None:
    """What there is of the clause is said, and the next one."""
    answer = Answer(3, 1, AnswerPolicy())
    asked_for = answer.token(ANSWER[:40], 0)
    assert any(isinstance(o, Speak) for o in asked_for)
    answer.written(100)
    answer.release(200)
    (_, play) = answer.spoken(0, fake_speech("The capital"), 300, more=True)
    assert isinstance(play, Play)
    assert answer.spoken(0, None, 400) == []
    (play,) = (o for o in answer.spoken(1, fake_speech("It lies"), 500) if isinstance(o, Play))
    assert play.index == 1


def test_nobody_is_told_to_wait_once_something_sounds() -> None:
    answer = Answer(3, 1, AnswerPolicy())
    answer.token(ANSWER, 0)
    answer.release(100)
    answer.spoken(0, fake_speech("The"), 300, more=True)
    answer.queued(Span(0, 2880), fake_speech("The"))
    for block in range(1000):  # the rest takes 10 s
        out = answer.played(Span(min(block * 160, 2880), min(block * 160 + 160, 2880)), 400 + block * 160)
        assert not [o for o in out if isinstance(o, ev.Acknowledged)]
        assert not [o for o in out if isinstance(o, ev.PlayoutEnd)]


def test_speeds_are_learnt_as_from_whole_clauses() -> None:
    """A clause of 31 characters in 200 ms, whole and in three parts."""
    learnt = []
    for parts in ([FIRST], ["The capital", "of France", "is Paris."]):
        pace = Pace()
        answer = Answer(3, 1, AnswerPolicy(), pace, asked=1)
        answer.token(FIRST + " ", 100)
        answer.written(150)
        for n, part in enumerate(parts):
            answer.spoken(0, fake_speech(part), 150 + 60 * n * MS, more=True)
        answer.spoken(0, None, 150 + 200 * MS)
        learnt.append((pace.voice_ms(31), pace.audio_ms(31)))
    assert learnt[0][0] == learnt[1][0] == pytest.approx(200 * 1.3, rel=0.05)
    assert learnt[0][1] == pytest.approx(learnt[1][1], rel=0.1)  # the fake has no audio for the spaces between
    assert learnt[0][1] == pytest.approx(31 * 60, rel=0.01)


def test_what_goes_on_with_the_second_part_is_faded_in() -> None:
    ledger = PlayoutLedger()
    first, second = fake_speech("one two"), fake_speech("three")
    end = len(first.pcm)
    ledger.add(Span(0, end), first)
    ledger.add(Span(end, end + len(second.pcm)), second)
    ledger.advance(Span(0, end), dac_sample=0)
    none, rest = ledger.take_back()
    assert none is None
    assert rest is not None
    assert ledger.heard == "one two"
    assert np.array_equal(rest.pcm[80:], second.pcm[80:])
    assert (rest.pcm[:80] <= np.linspace(0, 1000, 80)).all(), "5 ms"


def test_what_goes_on_within_a_word_goes_on_with_its_beginning() -> None:
    ledger = PlayoutLedger()
    first, second = fake_speech("one two"), replace(fake_speech("three four"), begun_samples=900)
    end = len(first.pcm)
    ledger.add(Span(0, end), first)
    ledger.add(Span(end, end + len(second.pcm)), second)
    ledger.advance(Span(0, end + 10), dac_sample=0)
    none, rest = ledger.take_back()
    assert (none, ledger.heard) == (None, "one two")
    assert rest is not None
    assert rest.text == second.text
    assert np.array_equal(rest.pcm[80:], np.concatenate([first.pcm[-900:], second.pcm])[80:])
    assert [m.samples - 900 for m in rest.marks] == [m.samples for m in second.marks]
    assert rest.begun_samples == 0


@pytest.mark.parametrize("played", [0.5, 1.8])
def test_it_does_not_when_its_beginning_comes_again_or_the_word_was_heard(played: float) -> None:
    ledger = PlayoutLedger()
    first, second = fake_speech("one two"), replace(fake_speech("three four"), begun_samples=900)
    end = len(first.pcm)
    ledger.add(Span(0, end), first)
    ledger.add(Span(end, end + len(second.pcm)), second)
    ledger.advance(Span(0, round(played * end)), dac_sample=0)
    _, rest = ledger.take_back()
    assert rest is not None
    assert len(rest.pcm) <= len(second.pcm)


def test_what_nobody_has_heard_comes_back_as_it_was() -> None:
    ledger = PlayoutLedger()
    speech = fake_speech("one")
    ledger.add(Span(0, len(speech.pcm)), speech)
    assert ledger.take_back() == [speech]


def test_what_the_voice_owes_is_counted() -> None:
    supply = Supply()
    assert supply.unmade(0, "one two three") == "one two three"
    supply.add(0, fake_speech("one"), more=True)
    assert supply.unmade(0, "one two three") == " two three"
    assert not supply.complete(0)
    supply.take(0)
    supply.add(0, fake_speech("two"), more=True)
    assert supply.unmade(0, "one two three") == " three"
    made = supply.add(0, None, more=False)
    assert (made.chars, made.samples) == (7, 6 * 960)
    assert supply.complete(0)
    assert supply.unmade(0, "one two three") == ""


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 20))
def test_parts_keep_their_order(taken: list[int], count: int) -> None:
    """However often some are taken and given back, nothing is lost, doubled or turned round."""
    supply = Supply()
    words = [str(n) for n in range(count)]
    out: list[Speech] = []
    for n, word in enumerate(words):
        supply.add(0, fake_speech(word), more=n < count - 1)
        for back in taken[n : n + 1]:
            out += supply.take(0)
            keep = len(out) - min(back, len(out))
            out, rest = out[:keep], out[keep:]
            supply.put_back(0, rest)
    out += supply.take(0) if 0 in supply else []
    assert [s.text for s in out] == words
