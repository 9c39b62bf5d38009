"""Whole conversations on virtual time: who has the turn, what is committed, what was heard."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.commands import Decode, Flush, Play, Reply, Speak
from device.dialogue.conversation import Policy
from device.dialogue.endpointer import EndpointPolicy
from device.dialogue.turn_end import TurnEndPolicy
from models.protocols import Message

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris. It lies on the Seine, and it is a large city."


def asked(rim: VirtualRim) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in rim.asked[-1]]


def test_a_question_gets_its_answer_in_order() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.run(12_000)
    assert [k for k in rim.kinds() if k not in ("clause", "state", "partial", "spoken")] == [
        "speech_start",
        "supposed",
        "llm_first_token",
        "tts_first_audio",
        "speech_end",
        "end_point",
        "final",
        "commit",
        "playout_start",
        "playout_end",
    ]
    assert [e.state for e in rim.of(ev.StateChange)] == ["idle", "listening", "thinking", "speaking", "idle"]
    (end,) = rim.of(ev.PlayoutEnd)
    assert end.generated == end.heard == ANSWER
    told = [e.heard for e in rim.of(ev.Spoken)]
    assert len(told) > 3 and all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))
    assert ANSWER.startswith(told[-1])
    assert [(m.role, m.text) for m in rim.talk.history.messages[1:]] == [("user", QUESTION), ("assistant", ANSWER)]


def test_nothing_sounds_before_the_commit_though_it_is_ready() -> None:
    rim = VirtualRim(
        answers=[ANSWER],
        policy=Policy(turn_model=False, turn_end=TurnEndPolicy(plain_silence_ms=3000, longest_silence_ms=3000)),
    )
    rim.say(1000, 2500, QUESTION)
    rim.run(5300)
    assert any(isinstance(c, Speak) for _, c in rim.commands), "the answer should have been prepared"
    assert not any(isinstance(c, Play) for _, c in rim.commands)
    assert rim.talk.history.messages == (Message("system", "Be brief."),)
    rim.run(12_000)
    (commit,) = rim.of(ev.Commit)
    (start,) = rim.of(ev.PlayoutStart)
    assert commit.sample - 2500 * MS >= 3000 * MS - 512
    assert start.sample - commit.sample <= 2 * 160, "what was prepared sounds at once"


def test_a_pause_to_think_discards_the_hypothesis_without_a_trace() -> None:
    rim = VirtualRim(answers=["Wrong.", "Right."])
    rim.say(1000, 2000, "What is the capital")
    rim.say(2450, 3200, "of France?")  # a pause of 450 ms, longer than it takes to speculate
    rim.run(9000)
    assert len(rim.of(ev.Commit)) == 1
    assert rim.of(ev.Commit)[0].text == QUESTION
    assert asked(rim)[1:] == [("user", QUESTION)]
    assert rim.of(ev.PlayoutEnd)[0].heard == "Right."
    assert "Wrong." not in rim.truly_heard()
    assert [e.reason for e in rim.of(ev.Discarded)] == ["more_speech"]


def test_a_word_alone_may_be_a_beginning() -> None:
    rim = VirtualRim(answers=["I have launched it."], policy=Policy())
    rim.say(1000, 1400, "Launch")
    rim.say(2600, 3000, "firefox")
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == "Launch firefox"


def test_a_word_alone_answers_what_was_asked_without_delay() -> None:
    rim = VirtualRim(answers=["In which room?", "Done."], policy=Policy())
    rim.say(1000, 2000, "Turn on the light.")
    rim.say(6000, 6400, "Kitchen.")
    rim.run(10_000)
    first, second = rim.of(ev.Commit)
    assert second.text == "Kitchen."
    assert second.sample - 6400 * MS <= first.sample - 2000 * MS + 50 * MS


def test_a_slow_recogniser_delays_the_commit_but_loses_nothing() -> None:
    rim = VirtualRim(answers=[ANSWER], stt_ms=2000)
    rim.say(1000, 2500, QUESTION)
    rim.run(14_000)
    assert rim.of(ev.Commit)[0].sample >= (2500 + EndpointPolicy().pause_ms + 2000) * MS
    assert rim.of(ev.PlayoutEnd)[0].heard == ANSWER


def test_speech_that_goes_on_while_the_transcript_is_awaited_belongs_to_the_same_turn() -> None:
    rim = VirtualRim(answers=["One.", "Two."], stt_ms=1500)
    rim.say(1000, 2000, "What is the capital")
    rim.say(2900, 3600, "of France?")
    rim.run(12_000)
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION]


def test_noise_without_words_comes_to_nothing() -> None:
    rim = VirtualRim(hears=lambda _: "")
    rim.say(1000, 1500, "(cough)")
    rim.run(5000)
    assert not rim.of(ev.Commit)
    assert rim.talk.state == "idle"
    assert len(rim.talk.history.messages) == 1
    rim.hears = lambda text: text
    rim.answers = [ANSWER]
    rim.say(6000, 7000, QUESTION)
    rim.run(14_000)
    assert rim.of(ev.Commit)[0].turn == 1, "what came to nothing takes no number"


def test_what_could_not_be_made_out_early_is_heard_again_whole() -> None:
    """Cut off 128 ms behind a short word the recogniser may find nothing; with the silence behind it, it may."""
    rim = VirtualRim(answers=[ANSWER])
    tries: list[str] = []

    def hears(text: str) -> str:
        tries.append(text)
        return "" if len(tries) == 1 else text

    rim.hears = hears
    rim.say(1000, 1400, "Pause.")
    rim.run(9000)
    assert tries == ["Pause.", "Pause."]
    assert [e.text for e in rim.of(ev.Commit)] == ["Pause."]
    assert rim.of(ev.PlayoutEnd)[0].heard == ANSWER


@pytest.mark.parametrize("onset_ms", [5100, 5350, 6000, 7100])
def test_an_interruption_silences_at_once_and_history_keeps_what_was_heard(onset_ms: int) -> None:
    rim = VirtualRim(answers=[ANSWER, "Fine."])
    rim.say(1000, 2500, QUESTION)
    rim.say(onset_ms, onset_ms + 900, "Wait, that is enough.")
    rim.run(14_000)
    (cut,) = rim.of(ev.Interrupted)
    flushed = next(t for t, c in rim.commands if isinstance(c, Flush))
    assert flushed == cut.sample
    first_answer = [s for s in rim.sounded if s[2] < (onset_ms + 900) * MS]
    assert max(dac for *_, dac in first_answer) + 160 - cut.sample <= 2 * 160
    assert 0 <= cut.sample - onset_ms * MS <= 260 * MS
    assert 0 < len(cut.heard) < len(ANSWER)
    assert ANSWER.startswith(cut.heard)
    assert rim.truly_heard() == f"{cut.heard} Fine."
    assert [(m.role, m.text) for m in rim.talk.history.messages[1:]] == [
        ("user", QUESTION),
        ("assistant", cut.heard),
        ("user", "Wait, that is enough."),
        ("assistant", "Fine."),
    ]


def test_an_answer_of_which_nothing_was_heard_leaves_no_trace() -> None:
    rim = VirtualRim(answers=[ANSWER, "Madrid."], first_token_ms=2000)
    rim.say(1000, 2000, "What is the capital of France?")
    rim.say(3200, 4000, "I mean of Spain.")
    rim.run(12_000)
    (cut,) = rim.of(ev.Interrupted)
    assert cut.heard == ""
    assert asked(rim)[1:] == [("user", "What is the capital of France? I mean of Spain.")]
    assert rim.of(ev.PlayoutEnd)[0].heard == "Madrid."


def test_without_barge_in_the_answer_is_finished() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(turn_model=False, barge_in=False))
    rim.say(1000, 2500, QUESTION)
    rim.say(5000, 5900, "Wait.")
    rim.run(12_000)
    assert not rim.of(ev.Interrupted)
    assert rim.of(ev.PlayoutEnd)[0].heard == ANSWER


def test_before_the_room_is_known_its_own_voice_interrupts_nothing() -> None:
    rim = VirtualRim(answers=[ANSWER, "Fine."], room_known=False)
    rim.say(1000, 2500, QUESTION)
    rim.say(3600, 4400, "(echo)")
    rim.say(5000, 6500, "Wait, that is enough.")
    rim.run(5400)
    assert not rim.of(ev.Interrupted)
    rim.room_known = True
    rim.run(14_000)
    assert len(rim.of(ev.Interrupted)) == 1, "who still speaks then is heard"


def test_a_held_button_ends_at_its_release_and_not_at_a_pause() -> None:
    rim = VirtualRim(answers=["Wrong.", ANSWER], policy=Policy(turn_model=False, open_microphone=False))
    rim.press(900)
    rim.say(1000, 1800, "What is")
    rim.say(4000, 4800, "the capital of France?")
    rim.release(4900)
    rim.run(12_000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == QUESTION
    assert commit.reason == "release"
    assert commit.sample <= (4900 + rim.stt_ms + 20) * MS
    assert rim.of(ev.PlayoutEnd)[0].heard == ANSWER


@pytest.mark.parametrize("open_microphone", [True, False])
def test_the_release_ends_it_though_the_voice_goes_on(open_microphone: bool) -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(turn_model=False, open_microphone=open_microphone), stt_ms=600)
    rim.press(900)
    rim.say(1000, 2000, QUESTION)
    rim.release(1850)
    rim.run(2700)
    (commit,) = rim.of(ev.Commit)
    assert commit.reason == "release"


def test_push_to_talk_alone_is_deaf_without_the_button() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(turn_model=False, open_microphone=False))
    rim.say(1000, 2500, QUESTION)
    rim.run(6000)
    assert not any(isinstance(c, Decode) for _, c in rim.commands)
    assert rim.kinds() == ["state"]


def test_a_tap_on_the_button_is_nothing() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.press(1000)
    rim.release(1090)
    rim.run(4000)
    assert rim.talk.state == "idle"
    assert not any(isinstance(c, Decode) for _, c in rim.commands)


def test_the_button_interrupts_at_once() -> None:
    rim = VirtualRim(answers=[ANSWER, "Fine."], policy=Policy(turn_model=False, barge_in=False))
    rim.say(1000, 2500, QUESTION)
    rim.press(5000)
    rim.say(5100, 5900, "Wait.")
    rim.release(6000)
    rim.run(14_000)
    (cut,) = rim.of(ev.Interrupted)
    assert cut.sample - 5000 * MS <= 160
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION, "Wait."]


def test_a_press_while_talking_keeps_what_was_said_before_it() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.press(1800)
    rim.release(2600)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == QUESTION
    assert commit.reason == "release"


def test_an_utterance_that_never_ends_is_capped() -> None:
    rim = VirtualRim(
        answers=["First.", "Second."], policy=Policy(turn_model=False, endpoint=EndpointPolicy(max_utterance_ms=5000))
    )
    rim.say(1000, 8000, "On and on and on.")
    rim.say(9000, 10_000, QUESTION)
    rim.run(16_000)
    assert [(e.reason, e.text) for e in rim.of(ev.Commit)] == [("cap", "On and on"), ("silence", QUESTION)]
    assert rim.of(ev.Commit)[0].sample <= 6500 * MS


def test_an_empty_answer_is_owned_up_to() -> None:
    rim = VirtualRim(answers=["🙂 ```x = 1```"])
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    assert rim.of(ev.PlayoutEnd)[0].heard == rim.policy.answer.empty_text


def test_an_answer_cut_off_at_its_longest_ends_with_a_whole_clause() -> None:
    rim = VirtualRim(answers=["It is a city. It has a golden ret"], cut_off=True)
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    assert rim.of(ev.PlayoutEnd)[0].heard == "It is a city."


def test_a_language_model_that_fails_is_owned_up_to() -> None:
    rim = VirtualRim(answers=[RuntimeError("out of memory"), ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.say(8500, 9500, QUESTION)
    rim.run(18_000)
    (failure,) = rim.of(ev.Failure)
    assert (failure.stage, failure.message) == ("llm", "out of memory")
    assert [e.heard for e in rim.of(ev.PlayoutEnd)] == [rim.policy.answer.failed_text, ANSWER]


def test_a_recogniser_that_fails_is_owned_up_to() -> None:
    rim = VirtualRim(hears=lambda _: RuntimeError("bad model"))
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    assert {f.stage for f in rim.of(ev.Failure)} == {"stt"}
    assert not rim.of(ev.Commit)
    assert rim.truly_heard() == rim.policy.answer.unheard_text
    assert rim.talk.state == "idle"


def test_a_voice_that_makes_no_sound_ends_the_turn_unheard() -> None:
    rim = VirtualRim(answers=[ANSWER], voice_works=False)
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    (end,) = rim.of(ev.PlayoutEnd)
    assert (end.generated, end.heard) == (ANSWER, "")
    assert rim.talk.state == "idle"


def test_results_for_a_job_that_is_gone_are_ignored() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.run(2800)
    job = next(c.job for _, c in rim.commands if isinstance(c, Decode))
    assert rim.talk.token(job + 7, "Boo.", rim.clock) == []
    assert rim.talk.written(job + 7, rim.clock) == []
    assert rim.talk.failed(job + 7, "llm", "boo", rim.clock) == []


def test_closing_in_the_middle_of_an_answer_keeps_what_was_heard() -> None:
    rim = VirtualRim(answers=[ANSWER])
    rim.say(1000, 2500, QUESTION)
    rim.run(5000)
    out = rim.talk.close(rim.clock)
    (cut,) = [e for e in out if isinstance(e, ev.Interrupted)]
    assert cut.heard == rim.truly_heard() != ""
    assert rim.talk.state == "idle"


def test_a_greeting_is_spoken_and_remembered() -> None:
    rim = VirtualRim()
    rim._take(rim.talk._mine.announce("Hello there.", 0))
    rim.run(3000)
    assert rim.truly_heard() == "Hello there."
    assert rim.talk.history.messages[-1] == Message("assistant", "Hello there.")


def test_a_long_answer_is_synthesised_as_it_is_played() -> None:
    rim = VirtualRim(answers=[" ".join(f"This is sentence number {i}, and it goes on." for i in range(60))])
    rim.say(1000, 2500, QUESTION)
    rim.run(30_000)
    waiting = rim._written - max(e for _, e, _ in rim.sounded)
    longest = max(len(s.pcm) for _, s in rim.spans)
    assert waiting <= rim.policy.answer.ahead_samples + (rim.policy.answer.ahead_clauses + 1) * longest
    starts = [s.start for s, _ in rim.spans]
    played = [s for s, _, _ in rim.sounded]
    assert played == sorted(played)
    assert starts == sorted(starts)


@settings(max_examples=60, deadline=None)
@given(
    stretches=st.lists(st.tuples(st.integers(40, 2500), st.integers(40, 2500)), min_size=1, max_size=7),
    stt_ms=st.integers(10, 1500),
    first_token_ms=st.integers(5, 1200),
    tts_ms=st.integers(5, 800),
    part_words=st.integers(0, 3),
    opens=st.booleans(),
    button=st.lists(st.tuples(st.integers(500, 9000), st.integers(50, 1500)), max_size=2),
    said=st.lists(st.sampled_from(["Words", "Words", "", "Mm-hm.", "Yeah."]), min_size=7, max_size=7),
    judged=st.none() | st.floats(0, 1),
    expected=st.none() | st.floats(0, 1),
)
def test_whatever_people_do(
    stretches: list[tuple[int, int]],
    stt_ms: int,
    first_token_ms: int,
    tts_ms: int,
    part_words: int,
    opens: bool,
    button: list[tuple[int, int]],
    said: list[str],
    judged: float | None,
    expected: float | None,
) -> None:
    """`judged`, `expected`: what the turn model, if there is one, and the language model make of every pause."""
    rim = VirtualRim(
        answers=[ANSWER] * 40, stt_ms=stt_ms, first_token_ms=first_token_ms, tts_ms=tts_ms, part_words=part_words,
        policy=Policy(turn_model=judged is not None), judge=lambda _: judged or 0.0, expects=lambda _: expected,
        opens=opens,
    )  # fmt: skip
    at = 500
    for n, (gap, length) in enumerate(stretches):
        rim.say(at + gap, at + gap + length, f"Words {n}." if said[n] == "Words" else said[n])
        at += gap + length
    down = 0
    for start, length in sorted(button):
        if start > down:
            rim.press(start)
            rim.release(start + length)
            down = start + length
    while rim.clock < (max(at, down) + 25_000) * MS:
        rim.run(rim.clock // MS + 250)
        assert rim.history_is_what_was_heard(), "history never tells more than was heard"
        flushed = max((t for t, c in rim.commands if isinstance(c, Flush)), default=-1)
        if rim.talk.state in ("idle", "listening") and flushed < rim.clock:
            heard = [e.heard for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted)]
            heard.append(rim.talk.history._so_far)
            assert rim.truly_heard() == " ".join(h for h in heard if h), "... nor less, while the assistant is silent"
    assert rim.talk.state == "idle"
    # turn numbers are contiguous, and every committed turn ends exactly once
    commits = [e.turn for e in rim.of(ev.Commit)]
    assert commits == list(range(1, len(commits) + 1))
    assert sorted(e.turn for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted) and e.turn) == commits
    # nothing is handed to the loudspeaker for a turn that is not committed
    committed_jobs = set()
    jobs = {c.job: n for n, (_, c) in enumerate(rim.commands) if isinstance(c, Reply)}
    for _, command in rim.commands:
        if isinstance(command, Play):
            committed_jobs.add(command.job)
    assert committed_jobs <= set(jobs)
    assert len(committed_jobs) <= len(commits)
    # an answer ends whole, or where it was interrupted for good: after three false alarms at the most
    assert all(e.heard == e.generated for e in rim.of(ev.PlayoutEnd))
    assert all(ANSWER.startswith(e.heard) for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted))
    assert all(sum(e.turn == turn for e in rim.of(ev.Resumed)) <= 3 for turn in commits)
    # the ledger agrees with the loudspeaker, and history with both
    heard = [e.heard for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted)]
    assert " ".join(h for h in heard if h) == rim.truly_heard()
    assert rim.history_is_what_was_heard()
    roles = [m.role for m in rim.talk.history.messages[1:]]
    assert all(a != b for a, b in itertools.pairwise(roles) if a == "user")
    # times never run backwards within a turn's own sequence
    for turn in commits:
        times = {e.type: e.sample for e in rim.events if e.turn == turn}
        assert times["final"] <= times["commit"]


def test_a_stable_word_that_the_final_text_contradicts_is_told() -> None:
    """One decode alone takes back nothing of a caption, but what is committed is made of the newest."""
    heard: list[str] = []

    def hears(_text: str) -> str:
        heard.append("")
        return "Turn off the lamp over there." if len(heard) > 3 else "Turn on the lamp over there"

    rim = VirtualRim(answers=[ANSWER], hears=hears)
    rim.say(1000, 4200, "Turn off the lamp over there.")
    rim.run(12_000)
    assert [e.stable for e in rim.of(ev.Partial)][-2].startswith("Turn on the")
    (final,) = rim.of(ev.Final)
    assert (final.text, final.retracted) == ("Turn off the lamp over there.", 1)
    assert sum(e.retracted for e in rim.of(ev.Partial)) == 0
