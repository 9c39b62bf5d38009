"""The card goes in the middle of things: what was heard counts, nothing is said into the void, and it goes on after."""

import pytest
from virtual_rim import MS, VirtualRim, fake_speech

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.commands import Flush, Play, Speak
from device.dialogue.ledger import PlayoutLedger

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is the old city of Paris."


class Lossy(VirtualRim):
    """The rim, with a card that can go: `lose` at a time, back `away_ms` later with an empty ring."""

    def lose(self, ms: int, away_ms: int) -> None:
        self.at(ms, lambda: self._lost(away_ms * MS))

    def _lost(self, away: int) -> list[object]:  # type: ignore[type-arg]
        out = self.talk.card_lost(self.clock, "unplugged")
        self._ring.clear()
        self.commands_at_loss = len(self.commands)
        gone = self.clock
        self.clock += away  # nothing is heard meanwhile
        self._next_frame = self.clock + 512
        self._later(0, lambda: self.talk.card_back(self.clock, away / MS))
        assert gone < self.clock
        return out  # type: ignore[return-value]


def test_an_answer_ends_as_interrupted_with_what_was_heard() -> None:
    rim = Lossy(answers=[ANSWER, "Yes."])
    rim.say(500, 1500, QUESTION)
    rim.lose(3700, 2000)
    rim.say(6500, 7500, "Are you there?")
    rim.run(11_000)
    (cut,) = rim.of(ev.Interrupted)
    assert isinstance(cut, ev.Interrupted)
    assert cut.heard == rim.truly_heard().removesuffix("Yes.").strip()
    assert 0 < len(cut.heard) < len(cut.generated)
    kinds = rim.kinds()
    assert kinds.index("card_lost") < kinds.index("interrupted") < kinds.index("card_back")
    assert Flush in [type(c) for _, c in rim.commands]
    # and then it goes on: the next question is answered, with a history that holds what was heard
    assert [m.text for m in rim.asked[-1]][1:] == [QUESTION, cut.heard, "Are you there?"]
    (end,) = rim.of(ev.PlayoutEnd)
    assert isinstance(end, ev.PlayoutEnd)
    assert (end.turn, end.heard) == (2, "Yes.")
    assert rim.talk.state == "idle"


@pytest.mark.parametrize("behind_ms", [10, 40, 60, 90, 150, 200])
def test_it_goes_between_the_first_words_and_the_rest_of_their_clause(behind_ms: int) -> None:
    """The answer was begun before its first clause was written."""
    undisturbed, rim = (Lossy(answers=[ANSWER, "Yes."], opens=True, first_token_ms=700, token_ms=12) for _ in range(2))
    for each in (undisturbed, rim):
        each.say(500, 1500, QUESTION)
    (opening,) = undisturbed.run(5000).of(ev.Opening)
    rim.lose(opening.sample // MS + behind_ms, 2000)
    rim.say(6500, 7500, "Are you there?")
    rim.run(11_000)
    (cut,) = rim.of(ev.Interrupted)
    assert isinstance(cut, ev.Interrupted)
    assert ANSWER.startswith(cut.generated)
    assert cut.generated.startswith(cut.heard)
    assert cut.heard == rim.truly_heard().removesuffix("Yes.").strip()
    (end,) = rim.of(ev.PlayoutEnd)
    assert isinstance(end, ev.PlayoutEnd)
    assert end.heard == "Yes."
    assert rim.talk.state == "idle"


@pytest.mark.parametrize("lost_ms", [800, 1450, 1600, 1750, 2050, 2150, 2250, 2400])
def test_whenever_it_goes_the_next_question_is_answered(lost_ms: int) -> None:
    """While the user speaks, while the answer is prepared, at the commit, before the first sound."""
    rim = Lossy(answers=[ANSWER, ANSWER, ANSWER])
    rim.say(500, 1500, QUESTION)
    rim.lose(lost_ms, 1000)
    rim.run(4000)
    assert rim.talk.state == "idle"
    before = len(rim.of(ev.PlayoutEnd))
    assert before == 0, "nothing is said that nobody asked for any more"
    now_ms = rim.clock // MS
    rim.say(now_ms + 500, now_ms + 1500, "Are you there?")
    rim.run(now_ms + 9000)
    assert len(rim.of(ev.PlayoutEnd)) == 1
    assert rim.talk.state == "idle"


def test_nothing_is_begun_while_it_is_away() -> None:
    rim = Lossy(answers=[ANSWER])
    rim.run(500)
    rim._take(rim.talk.card_lost(rim.clock, "unplugged"))
    count = len(rim.commands)
    rim._take(rim.talk.press(rim.clock))
    rim._take(rim.talk.release(rim.clock + 16_000))
    assert rim.talk.state == "idle"
    assert not [c for _, c in rim.commands[count:] if isinstance(c, Speak | Play)]
    rim._take(rim.talk.card_back(rim.clock, 300.0))
    rim._take(rim.talk.press(rim.clock))
    assert rim.talk.state == "listening"


@pytest.mark.parametrize("push", ["press", "toggle"])
def test_a_button_that_nobody_can_hear_is_told_of_each_time(push: str) -> None:
    """And held until the card is back it is no turn: nobody knows what was said before."""
    rim = Lossy(answers=[ANSWER])
    rim.run(500)
    rim._take(rim.talk.card_lost(rim.clock, "unplugged"))
    rim._take(getattr(rim.talk, push)(rim.clock))
    if push == "press":
        rim._take(rim.talk.release(rim.clock + 8000))
    rim._take(getattr(rim.talk, push)(rim.clock + 16_000))
    told = [event.to_json() for event in rim.of(ev.NotHeard)]
    assert told == [
        {"type": "not_heard", "t_ms": t_ms, "turn": 0, "reason": "card_lost"}
        for t_ms in (ev.to_ms(rim.clock), ev.to_ms(rim.clock + 16_000))
    ]
    rim._take(rim.talk.card_back(rim.clock + 20_000, 1250.0))
    rim._take(rim.talk.release(rim.clock + 32_000))
    assert rim.talk.state == "idle"
    assert not rim.of(ev.SpeechStart)


def test_the_events_are_told_in_json() -> None:
    rim = Lossy()
    rim._take(rim.talk.card_lost(16_000, "it is gone"))
    rim._take(rim.talk.card_back(48_000, 2000.0))
    rim._take(rim.talk.mic_trouble(64_000, "silent", "nothing but zeros", over=False))
    told = [e.to_json() for e in rim.events if not isinstance(e, ev.StateChange)]
    assert told == [
        {"type": "card_lost", "t_ms": 1000.0, "turn": 0, "message": "it is gone"},
        {"type": "card_back", "t_ms": 3000.0, "turn": 0, "lost_ms": 2000.0},
        {
            "type": "mic_trouble",
            "t_ms": 4000.0,
            "turn": 0,
            "kind": "silent",
            "over": False,
            "message": "nothing but zeros",
        },
    ]


def test_what_the_converter_still_held_was_not_heard() -> None:
    """Blocks handed over 40 ms ahead of their sound: the last of them never sounded."""
    speech = fake_speech("One two three four")
    ledger = PlayoutLedger()
    ledger.add(Span(0, speech.pcm.size), speech)
    ends = [mark.samples for mark in speech.marks]
    at = 0
    while at < ends[1] + 320:  # "two" is out for the converter, by 20 ms
        ledger.advance(Span(at, at + 160), 10_000 + at)
        at += 160
    assert ledger.heard == "One two"
    ledger.cut(10_000 + at)
    assert ledger.heard == "One two", "the card lived on until all had sounded"
    ledger.cut(10_000 + ends[1])
    assert ledger.heard == "One two"
    ledger.cut(10_000 + ends[1] - 1)
    assert ledger.heard == "One"
    ledger.cut(10_000 - 1)
    assert ledger.heard == ""
    ledger.cut(0)
    assert ledger.heard == ""
