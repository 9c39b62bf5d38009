"""Server-sent events, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sse import MAX_BYTES, EventStream, OverlongEventError


def all_of(*chunks: bytes) -> list[str]:
    stream = EventStream()
    return [data for chunk in chunks for data in stream.feed(chunk)]


def test_events_of_one_and_of_more_lines() -> None:
    assert all_of(b"data: a\n\ndata:b\ndata:  c\n\n") == ["a", "b\n c"]


def test_what_is_no_data_is_passed_over() -> None:
    assert all_of(b": ping\n\nevent: x\nid: 7\ndata: a\nretry: 5\n\n\n\nnonsense\n\n") == ["a"]


def test_an_event_without_its_empty_line_is_not_one() -> None:
    assert all_of(b"data: a\n\ndata: b\n") == ["a"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_all_ends_of_lines(end: bytes) -> None:
    assert all_of(b"data: a" + end + end + b"data: b" + end + end) == ["a", "b"]


texts = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=5)


@given(texts, st.sampled_from([b"\n", b"\r", b"\r\n"]), st.lists(st.integers(1, 7)))
def test_cut_anywhere(values: list[str], end: bytes, sizes: list[int]) -> None:
    body = b"".join(b"data: " + value.encode() + end + end for value in values)
    stream, out, at = EventStream(), [], 0
    for size in [*sizes, *[3] * len(body)]:
        out += list(stream.feed(body[at : at + size]))
        at += size
    assert out == values


@given(st.binary(max_size=200))
def test_garbage_is_bounded_and_never_fails(garbage: bytes) -> None:
    for _ in EventStream().feed(garbage):
        pass


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: " + b"x" * 1000 + b"\n"])
def test_an_event_that_does_not_end(piece: bytes) -> None:
    stream = EventStream()
    with pytest.raises(OverlongEventError):
        for _ in range(MAX_BYTES // 900):
            list(stream.feed(piece))
