"""The last minute of audio, and the chat as it was heard."""

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
