"""The stream of an answer: whatever a server sends, it is text, a call or an error of ours."""

import json
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from models.chat_stream import ChatStream
from models.errors import ModelRunError
from models.protocols import ToolSpec
from models.remote_errors import status_error

TOOL = ToolSpec("timer", "", {})
#: JSON that keeps using the names that mean something
names = st.sampled_from(
    ["choices", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "finish_reason", "error"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("timer")
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
chunks = st.builds(lambda delta, end: {"choices": [{"delta": delta, "finish_reason": end}]}, values, values)


@given(st.lists(values | chunks, max_size=6))
def test_whatever_is_sent(sent: list[Any]) -> None:
    stream = ChatStream("http://nas", tools=[TOOL])
    try:
        text = "".join(stream.feed(json.dumps(value)) for value in sent) + stream.finish()
        request = stream.request()
    except ModelRunError:
        return
    assert isinstance(text, str)
    assert request is None or (request.name == "timer" and isinstance(request.arguments, dict))


@given(st.text(max_size=30), st.lists(st.integers(1, 5), max_size=20))
def test_a_text_cut_anywhere_is_the_same_text(text: str, sizes: list[int]) -> None:
    whole, cut = ChatStream("http://nas"), ChatStream("http://nas")
    text = text.replace("<", "(").replace("[", "(")  # marks of a template are another matter
    at, out = 0, ""
    for size in [*sizes, *[1] * len(text)]:
        out += cut.feed(json.dumps({"choices": [{"delta": {"content": text[at : at + size]}}]}))
        at += size
    expected = whole.feed(json.dumps({"choices": [{"delta": {"content": text}}]}))
    for stream in (whole, cut):
        stream.feed("[DONE]")
    assert out + cut.finish() == expected + whole.finish() == text


@given(st.text("abcdefgh ", min_size=8, max_size=60), st.integers(0, 40), st.sampled_from([400, 404, 422, 500]))
def test_no_error_repeats_what_was_said(said: str, skip: int, status: int) -> None:
    repeated = " ".join(said[skip:].split())
    body = json.dumps({"detail": f"bad input: {repeated}"}).encode()
    error = status_error("http://nas", httpx.Response(status), body, model="m", private=[" ".join(said.split())])
    if len(repeated) >= 16:
        assert repeated not in error.message
