"""What a server streams as an answer, chunk by chunk: pieces of text, a call of a tool, the end.

    stream = ChatStream(url)
    for data in events: text += stream.feed(data)
    text += stream.finish()

The form is OpenAI's `chat.completion.chunk`, as llama.cpp, vLLM and Ollama send it. Sans-IO. What a thinking model
thinks (`reasoning_content`, or <think> at the beginning) is not for saying and is passed over.
"""

import json
from collections.abc import Sequence
from typing import Any

from models.chat_marks import plain
from models.errors import ModelRunError
from models.protocols import ToolRequest, ToolSpec
from models.remote_errors import said_in_stream

_THINK, _THOUGHT = "<think>", "</think>"


class ChatStream:
    """One answer."""

    def __init__(self, url: str, *, tools: Sequence[ToolSpec] = (), private: Sequence[str] = ()) -> None:
        """`tools`: what the model may ask for. `private`: what no error may repeat."""
        self._url = url
        self._tools = {tool.name for tool in tools}
        self._private = private
        self._finish: str | None = None
        self._head: str | None = ""  # the beginning, until it is known whether it is a thought
        self._behind_thought = False  # white space there is not said
        self._call: list[str] | None = None  # name, arguments
        self.done = False  #: the server says that nothing more comes

    @property
    def complete(self) -> bool:
        """Did the model come to its own end?"""
        return self._finish in ("stop", "tool_calls", "function_call") or (self._finish is None and self.done)

    @property
    def calling(self) -> bool:
        """Is the model asking for a tool?"""
        return self._call is not None

    @property
    def ended(self) -> bool:
        """Has the last piece come?"""
        return self.done or self._finish is not None

    def feed(self, data: str) -> str:
        """The text in the data of one event; often "". Raises ModelRunError."""
        if data.strip() == "[DONE]":
            self.done = True
            return ""
        try:
            chunk = json.loads(data)
            error = chunk.get("error")
            content = "" if error else self._content(chunk)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as problem:
            raise ModelRunError(
                f"{self._url} sent what is no piece of an answer", hint="is it the address of an OpenAI-compatible API?"
            ) from problem
        if error:
            raise said_in_stream(self._url, error, self._private)
        return self._spoken(content)

    def finish(self) -> str:
        """The text that was held back. Raises ModelRunError when the answer broke off."""
        if not self.ended:
            raise ModelRunError(f"{self._url} broke off in the middle of the answer")
        rest = self._head or ""
        self._head = None
        return "" if _THINK in rest else rest

    def request(self) -> ToolRequest | None:
        """The tool that the model asks for. Raises ModelRunError when it makes no sense."""
        if self._call is None:
            return None
        name, arguments = self._call
        try:
            values = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            values = None
        if name not in self._tools or not isinstance(values, dict):
            raise ModelRunError(f"the model of {self._url} asked for a tool in a way that makes no sense")
        return ToolRequest(name, values)

    def _content(self, chunk: dict[str, Any]) -> str:
        """Raises what it raises when `chunk` is not what it should be."""
        choices = chunk["choices"]
        if not choices:  # usage, at the end
            return ""
        delta = choices[0].get("delta") or {}
        self._finish = choices[0].get("finish_reason") or self._finish
        self._take_call(delta.get("tool_calls") or [])
        return "".join(delta.get("content") or "")  # nothing but a text, or letters in a list, passes

    def _take_call(self, calls: list[Any]) -> None:
        """Of several calls at once the first one."""
        for call in calls:
            if call.get("index", 0) != 0:
                continue
            function = call.get("function") or {}
            name, arguments = function.get("name") or "", function.get("arguments") or ""
            if isinstance(arguments, dict):  # some servers send an object in place of its text
                arguments = json.dumps(arguments)
            if self._call is None:
                self._call = ["", ""]
            self._call[0] += name
            self._call[1] += arguments

    def _spoken(self, content: str) -> str:
        """`content` without a thought at the beginning, and without the marks of a template."""
        if self._head is not None:
            self._head += content
            head = self._head.lstrip()
            if head.startswith(_THINK):
                _, end, content = head.partition(_THOUGHT)
                if not end:
                    return ""
                self._behind_thought = True
            elif _THINK.startswith(head[: len(_THINK)]):  # too little to know
                return ""
            else:
                content = self._head
            self._head = None
        if self._behind_thought:
            content = content.lstrip()
            self._behind_thought = not content
        return plain(content)
