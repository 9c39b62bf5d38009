"""False interruptions: when nothing intelligible was said, the answer goes on from where it stopped."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim, fake_speech

from device.appliance import policy_of
from device.card import Span
from device.config.schema import Settings
from device.config.turn_taking import BargeInSettings
from device.dialogue import events as ev
from device.dialogue.answer import Answer, AnswerPolicy
from device.dialogue.backchannels import Backchannels
from device.dialogue.commands import Cancel, Continue, Decode, Flush, LiveJobs, Play, Reply, Speak, Suspend
from device.dialogue.conversation import Policy
from device.dialogue.history import History
from device.dialogue.interruption import Interruptions, ResumePolicy
from device.dialogue.ledger import PlayoutLedger
from device.session.from_events import Scribe
from device.session.records import Record, TurnCommitted, TurnFinished, TurnTraced
from models.protocols import Mark, Message, Speech

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris. It lies on the Seine, and it is a large city."


def interrupted_by(disturb: Callable[[VirtualRim], None], **world: object) -> VirtualRim:
    """The answer begins at about 3.1 s and, undisturbed, lasts for 4.6 s."""
    rim = VirtualRim(answers=[ANSWER, "Fine."], **world)  # type: ignore[arg-type]
    rim.say(1000, 2500, QUESTION)
    disturb(rim)
    return rim.run(20_000)


def chat(rim: VirtualRim) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in rim.talk.history.messages[1:]]


@pytest.mark.parametrize("at_ms", [3300, 4100, 5000, 5350, 6000, 7300])
def test_a_cough_only_holds_the_answer_up(at_ms: int) -> None:
    rim = interrupted_by(lambda rim: rim.noise(at_ms, at_ms + 400))
    assert not rim.of(ev.Interrupted)
    (resumed,) = rim.of(ev.Resumed)
    (end,) = rim.of(ev.PlayoutEnd)
    assert resumed.reason == "no_words"
    assert at_ms * MS < resumed.interrupted_sample < (at_ms + 300) * MS
    assert resumed.sample > (at_ms + 400 + 500) * MS, "no sooner than it is known to be nothing"
    assert ANSWER.startswith(resumed.heard)
    assert end.heard == end.generated == rim.truly_heard() == ANSWER
    assert chat(rim) == [("user", QUESTION), ("assistant", ANSWER)]
    assert [e.state for e in rim.of(ev.StateChange)][-4:] == ["speaking", "listening", "speaking", "idle"]
    # nothing sounds from the interruption until it goes on
    quiet = [d for *_, d in rim.sounded if resumed.interrupted_sample + 160 < d < resumed.sample]
    assert not quiet


def test_while_it_is_not_known_history_has_what_was_heard() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.noise(5000, 5400)
    rim.run(5900)
    assert rim.talk.state == "listening"
    heard = rim.truly_heard()
    assert heard
    assert rim.talk.history.messages[-1] == Message("assistant", heard)
    assert rim.of(ev.Interrupted) == []
    rim.run(15_000)
    assert rim.talk.history.messages[-1] == Message("assistant", ANSWER)


@pytest.mark.parametrize("said", ["Mm-hmm.", "uh-huh", "Huh?", "Yeah.", "Right. Okay!", "I see."])
def test_who_only_listens_does_not_interrupt(said: str) -> None:
    rim = interrupted_by(lambda rim: rim.say(5000, 5400, said))
    (resumed,) = rim.of(ev.Resumed)
    assert resumed.reason == "backchannel"
    assert chat(rim) == [("user", QUESTION), ("assistant", ANSWER)]
    assert len(rim.asked) == 1, "no answer is prepared to it"


@pytest.mark.parametrize("said", ["Wait.", "Okay, wait.", "Yeah right", "No."])
def test_words_interrupt(said: str) -> None:
    rim = interrupted_by(lambda rim: rim.say(5000, 5600, said))
    (cut,) = rim.of(ev.Interrupted)
    assert not rim.of(ev.Resumed)
    assert chat(rim) == [("user", QUESTION), ("assistant", cut.heard), ("user", said), ("assistant", "Fine.")]
    assert rim.truly_heard() == f"{cut.heard} Fine."
    assert [m.text for m in rim.asked[-1][1:]] == [QUESTION, cut.heard, said]


def test_a_backchannel_that_goes_on_is_a_turn() -> None:
    """Okay ... [a pause long enough to be decoded alone] ... and what of Spain?"""
    rim = interrupted_by(lambda rim: (rim.say(5000, 5400, "Okay."), rim.say(5850, 6600, "And of Spain?")))
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION, "Okay. And of Spain?"]
    assert len(rim.of(ev.Interrupted)) == 1


@pytest.mark.parametrize(
    ("answer", "at_ms"), [("Shall I go on? Incidentally, it lies on the Seine.", 4200), (ANSWER, 7730)]
)
def test_yeah_to_a_question_or_to_all_of_it_is_an_answer(answer: str, at_ms: int) -> None:
    rim = VirtualRim(answers=[answer, "Fine."])
    rim.say(1000, 2500, QUESTION)
    rim.say(at_ms, at_ms + 500, "Yeah.")
    rim.run(15_000)
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION, "Yeah."]
    assert chat(rim)[-1] == ("assistant", "Fine.")


def test_okay_by_the_button_is_a_turn() -> None:
    def disturb(rim: VirtualRim) -> None:
        rim.press(5000)
        rim.say(5100, 5500, "Okay.")
        rim.release(5700)

    assert [e.text for e in interrupted_by(disturb).of(ev.Commit)] == [QUESTION, "Okay."]


@pytest.mark.parametrize("held_ms", [1, 90, 190, 700])
def test_a_push_without_a_word_ends_the_answer(held_ms: int) -> None:
    """A cough may silence it by mistake; a finger on the button means it."""
    rim = interrupted_by(lambda rim: (rim.press(5000), rim.release(5000 + held_ms)))  # type: ignore[arg-type,return-value]
    assert not rim.of(ev.Resumed)
    (cut,) = rim.of(ev.Interrupted)
    assert cut.heard == rim.truly_heard() != ANSWER
    assert rim.talk.state == "idle"


def test_an_answer_that_is_still_being_made_survives_a_cough() -> None:
    """What comes back from the models in the meantime is kept, and nothing new is asked of the voice or played."""
    rim = interrupted_by(lambda rim: rim.noise(3300, 3700), first_token_ms=1000, token_ms=40)
    commands = [c for _, c in rim.commands]
    between = commands[
        next(n for n, c in enumerate(commands) if isinstance(c, Suspend)) : next(
            n for n, c in enumerate(commands) if isinstance(c, Continue)
        )
    ]
    (resumed,) = rim.of(ev.Resumed)
    written = [e for e in rim.of(ev.Clause) if resumed.interrupted_sample < e.sample < resumed.sample]
    assert written, "it went on being written"
    assert not [c for c in between if isinstance(c, Speak | Play)]
    assert len([c for c in commands if isinstance(c, Reply)]) == 1
    assert rim.of(ev.PlayoutEnd)[0].heard == rim.truly_heard() == ANSWER


@pytest.mark.parametrize("question", ["What is the capital of France?", "Stop the music."])
def test_a_noise_soon_behind_a_question_is_not_the_question_again(question: str) -> None:
    """A turn reaches back to before its onset, but not into the one before it."""
    rim = VirtualRim(answers=["It is Paris."] * 2, policy=Policy(), first_token_ms=1500)
    rim.say(1000, 2500, question)
    rim.noise(2850, 3100)
    rim.run(9000)
    assert [e.text for e in rim.of(ev.Commit)] == [question]
    assert "Interrupted" not in {type(e).__name__ for e in rim.events}
    assert rim.truly_heard() == "It is Paris."


@pytest.mark.parametrize("begins_ms", [40, 1500])
@pytest.mark.parametrize("knock_ms", [2980, 3400])
def test_doubtful_words_that_turn_out_to_be_none_do_not_end_an_answer(begins_ms: int, knock_ms: int) -> None:
    """What is doubtful is heard once more; until then the answer only waits."""
    doubts = iter(["Bye.", "", "", ""])

    def hears(text: str) -> str:
        rim.probability = 0.3 if text == "Knock." else 0.9
        return next(doubts) if text == "Knock." else text

    rim = VirtualRim(answers=["It is Paris."] * 3, policy=Policy(), first_token_ms=begins_ms, hears=hears)
    rim.say(1000, 2500, "What is the capital of France?")
    rim.say(knock_ms, knock_ms + 250, "Knock.")
    rim.run(12_000)
    assert next(doubts) == "", "it was heard twice at least"
    assert [e.text for e in rim.of(ev.Commit)] == ["What is the capital of France?"]
    assert not rim.of(ev.Interrupted)
    assert rim.truly_heard() == "It is Paris."


def test_doubtful_words_that_stay_words_interrupt() -> None:
    def hears(text: str) -> str:
        rim.probability = 0.3 if text == "Bye." else 0.9
        return text

    rim = VirtualRim(answers=["It is Paris.", "Good bye."], policy=Policy(), hears=hears)
    rim.say(1000, 2500, "What is the capital of France?")
    rim.say(3400, 3650, "Bye.")
    rim.run(12_000)
    assert [e.text for e in rim.of(ev.Commit)][1:] == ["Bye."]
    assert len(rim.of(ev.Interrupted)) == 1


def test_words_soon_behind_a_command_are_a_turn_without_it() -> None:
    rim = VirtualRim(answers=["It is Paris."], policy=Policy())
    rim.say(1000, 1400, "Stop.")
    rim.say(1800, 3400, "What is the capital of France?")
    rim.run(9000)
    assert [e.text for e in rim.of(ev.Commit)] == ["What is the capital of France?"]


def test_a_push_behind_a_tap_is_the_user_s_though_the_answer_was_about_to_go_on() -> None:
    rim = VirtualRim(answers=[ANSWER, "Fine."])
    rim.say(1000, 2500, QUESTION)
    rim.press(5001)
    rim.release(5003)  # within the same block: what was heard is not certain yet
    rim.press(5005)
    rim.say(5100, 5900, "Wait.")
    rim.run(5600)
    assert not rim.of(ev.Resumed)
    assert rim.talk.state == "listening"
    rim.release(6000)
    rim.run(15_000)
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION, "Wait."]


def test_nothing_intelligible_for_too_long_ends_it() -> None:
    rim = interrupted_by(lambda rim: rim.noise(5000, 11_000))
    (cut,) = rim.of(ev.Interrupted)
    assert not rim.of(ev.Resumed)
    given_up = next(t for t, c in rim.commands if isinstance(c, Cancel))
    assert 4000 * MS <= given_up - cut.sample <= 4100 * MS
    assert chat(rim)[-1] == ("assistant", cut.heard) == ("assistant", rim.truly_heard())
    assert rim.talk.state == "idle"


@pytest.mark.parametrize("until_ms", [3100, 9000])
def test_a_noise_before_anything_could_sound_is_a_part_of_the_turn(until_ms: int) -> None:
    rim = VirtualRim(answers=["It is Paris."] * 2, policy=Policy(), first_token_ms=1500)
    rim.say(1000, 2500, "What is the capital of France?")
    rim.noise(2850, until_ms)
    rim.run(20_000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == "What is the capital of France?"
    assert commit.sample > until_ms * MS
    assert rim.truly_heard() == "It is Paris."


def test_an_answer_of_which_nothing_was_heard_outlasts_any_noise() -> None:
    """A dog barks from before it begins until long after it would have ended: who asked still wants to know."""
    rim = VirtualRim(answers=["It is Paris."], policy=Policy(), first_token_ms=1500)
    rim.say(1000, 2500, "What is the capital of France?")
    rim.noise(2980, 12_000)
    rim.run(20_000)
    assert not rim.of(ev.Interrupted)
    assert rim.truly_heard() == "It is Paris."


def test_the_fourth_false_interruption_ends_it() -> None:
    long = " ".join(f"This is sentence number {n}." for n in range(12))
    rim = VirtualRim(answers=[long])
    rim.say(1000, 2500, QUESTION)
    for n in range(4):
        rim.noise(4000 + 3000 * n, 4400 + 3000 * n)
    rim.run(40_000)
    assert len(rim.of(ev.Resumed)) == 3
    (cut,) = rim.of(ev.Interrupted)
    assert long.startswith(cut.heard)
    assert cut.heard == rim.truly_heard()
    assert chat(rim)[-1] == ("assistant", cut.heard)


def test_it_can_be_switched_off() -> None:
    rim = interrupted_by(lambda rim: rim.noise(5000, 5400), policy=Policy(resume=ResumePolicy(enabled=False)))
    assert len(rim.of(ev.Interrupted)) == 1
    assert not rim.of(ev.Resumed)


def test_a_recogniser_that_fails_over_an_answer_ends_it() -> None:
    rim = interrupted_by(
        lambda rim: rim.say(5000, 5400, "Mumble."), hears=lambda text: RuntimeError() if "Mumble" in text else text
    )
    (cut,) = rim.of(ev.Interrupted)
    assert chat(rim)[1:] == [("assistant", cut.heard), ("assistant", rim.policy.answer.unheard_text)]


def test_closing_while_it_is_not_known_keeps_what_was_heard() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.noise(5000, 5400)
    rim.run(5600)
    (cut,) = [e for e in rim.talk.close(rim.clock) if isinstance(e, ev.Interrupted)]
    assert cut.heard == rim.truly_heard() != ""
    assert chat(rim)[-1] == ("assistant", cut.heard)
    assert rim.talk.state == "idle"


def test_the_rest_begins_without_a_click() -> None:
    rim = interrupted_by(lambda rim: rim.noise(5130, 5530))
    after = rim.of(ev.Resumed)[0].sample
    play = next(c for t, c in rim.commands if isinstance(c, Play) and t >= after)
    assert play.speech.pcm[0] == 0
    assert np.abs(np.diff(play.speech.pcm[:90].astype(int))).max() < 50
    assert play.speech.pcm[80:].min() == 1000


@pytest.mark.parametrize(("played_chars", "waits"), [(0, True), (2, True), (3, False), (20, False)])
def test_an_answer_that_nobody_has_heard_yet_waits_however_often_it_was_held_up(played_chars: int, waits: bool) -> None:
    """One that was heard in part is given up at the fourth noise: the microphone, or the room, is at fault."""
    answer = Answer(3, 1, AnswerPolicy())
    answer.resumed = ResumePolicy().times
    speech = fake_speech("The capital of France is Paris.")
    answer.ledger.add(Span(0, len(speech.pcm)), speech)
    answer.ledger.advance(Span(0, played_chars * 960), 1000)
    out = Interruptions(ResumePolicy(), History("")).begin(answer, 2000, 1900)
    assert out == [Flush(), Suspend(3) if waits else Cancel(3)]


def test_a_job_lives_until_it_is_cancelled_also_beside_another() -> None:
    jobs = LiveJobs()
    jobs.apply(Reply(1, ()))
    jobs.apply(Suspend(1))
    jobs.apply(Reply(2, ()))
    jobs.apply(Flush())
    assert [jobs.alive(n) for n in (1, 2, 3)] == [True, True, False]
    jobs.apply(Cancel(2))
    jobs.apply(Continue(1))
    jobs.apply(Speak(1, 0, "so"))
    assert [jobs.alive(n) for n in (1, 2, 3)] == [True, False, False]
    jobs.apply(Decode(4, np.zeros(0, np.float32)))
    assert [jobs.alive(n) for n in (1, 4)] == [True, True], "the user may be heard beside an answer"
    jobs.apply(Decode(5, np.zeros(0, np.float32)))
    assert [jobs.alive(n) for n in (1, 4, 5)] == [True, False, True], "one decode at a time"
    jobs.apply(Reply(3, ()))
    assert [jobs.alive(n) for n in (1, 2, 3)] == [False, False, True], "an answer that is over makes room"
    jobs.clear()
    assert not jobs.alive(3)


def test_history_replaces_what_was_heard_so_far() -> None:
    history = History("")
    history.user("Hello?")
    history.so_far("Good")
    assert history.messages_with("Stop")[-2:] == (Message("assistant", "Good"), Message("user", "Stop"))
    history.so_far("Good day")
    history.assistant("Good day to you.")
    assert history.messages == (Message("user", "Hello?"), Message("assistant", "Good day to you."))


def test_no_backchannels_at_all() -> None:
    assert "yeah" not in Backchannels("")
    assert "" not in Backchannels("")
    assert "..." not in Backchannels(" , ,")


def test_marks_of_no_length_and_within_words() -> None:
    """A dash takes no time; a mark within a word is no place to go on from."""
    speech = Speech(
        "- one-two three", np.full(300, 3000, np.int16), (Mark(1, 0), Mark(5, 100), Mark(9, 200), Mark(15, 300))
    )
    ledger = PlayoutLedger()
    ledger.add(Span(0, 300), speech)
    ledger.advance(Span(0, 150), 0)
    (rest,) = ledger.take_back()
    assert rest is not None
    assert (ledger.heard, rest.text, len(rest.pcm)) == ("-", "one-two three", 300)
    assert rest.marks == (Mark(3, 100), Mark(7, 200), Mark(13, 300))


@given(
    st.lists(
        st.text("abc ", min_size=1, max_size=12).map(lambda t: " ".join(t.split())).filter(bool), min_size=1, max_size=4
    ),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_whatever_is_taken_back_the_words_add_up(texts: list[str], played_chars: list[int]) -> None:
    """Silenced after any number of samples, any number of times: heard + rest is always the whole."""
    ledger = PlayoutLedger()
    clauses, position, times = [fake_speech(t) for t in texts], 0, iter([*played_chars, 10_000])
    for chars in times:
        start = position
        for speech in clauses:
            ledger.add(Span(position, position + len(speech.pcm)), speech)
            position += len(speech.pcm)
        ledger.advance(Span(start, min(position, start + chars * 960 + chars)), dac_sample=start)
        before = ledger.heard
        clauses = [speech for speech in ledger.take_back() if speech is not None]
        assert ledger.heard == before
        assert ledger.waiting_samples == 0
        rest = " ".join(c.text for c in clauses)
        assert f"{before} {rest}".strip() == " ".join(texts)
        assert all(c.marks[-1] == Mark(len(c.text), len(c.pcm)) for c in clauses)
        position += 7
    assert clauses == []


def test_a_resumed_answer_is_one_turn_in_the_record() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.records: list[TurnCommitted | TurnFinished] = []
            self.traced: list[int] = []

        def write(self, *records: Record, soon: bool = True) -> None:  # noqa: ARG002
            self.records += [r for r in records if isinstance(r, TurnCommitted | TurnFinished)]
            self.traced += [r.number for r in records if isinstance(r, TurnTraced)]

    recorder = Recorder()
    scribe = Scribe(recorder)
    rim = interrupted_by(lambda rim: rim.noise(5000, 5400))
    for event in rim.events:
        scribe.on_event(event)
    committed, finished = recorder.records
    assert isinstance(finished, TurnFinished)
    assert (committed.number, finished.number) == (1, 1)
    assert recorder.traced == [1]
    assert (finished.reply_heard, finished.interrupted, finished.error) == (ANSWER, False, None)
    assert finished.playout_start_sample == rim.of(ev.PlayoutStart)[0].sample
    assert finished.playout_end_sample == rim.of(ev.PlayoutEnd)[0].sample
    assert len(rim.of(ev.PlayoutStart)) == 1


def test_the_configuration_says_whether_and_how() -> None:
    settings = Settings(barge_in=BargeInSettings(resume=False, resume_within_ms=1500, backchannels="sure"))
    assert policy_of(settings).resume == ResumePolicy(enabled=False, within_ms=1500, backchannels="sure")
    assert policy_of(Settings()).resume == ResumePolicy(), "one default, in two places"
