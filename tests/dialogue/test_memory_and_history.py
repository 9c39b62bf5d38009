"""The last minute of audio, and the chat as it was heard."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.audio_memory import AudioMemory
from device.dialogue.history import History
from models.protocols import Message


def pcm(*values: int) -> np.ndarray:
    return np.array(values, np.int16)


def test_what_was_heard_can_be_cut_out() -> None:
    memory = AudioMemory(seconds=1)
    memory.append(0, pcm(*range(100)))
    assert (memory.cut(10, 20) * 32768).tolist() == list(range(10, 20))
    assert memory.cut(90, 200).size == 10
    assert memory.cut(-50, 5).size == 5
    assert memory.cut(200, 300).size == 0


def test_a_gap_is_silence() -> None:
    memory = AudioMemory(seconds=1)
    memory.append(0, pcm(1, 2))
    memory.append(5, pcm(3))
    assert (memory.cut(0, 6) * 32768).tolist() == [1, 2, 0, 0, 0, 3]


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12), st.data())
def test_only_the_oldest_is_forgotten(sizes: list[int], data: st.DataObject) -> None:
    memory = AudioMemory(seconds=0.5)  # 8,000 samples
    truth = np.zeros(0, np.int16)
    for size in sizes:
        block = np.arange(truth.size, truth.size + size).astype(np.int16)
        memory.append(truth.size, block)
        truth = np.concatenate((truth, block))
    start = data.draw(st.integers(0, truth.size))
    end = data.draw(st.integers(start, truth.size))
    expected = truth[max(start, truth.size - 8000) : end]
    assert np.array_equal(memory.cut(start, end) * 32768, expected.astype(np.float32))


def test_two_user_messages_in_a_row_are_one() -> None:
    history = History("Be brief.")
    history.user("What is the capital")
    history.assistant("")
    assert history.messages_with("of France?")[1:] == (Message("user", "What is the capital of France?"),)
    history.user("of France?")
    history.assistant("Paris.")
    assert [m.role for m in history.messages] == ["system", "user", "assistant"]
    assert len(history.messages_with("And Spain?")) == 4
    assert len(history.messages) == 3


# --- what a model must not learn from


def chat(*exchanges: tuple[str, str], apologies: frozenset[str] = frozenset()) -> History:
    history = History("Be brief.", apologies=apologies)
    for question, answer in exchanges:
        history.user(question)
        history.assistant(answer)
    return history


def answers(history: History) -> list[str]:
    return [m.text for m in history.messages if m.role == "assistant"]


def test_one_answer_to_three_different_questions_is_a_rut_and_forgotten_with_them() -> None:
    rut = [("What is 5 plus 6?", "The answer is 11."), ("Who wrote Hamlet?", "The answer is 13.")]
    history = chat(("My name is Bob.", "Hello Bob."), *rut)
    assert len(answers(history)) == 3, "two may be a coincidence"
    history.user("Why is the sky blue?")
    history.assistant("The answer is 1,300.")
    assert [m.text for m in history.messages] == ["Be brief.", "My name is Bob.", "Hello Bob."]
    history.user("And why is it far?")
    history.assistant("The answer is 7.")
    assert len(answers(history)) == 1, "a rut is a rut the next time too"


def test_the_same_question_may_have_the_same_answer_and_short_ones_fit_many() -> None:
    history = chat(
        *[("What is on my list?", "There is bread on it.")] * 4, *[(f"Is it {n} or so?", "Yes.") for n in "abcd"]
    )
    assert len(answers(history)) == 8


def test_an_answer_that_broke_off_in_its_first_sentence_is_there_until_the_next() -> None:
    history = chat(("Is it far?", "No."))
    history.user("Tell me about the moon.")
    history.assistant("The moon is a", broken_off=True)
    assert answers(history) == ["No.", "The moon is a"], "somebody may say: go on"
    history.user("What time is it?")
    assert answers(history) == ["No.", "The moon is a"], "and what the model has read so far stays as it is"
    history.assistant("It is nine.")
    assert answers(history) == ["No.", "It is nine."]
    assert [m.text for m in history.messages_with("Thanks.")][-1] == "Thanks."


def test_what_was_heard_of_an_answer_with_a_whole_sentence_stays_and_so_does_what_has_no_mark() -> None:
    history = chat()
    history.user("Tell me about the moon.")
    history.assistant("It is round. It is also", broken_off=True)
    history.user("And the sun?")
    history.assistant("Bigger")
    history.user("And Mars?")
    history.assistant("Red.")
    assert answers(history) == ["It is round. It is also", "Bigger", "Red."]


def test_apologies_are_no_answers() -> None:
    sorry = "Sorry, something went wrong."
    history = chat(("Is it far?", "No."), ("Is it near?", sorry), ("Is it here?", "Yes."), apologies=frozenset({sorry}))
    assert [m.text for m in history.messages[1:]] == ["Is it far?", "No.", "Is it here?", "Yes."]
    assert chat(("Is it near?", sorry)).messages[-1].text == sorry, "for somebody else it may be one"


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["The answer is 1.", "No.", "It is so.", "It is a", ""]),
            st.booleans(),
        )
    )
)
def test_whatever_is_said_the_chat_goes_to_and_fro(said: list[tuple[str, str, bool]]) -> None:
    history = History("Be brief.", apologies=frozenset({"No."}))
    for question, answer, broken_off in said:
        history.user(question)
        asked = history.messages[-1]
        assert asked.role == "user"
        assert asked.text.endswith(question), "what is asked now is never forgotten"
        history.assistant(answer, broken_off=broken_off)
        roles = [m.role for m in history.messages]
        assert roles[0] == "system"
        assert all(a != b for a, b in pairwise(roles))
        assert "No." not in answers(history)
