"""Whole turns on virtual time, with a turn model: how soon, how patient, and what is prepared when."""

import itertools

import pytest
from virtual_rim import MS, VirtualRim

from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.commands import Cancel, Decode, Judge, Reply, Warm
from device.dialogue.conversation import Policy
from device.dialogue.deeds import Meaning, Outcome
from device.dialogue.doing import DoingPolicy

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."


def ttfa_ms(rim: VirtualRim, end_ms: int) -> float:
    return (rim.of(ev.PlayoutStart)[0].sample - end_ms * MS) / MS


def test_a_question_that_sounds_complete_is_answered_within_a_human_pause() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy())
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.reason == "complete"
    # 64 ms until the VAD is silent for long enough, 150 decode, 40 + 24 first clause, 45 voice, one block each
    assert ttfa_ms(rim, 2500) <= 64 + 32 + 150 + 80 + 45 + 50


def test_one_that_does_not_is_waited_for() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: 0.05, probability=0.7)
    rim.say(1000, 2000, "What is the capital")
    rim.say(3100, 3900, "of France?")
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == QUESTION
    assert commit.reason == "silence"
    assert commit.sample >= (3900 + 1300) * MS - 512


@pytest.mark.parametrize(
    ("finished", "probability", "words", "least_ms"),
    [(0.05, 0.9, QUESTION, 900), (0.97, 0.2, QUESTION, 570), (0.97, 0.2, QUESTION.rstrip("?"), 900)],
)
def test_where_sound_and_words_disagree_the_pause_is_of_middle_length(
    finished: float, probability: float, words: str, least_ms: int
) -> None:
    """Heard clearly, it is answered sooner than it sounds; hardly understood, not in such a hurry, least of all if even
    the recogniser left it open."""
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: finished, probability=probability)
    rim.say(1000, 2000, words)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert least_ms * MS <= commit.sample - 2000 * MS <= (least_ms + 150) * MS


def test_words_behind_which_no_sentence_ends_are_waited_for_though_the_voice_sounds_complete() -> None:
    def expects(text: str) -> float:
        return 0.2 if text.endswith("?") else 0.001

    rim = VirtualRim(answers=[ANSWER] * 2, policy=Policy(), judge=lambda _: 0.9, expects=expects)
    rim.say(1000, 2000, "Tell me the capital")
    rim.say(2700, 3300, "of Spain?")
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text == "Tell me the capital of Spain?"
    assert commit.sample <= 3900 * MS


def test_a_sentence_that_the_language_model_does_not_know_is_answered_where_the_voice_leaves_no_doubt() -> None:
    """Behind "What's the date" a small model sees an end with 0.00001."""
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: 0.97, expects=lambda _: 0.00001)
    rim.say(1000, 2000, "What's the date?")
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.sample <= 2500 * MS


def test_words_behind_which_a_sentence_ends_are_answered_though_the_voice_does_not_sound_complete() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: 0.3, expects=lambda _: 0.6)
    rim.say(1000, 2000, QUESTION)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.sample <= 2500 * MS


@pytest.mark.parametrize("expects", [0.4, None])
def test_the_reader_is_heard_before_the_turn_is_taken_and_costs_no_time(expects: float | None) -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), expects=lambda _: expects)
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    told = next(e for e in rim.of(ev.EndPoint) if e.verdict == "commit")
    first_token = rim.of(ev.LlmFirstToken)[0]
    assert told.sentence_end == expects
    assert first_token.sample <= told.sample <= rim.of(ev.PlayoutStart)[0].sample
    assert ttfa_ms(rim, 2500) <= 64 + 32 + 150 + 80 + 45 + 50, "as without"


def test_a_slow_reader_is_not_waited_for() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), expects=lambda _: 0.0, first_token_ms=900)
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.sample <= (2500 + 450 + 32) * MS
    assert rim.of(ev.EndPoint)[-1].sentence_end is None


@pytest.mark.parametrize("finished", [0.97, 0.6])
def test_the_turn_is_taken_when_the_first_sound_is_there_and_sounds_at_once(finished: float) -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: finished, first_token_ms=90)
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    (commit,), audio = rim.of(ev.Commit), rim.of(ev.TtsFirstAudio)[0]
    assert 320 * MS < commit.sample - 2500 * MS < 450 * MS, "else this tests nothing"
    assert abs(commit.sample - audio.sample) <= 160
    assert rim.of(ev.PlayoutStart)[0].sample - audio.sample <= 2 * 160


@pytest.mark.parametrize("finished", [0.97, 0.6])
def test_who_goes_on_before_anything_sounds_is_not_cut_off(finished: float) -> None:
    rim = VirtualRim(answers=["Of France it is Paris."] * 2, policy=Policy(), judge=lambda _: finished)
    rim.first_token_ms = 150
    rim.say(1000, 2000, "What is the capital")
    rim.say(2350, 2900, "of France?")  # 30 ms behind where one who is likely to have finished would be answered
    rim.run(9000)
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION]
    assert [e.reason for e in rim.of(ev.Discarded)] == ["more_speech"]
    assert rim.truly_heard() == "Of France it is Paris."


def test_what_is_to_be_done_does_not_wait_for_the_words_that_tell_of_it() -> None:
    lamp = Meaning("lamp", {"on": True}, says="The lamp is on.")
    rim = VirtualRim(policy=Policy(acting=ActingPolicy(DoingPolicy(interpreter=True))), tts_ms=400)
    rim.does = lambda _: Outcome("done")
    rim.meanings["Turn on the lamp."] = lamp
    rim.say(1000, 2000, "Turn on the lamp.")
    rim.run(9000)
    ((acted, _),) = rim.acts
    assert acted - 2000 * MS <= (64 + 32 + 150 + 10 + 45) * MS
    assert rim.truly_heard() == "The lamp is on."


def test_what_is_looked_up_beforehand_is_waited_for_like_any_words() -> None:
    clock = Meaning("clock", {}, read_only=True)
    rim = VirtualRim(policy=Policy(acting=ActingPolicy(DoingPolicy(interpreter=True))), act_ms=100)
    rim.meanings[QUESTION] = clock
    rim.say(1000, 2000, QUESTION)
    rim.run(9000)
    (commit,), audio = rim.of(ev.Commit), rim.of(ev.TtsFirstAudio)[0]
    assert abs(commit.sample - audio.sample) <= 160
    assert rim.truly_heard() == "clock is done."


@pytest.mark.parametrize("text", ["Turn on the", "My number is four two", "Get me an espresso with..."])
def test_words_that_want_more_are_waited_for_though_the_voice_sounds_complete(text: str) -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy())
    rim.say(1000, 2000, text)
    rim.say(3200, 4000, "and that is all.")
    rim.run(9000)
    assert [e.text for e in rim.of(ev.Commit)] == [f"{text} and that is all."]


def test_words_that_want_more_are_answered_at_last() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy())
    rim.say(1000, 2000, "Turn on the")
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert 1900 * MS <= commit.sample - 2000 * MS <= 2100 * MS


def test_a_noise_is_dropped_as_soon_as_it_is_settled_that_there_were_no_words() -> None:
    rim = VirtualRim(policy=Policy(), judge=lambda _: 0.97)
    rim.noise(1000, 2000)
    rim.run(4000)
    (over,) = [e for e in rim.of(ev.EndPoint) if e.verdict == "nothing"]
    assert over.sample - 2000 * MS <= 800 * MS


def test_the_turn_model_changes_its_mind_while_the_pause_lasts() -> None:
    heard = iter([0.2, 0.95])
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: next(heard, 0.95))
    rim.say(1000, 2000, QUESTION)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    # 160 ms of a pause that seems to be none, 150 decode, 40 + 24 first clause, 45 voice, one block each
    assert 240 * MS <= commit.sample - 2000 * MS <= (160 + 32 + 150 + 80 + 45) * MS
    assert ttfa_ms(rim, 2000) <= 160 + 32 + 150 + 80 + 45 + 50
    assert [e.finished for e in rim.of(ev.EndPoint)] == [0.2, 0.95, 0.95]
    assert [e.verdict for e in rim.of(ev.EndPoint)] == ["wait", "wait", "commit"]


def test_a_turn_model_that_fails_is_done_without() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy())
    rim.judge_ms = 60_000  # it never answers
    rim.say(1000, 2000, QUESTION)
    rim.run(2200)
    job = next(c.job for _, c in rim.commands if isinstance(c, Judge))
    rim._take(rim.talk.failed(job, "turn", "out of memory", rim.clock))
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert commit.reason == "silence"
    assert commit.sample - 2000 * MS <= 650 * MS
    assert [f.stage for f in rim.of(ev.Failure)] == ["turn"]


def test_a_decode_that_does_not_reach_the_pause_is_given_up_for_one_that_does() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), stt_ms=500)
    rim.say(1000, 2300, QUESTION)  # a partial is in work when it ends
    rim.run(9000)
    decodes = [c for _, c in rim.commands if isinstance(c, Decode)]
    assert [d.effort for d in decodes] == ["partial", "final"]
    assert Cancel(decodes[0].job) in [c for _, c in rim.commands]
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION]


def warmed_in(rim: VirtualRim) -> list[tuple[int, str]]:
    """What of the user's words the language model was given to read before they were all, and when."""
    warms = [(t, c.messages[-1]) for t, c in rim.commands if isinstance(c, Warm) and c.messages]
    return [(t, last.text) for t, last in warms if last.role == "user"]


def test_the_language_model_reads_along_while_the_user_talks() -> None:
    text = "Please tell me in a few short words what the capital city of the country France is called today."
    rim = VirtualRim(answers=[ANSWER], policy=Policy())
    rim.say(1000, 6000, text)
    rim.run(5900)
    warmed = [words for _, words in warmed_in(rim)]
    assert warmed
    assert all(text.startswith(words) for words in warmed)
    assert len(set(warmed)) == len(warmed)
    assert not rim.of(ev.Supposed), "but no answer is begun in the middle of a sentence"
    stable = [e.stable for e in rim.of(ev.Partial)]
    assert all(b.startswith(a) for a, b in itertools.pairwise(stable))


def test_it_reads_what_may_still_change_without_the_mark_behind_it() -> None:
    said = itertools.chain(["Please tell me in a", "Please tell mean few."], itertools.repeat(QUESTION))
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), hears=lambda _: next(said))
    rim.say(1000, 4000, QUESTION)
    rim.run(9000)
    assert [words for _, words in warmed_in(rim)][:2] == ["Please tell me in a", "Please tell mean few"]
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION]


def test_in_a_pause_it_reads_nothing_beside_the_decode_that_is_waited_for() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), stt_ms=390, judge_ms=60)
    rim.say(1000, 2300, QUESTION)  # a partial comes back when it has just gone quiet
    rim.run(9000)
    (partial,) = [e.sample for e in rim.of(ev.Partial) if e.sample < 2450 * MS]
    assert partial > 2360 * MS
    assert warmed_in(rim) == []
    assert [e.text for e in rim.of(ev.Commit)] == [QUESTION]


def test_the_same_words_heard_again_keep_the_hypothesis() -> None:
    said = iter(["Next", "Next.", "Next."])
    rim = VirtualRim(answers=[ANSWER], policy=Policy(), judge=lambda _: 0.6, hears=lambda _: next(said))
    rim.probability = 0.2  # doubtful: it is heard once more
    rim.say(1000, 1500, "Next")
    rim.run(9000)
    assert sum(isinstance(c, Decode) for _, c in rim.commands) == 2
    assert sum(isinstance(c, Reply) for _, c in rim.commands) == 1
    assert not rim.of(ev.Discarded)
    assert [e.text for e in rim.of(ev.Commit)] == ["Next"]


def test_other_words_heard_again_replace_the_hypothesis() -> None:
    said = iter(["Rizzam.", "Resume.", "Resume."])
    rim = VirtualRim(answers=["Wrong.", "Right."], policy=Policy(), hears=lambda _: next(said))
    rim.probability = 0.2
    rim.say(1000, 1500, "Resume")
    rim.run(9000)
    assert [(e.text, e.reason) for e in rim.of(ev.Discarded)] == [("Rizzam.", "other_words")]
    assert [e.text for e in rim.of(ev.Commit)] == ["Resume."]
    assert rim.truly_heard() == "Right."


def test_without_speculation_nothing_is_prepared_before_the_end() -> None:
    rim = VirtualRim(answers=[ANSWER], policy=Policy(speculate=False))
    rim.say(1000, 2500, QUESTION)
    rim.run(9000)
    (commit,) = rim.of(ev.Commit)
    assert min(t for t, c in rim.commands if isinstance(c, Reply)) >= commit.sample
    assert not any(isinstance(c, Warm) for t, c in rim.commands if 1000 * MS < t < commit.sample)
    assert rim.truly_heard() == ANSWER


def test_a_speaker_who_pauses_long_is_given_the_time() -> None:
    """The voice falls, the words are whole, and then it goes on: after some of that the waits are longer."""
    rim = VirtualRim(answers=[ANSWER] * 20, policy=Policy())
    at, cut = 1000, []
    for n in range(8):
        rim.say(at, at + 800, f"First part {n}.")
        rim.say(at + 800 + 350, at + 2000, f"Second part {n}.")
        before = len(rim.of(ev.Commit))
        rim.run(at + 8000)
        cut.append(len(rim.of(ev.Commit)) - before > 1)
        at += 9000
    assert cut[0], "who is not known is answered"
    assert cut == sorted(cut, reverse=True), "and once known not interrupted any more"
    assert not cut[-1]
