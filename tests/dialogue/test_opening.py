"""The first words of an answer are said before its first clause has been written to its end."""

import re
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim, fake_speech

from device.card import Span
from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.clauses import ClausePolicy, ClauseSplitter, Unhurried
from device.dialogue.commands import Play, Speak
from device.dialogue.pace import Pace
from models.protocols import Message, Speech

FIRST = "The capital of France is the city of Paris,"
ANSWER = FIRST + " which lies on the Seine, and it is a large city."
FAILED = AnswerPolicy().failed_text


def asked(**world: object) -> VirtualRim:
    """The second of two questions: with the first answer, too short to be begun, it was learnt how fast things go."""
    rim = VirtualRim(answers=["Hello there.", ANSWER, "Fine."], opens=True, **world)  # type: ignore[arg-type]
    rim.say(1000, 2000, "Hello?")
    rim.say(5000, 6500, "What is the capital of France?")
    return rim


def starts_at(rim: VirtualRim) -> int:
    start: int = rim.of(ev.PlayoutStart)[-1].sample  # type: ignore[attr-defined]
    return start


def openings(rim: VirtualRim) -> list[str]:
    return [command.text for _, command in rim.commands if isinstance(command, Speak) and command.opening]


def measured() -> Pace:
    """A voice that takes 4 ms a character."""
    pace = Pace()
    pace.spoke(40, 200 * MS, 40 * 60 * MS)
    return pace


def test_it_sounds_before_its_clause_is_written() -> None:
    slow = {"first_token_ms": 300, "token_ms": 20}  # nobody is waited for but the language model
    with_it, without = asked(**slow), asked(**slow)
    without.opens = False
    for rim in (with_it, without):
        rim.run(15_000)
        assert rim.of(ev.PlayoutEnd)[-1].heard == ANSWER  # type: ignore[attr-defined]
        assert rim.of(ev.PlayoutEnd)[-1].generated == ANSWER  # type: ignore[attr-defined]
        assert rim.truly_heard() == f"Hello there. {ANSWER}"
        assert len(rim.of(ev.TtsFirstAudio)) == 2
    assert starts_at(without) - starts_at(with_it) >= 100 * MS
    (told,) = with_it.of(ev.Opening)
    clause = next(c for c in with_it.of(ev.Clause) if c.text == FIRST)  # type: ignore[attr-defined]
    assert told.text == "The capital of"  # type: ignore[attr-defined]
    assert told.sample < starts_at(with_it) < clause.sample


def first_clause_is_whole(rim: VirtualRim) -> bool:
    """Its parts followed each other without a gap."""
    said = [(span, speech.text) for span, speech in rim.spans]
    parts = next(n for n in range(1, len(said) + 1) if " ".join(text for _, text in said[:n]) == FIRST)
    return all(before.end == after.start for (before, _), (after, _) in pairwise(said[:parts]))


SOON, LATER = "The capital of Franc", "The capital of France is the"


@pytest.mark.parametrize(("token_ms", "begun"), [(12, SOON), (20, LATER), (40, None)])
def test_in_the_first_answer_a_voice_is_trusted_to_know_itself(token_ms: int, begun: str | None) -> None:
    """How fast it is has not been measured yet: the text must leave it half of the time."""
    rim = VirtualRim(answers=[ANSWER], opens=True, token_ms=token_ms)
    rim.say(1000, 2500, "What is the capital of France?")
    rim.run(12_000)
    assert openings(rim) == ([begun] if begun else [])
    assert rim.truly_heard() == ANSWER
    assert first_clause_is_whole(rim)


@pytest.mark.parametrize(
    ("behind_opening_ms", "token_ms", "begun"),
    [(65.0, 20, SOON), (65.0, 26, LATER), (110.0, 20, LATER), (110.0, 12, SOON), (None, 20, LATER), (200.0, 40, None)],
)
def test_in_the_first_answer_it_counts_what_the_voice_has_found_out(
    behind_opening_ms: float | None, token_ms: int, begun: str | None
) -> None:
    """Half of the time is for the slowest voice that begins at all; a quick one leaves a slow language model more."""
    rim = VirtualRim(answers=[ANSWER], opens=True, token_ms=token_ms)
    assert rim.talk.prepared(behind_opening_ms) == []
    rim.say(1000, 2500, "What is the capital of France?")
    rim.run(12_000)
    assert openings(rim) == ([begun] if begun else [])
    assert rim.truly_heard() == ANSWER
    assert first_clause_is_whole(rim)


@pytest.mark.parametrize(("token_ms", "tts_ms"), [(60, 45), (6, 700)])
def test_nor_where_the_rest_would_not_be_there_in_time(token_ms: int, tts_ms: int) -> None:
    rim = asked(token_ms=token_ms, tts_ms=tts_ms).run(20_000)
    assert openings(rim) == []
    assert rim.truly_heard() == f"Hello there. {ANSWER}"


def test_a_voice_that_cannot_begin_says_the_clause_when_it_is_there() -> None:
    rim = asked(token_ms=20)
    rim.opens = False
    rim.run(15_000)
    assert openings(rim) != [], "it is asked"
    assert rim.of(ev.Opening) == []
    assert rim.truly_heard() == f"Hello there. {ANSWER}"


@pytest.mark.parametrize("comes", [None, fake_speech("The capital")])
def test_who_waits_is_told_so_where_nothing_has_sounded(comes: Speech | None) -> None:
    """The language model stands still behind the first words, which cannot be said by themselves, or can."""
    answer = begun()
    answer.release(150 * MS, since=100 * MS)
    out = answer.spoken(0, comes, 200 * MS, more=True)
    assert [o.text for o in out if isinstance(o, ev.Opening)] == ([] if comes is None else ["The capital of"])
    for play in [o for o in out if isinstance(o, Play)]:
        answer.queued(Span(0, len(play.speech.pcm)), play.speech)
    told = [o for block in range(300) for o in answer.played(Span(0, 0), 200 * MS + 160 * block)]
    assert [o.text for o in told if isinstance(o, Speak)] == (["One moment."] if comes is None else [])
    assert answer.generated == ("" if comes is None else "The capital of")


@pytest.mark.parametrize("tts_ms", [20, 60])
@pytest.mark.parametrize("at_ms", [7080, 7150, 7200, 7300, 7500, 7800, 8500])
def test_a_cough_only_holds_it_up(at_ms: int, tts_ms: int) -> None:
    """Also between the first words and the rest, and while the clause is not written yet."""
    rim = asked(tts_ms=tts_ms, first_token_ms=300, token_ms=15)
    rim.noise(at_ms, at_ms + 400)
    rim.run(30_000)
    assert openings(rim)
    assert not rim.of(ev.Interrupted)
    end = rim.of(ev.PlayoutEnd)[-1]
    assert end.heard == end.generated == ANSWER  # type: ignore[attr-defined]
    assert rim.truly_heard() == f"Hello there. {ANSWER}"


@pytest.mark.parametrize("at_ms", [7080, 7150, 7250, 7400, 7600])
def test_who_interrupts_has_heard_what_was_heard(at_ms: int) -> None:
    rim = asked(first_token_ms=300, token_ms=15)
    rim.say(at_ms, at_ms + 900, "And what about Spain?")
    rim.run(20_000)
    for cut in rim.of(ev.Interrupted):
        assert cut.generated.startswith(cut.heard)  # type: ignore[attr-defined]
        assert ANSWER.startswith(cut.heard)  # type: ignore[attr-defined]
        assert Message("assistant", cut.heard) in rim.asked[-1] or not cut.heard  # type: ignore[attr-defined]
    assert rim.truly_heard().endswith("Fine.")


def begun() -> Answer:
    answer = Answer(3, 1, AnswerPolicy(), measured(), asked=1)
    out = []
    for n, piece in enumerate(["The", " capital", " of", " Fra"]):
        out += answer.token(piece, (100 + 8 * n) * MS)
    (speak,) = (o for o in out if isinstance(o, Speak))
    assert (speak.text, speak.opening, speak.index) == ("The capital of Fra", True, 0)
    assert answer.generated == "The capital of"
    return answer


def test_nothing_of_it_sounds_before_the_commit() -> None:
    answer = begun()
    assert not [o for o in answer.spoken(0, fake_speech("The capital"), 200 * MS, more=True) if isinstance(o, Play)]
    (play,) = (o for o in answer.release(300 * MS) if isinstance(o, Play))
    assert play.speech.text == "The capital"


def test_the_language_model_fails_behind_it() -> None:
    """What was begun is said to its end, and then that it went wrong."""
    answer = begun()
    answer.release(150 * MS)
    answer.spoken(0, fake_speech("The capital"), 200 * MS, more=True)
    speaks = [o for o in answer.failed(210 * MS) if isinstance(o, Speak)]
    assert [s.text for s in speaks] == ["The capital of", FAILED]
    assert answer.generated == f"The capital of {FAILED}"
    nothing_said = begun()
    nothing_said.spoken(0, None, 200 * MS, more=True)
    assert [o.text for o in nothing_said.failed(210 * MS) if isinstance(o, Speak)] == [FAILED]


def test_it_is_not_begun_twice_and_its_clause_may_come_before_its_sound() -> None:
    answer = begun()
    out = answer.token("nce is Paris. It", 140 * MS)
    assert [(o.text, o.opening) for o in out if isinstance(o, Speak)] == [("The capital of France is Paris.", False)]
    answer.release(150 * MS)
    (play,) = (o for o in answer.spoken(0, fake_speech("The"), 160 * MS, more=True) if isinstance(o, Play))
    assert (play.index, play.speech.text) == (0, "The")
    answer.queued(Span(0, 10), play.speech)
    assert not [o for o in answer.spoken(0, None, 170 * MS) if isinstance(o, Speak) and o.opening]


def test_the_pause_of_the_language_model_says_nothing_of_its_speed() -> None:
    """It waits while the first words are made; 8 ms a piece are 8 ms a piece."""
    answer = begun()
    answer.spoken(0, fake_speech("The"), 424 * MS, more=True)  # 300 ms
    answer.token("nce is a large and", 432 * MS)
    speed = answer._text.chars_per_ms
    assert speed == pytest.approx(33 / 32, rel=0.01)


def test_what_the_voice_took_for_the_first_words_counts() -> None:
    """The same clause in 200 ms, begun early or not: the same is learnt."""
    learnt = []
    for early in (False, True):
        pace = measured()
        answer = Answer(3, 1, AnswerPolicy(), pace, asked=1)
        if early:
            for n, piece in enumerate(["The", " capital", " of", " Fra"]):
                answer.token(piece, (100 + 8 * n) * MS)
            answer.spoken(0, fake_speech("The"), 184 * MS, more=True)  # 60 ms
            answer.token("nce is Paris. ", 200 * MS)
            answer.spoken(0, fake_speech("capital of France is Paris."), 340 * MS, more=True)
            answer.spoken(0, None, 340 * MS)
        else:
            answer.token("The capital of France is Paris. ", 200 * MS)
            answer.spoken(0, fake_speech("The capital of France is Paris."), 400 * MS)
        learnt.append(pace.voice_ms(31))
    assert learnt[0] == pytest.approx(learnt[1], rel=0.01)


class Always(Unhurried):
    """The rest of a clause always comes in time; what is behind it as `flows` says, one after the other."""

    def __init__(self, *flows: bool) -> None:
        self._flows = list(flows)

    def opens(self, rest_chars: int, clause_chars: int, *, pauses: bool) -> bool:  # noqa: ARG002
        return True

    def flows(self, clause_chars: int, rest_chars: int, next_chars: int, tolerated_ms: float) -> bool:  # noqa: ARG002
        return self._flows.pop() if self._flows else True


PIECES = st.lists(
    st.sampled_from(
        ["The", " capital", " of", " Fra", "nce", " is", " no", " no no", ",", ";", ":", ". ", "\n", " 24", ".5", "**",
         "http", "://x.y", " I'm", " sorry", " for", " `", "```", "- ", "É", "t\u00e9", " extraordinarily",
         " well-known", "🙂", " and"]
    ),
    max_size=30,
)  # fmt: skip


FLOWS = st.lists(st.booleans(), max_size=30)


@given(PIECES, FLOWS, st.integers(12, 60))
def test_the_clause_begins_as_the_opening_did(pieces: list[str], flows: list[bool], first_max_chars: int) -> None:
    splitter = ClauseSplitter(ClausePolicy(first_max_chars=first_max_chars), Always(*flows))
    opening, clauses = None, []
    for piece in pieces:
        clauses += splitter.feed(piece)
        found = splitter.opening()
        assert found is None or (opening is None and not clauses)
        opening = opening or found
    clauses += splitter.finish()
    if opening is not None:
        certain = opening.rpartition(" ")[0]
        assert " " in certain
        assert sum(7 if c in ",;:" else c.isalpha() or c == " " for c in certain) >= 11
        assert f"{clauses[0]} ".startswith(tuple(f"{certain}{sign}" for sign in " ,;:."))


@given(PIECES, FLOWS)
def test_an_opening_changes_no_word(pieces: list[str], flows: list[bool]) -> None:
    """What is said with it is what is said without, but for where the first clause ends."""
    said = []
    for flow in (Unhurried(), Always(*flows)):
        splitter = ClauseSplitter(ClausePolicy(), flow)
        out = []
        for piece in pieces:
            out += splitter.feed(piece)
            splitter.opening()
        said.append(" ".join([*out, *splitter.finish()]).split())
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("The capital of Fra", "The capital of Fra"),
        ("The capital of", None),  # too little: the last word may still grow
        ("I'm sorry for any con", "I'm sorry for any"),
        ("Sure, the capital of", "Sure, the capital"),
        ("There are 24 hours in a day", None),
        ("The answer is 42 of", "The answer is 42"),
        ("I'm here to help", None),  # letters count
        ("**The capital** of France is", None),
        ("\u00c9t\u00e9 is the French word", "\u00c9t\u00e9 is the French"),
        ("no no no no no no", None),
    ],
)
def test_what_is_said_before_its_clause_is_there(text: str, opening: str | None) -> None:
    """A few words, and no digit but in the last one; once there are enough of them."""
    answer = Answer(3, 1, AnswerPolicy(), measured(), asked=1)
    out = []
    for n, (a, b) in enumerate(zip([0, *accumulate([3] * 20)], accumulate([3] * 21), strict=False)):
        if text[a:b]:
            out += answer.token(text[a:b], (100 + 6 * n) * MS)
    found = [o.text for o in out if isinstance(o, Speak) and o.opening]
    assert len(found) == (opening is not None)
    assert all(opening is not None and opening.startswith(each.rpartition(" ")[0]) for each in found)


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("No, I'm sorry for any confusion", "No, I'm sorry"),
        ("Resume: A professional resume", "Resume: A professional"),
        ("Sure, the lamp is on", "Sure, the lamp"),
        ("By the way, your brother", "By the way, your"),
        ("Yes, I", None),  # too little
        ("Unquestionably, the", None),  # a voice cuts nothing off within a lone word
        ("Yes. I can do that for", None),
        ("At 5:30, we leave the house", None),
        ("Well ,that is how some people", None),
        ("Sure,the lamp is on now", None),
    ],
)
def test_a_sign_within_the_first_words(text: str, opening: str | None) -> None:
    """A comma at which the answer would falter ends no clause: no reason to wait for the rest of the clause either."""
    splitter = ClauseSplitter(ClausePolicy(first_min_chars=200), Always())
    found = []
    for piece in re.findall(r"\s*\S+", text):
        splitter.feed(piece)
        found.append(splitter.opening())
    assert [each for each in found if each] == ([opening] if opening else [])


def test_no_clause_ends_within_what_was_said_of_it() -> None:
    """By the time at which the comma would do for an end, the words behind it are on their way to the loudspeaker."""
    splitter = ClauseSplitter(ClausePolicy(), Always(*[False] * 8))
    pieces = ["No", ",", " I'm", " sorry", " for", " any", " trouble", ", and", " good", " night. "]
    clauses = []
    for piece in pieces:
        clauses += splitter.feed(piece)
        if splitter.opening():
            splitter._flow._flows.clear()  # type: ignore[attr-defined]
    assert clauses == ["No, I'm sorry for any trouble,", "and good night."]
