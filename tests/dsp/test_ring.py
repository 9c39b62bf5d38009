"""The lock-free ring against a plain list, and between two threads."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.ring import Ring


@given(
    channels=st.integers(1, 3),
    min_frames=st.integers(1, 40),
    steps=st.lists(st.tuples(st.sampled_from(["write", "read", "discard"]), st.integers(0, 70)), max_size=60),
)
def test_ring_is_a_bounded_queue(channels: int, min_frames: int, steps: list[tuple[str, int]]) -> None:
    ring = Ring(min_frames, channels)
    assert ring.capacity >= min_frames
    inside: list[int] = []  # frame numbers
    serial = 0
    for action, count in steps:
        if action == "write":
            numbers = np.arange(serial, serial + count)
            taken = ring.write(np.repeat(numbers[:, None], channels, axis=1).astype(np.int16))
            assert taken == min(count, ring.capacity - len(inside))
            inside += list(range(serial, serial + taken))
            serial += taken
        elif action == "read":
            got = ring.read(count)
            assert got.reshape(-1, channels)[:, -1].tolist() == inside[:count]
            inside = inside[count:]
        else:
            assert ring.discard(count) == min(count, len(inside))
            inside = inside[count:]
        assert ring.available == len(inside)
        assert ring.room == ring.capacity - len(inside)
        assert ring.written - ring.consumed == len(inside)


def test_what_one_thread_writes_another_reads_in_order() -> None:
    total = 300_000
    ring = Ring(1000)
    sent = (np.arange(total) % 30_000).astype(np.int16)

    def write() -> None:
        at = 0
        while at < total:
            taken = ring.write(sent[at : at + 777])
            at += taken
            if not taken:
                time.sleep(0.0001)  # full: let the reader have the interpreter

    writer = threading.Thread(target=write)
    writer.start()
    got: list[np.ndarray] = []
    count = 0
    while count < total and (writer.is_alive() or ring.available):
        part = ring.read(1024)
        got.append(part)
        count += len(part)
        if not len(part):
            time.sleep(0.0001)
    writer.join()
    assert np.array_equal(np.concatenate(got), sent)


@pytest.mark.parametrize(("frames", "channels"), [(0, 1), (-1, 1), (10, 0), (10, 65), (2**31, 1)])
def test_impossible_sizes_are_refused(frames: int, channels: int) -> None:
    with pytest.raises(ValueError, match="cannot be made"):
        Ring(frames, channels)


def test_floats_are_refused_not_cast() -> None:
    with pytest.raises(TypeError, match="int16"):
        Ring(10).write(np.zeros(4, np.float32))  # type: ignore[arg-type]


def test_a_torn_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="2 channels"):
        Ring(10, 2).write(np.zeros(3, np.int16))
    with pytest.raises(ValueError, match="2 channels"):
        Ring(10, 2).write(np.zeros((2, 1), np.int16))


def test_a_strided_view_is_copied_right() -> None:
    ring = Ring(16)
    ring.write(np.arange(20, dtype=np.int16)[::2])
    assert ring.read(16).tolist() == list(range(0, 20, 2))
