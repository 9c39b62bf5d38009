"""A model on a server, with the one on the board behind it: within the same turn, and without waiting twice.

    chat = FallbackChat(RemoteChat(url), LlamaCpp(path), guard)
    for piece in chat.reply(messages): ...         # whoever can
    chat.last_source                               # "server" or "local"

What happens when the server fails
- before anything came of it (it is away, refuses, or lets the first piece wait for too long): the local model answers.
- in the middle of an answer: what was passed on stays, it may have been heard. The local model ends the sentence that
  was broken off, and no more: a smaller model had better not go on with what a larger one has begun to explain.
- again and again: `models.guard` keeps it from being asked, and lets it back in when it is there again.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, Protocol, TypeVar

from models.errors import ModelRunError
from models.guard import Guard
from models.protocols import (
    Cancelled,
    ChatModel,
    Effort,
    Floats,
    Message,
    Recogniser,
    Speech,
    ToolCaller,
    ToolRequest,
    ToolSpec,
    Transcript,
    Voice,
    never,
)

T = TypeVar("T")

Source = Literal["server", "local"]
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)")
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*\s*$")


class RemoteTools(ChatModel, ToolCaller, Protocol):
    """What `models.remote_llm.RemoteChat` is."""


class LocalChat(Protocol):
    """A chat model that can go on with what another one has begun (`models.llm.LlamaCpp`)."""

    last_complete: bool

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never, begun: str = "") -> Iterator[str]: ...

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None: ...


class FallbackChat:
    """A `ChatModel` and `ToolCaller`. For one call at a time, as they are."""

    last_complete: bool = True  #: see `ChatModel`
    last_source: Source = "server"  #: who began the last answer

    def __init__(self, remote: RemoteTools, local: LocalChat, guard: Guard, *, local_tools: bool = True) -> None:
        """`local_tools`: is the local model any good at asking for tools, if it can?"""
        self._local_tools = local_tools
        self._remote = remote
        self._local = local
        self._guard = guard
        self._local_is_warm = False

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:
        """See `ChatModel`."""
        for item in self._reply(
            messages,
            lambda: self._remote.reply(messages, cancelled=cancelled),
            lambda: self._local.reply(messages, cancelled=cancelled),
            cancelled,
        ):
            if isinstance(item, str):
                yield item

    def reply_with_tools(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> Iterator[str | ToolRequest]:
        """See `ToolCaller`. A local model that cannot ask for tools answers without."""
        local = self._local

        def instead() -> Iterator[str | ToolRequest]:
            if self._local_tools and isinstance(local, ToolCaller):
                return local.reply_with_tools(messages, tools, cancelled=cancelled)
            return local.reply(messages, cancelled=cancelled)

        return self._reply(
            messages, lambda: self._remote.reply_with_tools(messages, tools, cancelled=cancelled), instead, cancelled
        )

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """The server's model, and the local one as well at first and as long as it may be needed.

        Not at every turn: the board is to be spared. Raises ModelRunError.
        """
        if self._guard.permits():
            try:
                self._remote.warm(messages, cancelled=cancelled)
            except ModelRunError as error:
                self._guard.failed(error)
            else:
                self._guard.released()  # a server that only takes the chat in has not shown that it answers
        if not self._local_is_warm or self._guard.state != "closed":
            self._local.warm(messages, cancelled=cancelled)
            self._local_is_warm = not cancelled()

    def close(self) -> None:
        """Both."""
        self._guard.close()
        _close(self._remote, self._local)

    def _reply(
        self,
        messages: Sequence[Message],
        remote: Callable[[], Iterator[str | ToolRequest]],
        local: Callable[[], Iterator[str | ToolRequest]],
        cancelled: Cancelled,
    ) -> Iterator[str | ToolRequest]:
        if self._guard.permits():
            said, failure = "", None
            tell: Callable[[], None] = self._guard.released  # until more is known
            try:
                with _closing(remote()) as items:
                    for item in items:
                        self.last_source, tell = "server", self._guard.succeeded
                        said += item if isinstance(item, str) else ""
                        yield item
            except ModelRunError as error:
                failure, tell = error, partial(self._guard.failed, error)
            finally:  # also when the rest of the answer is not wanted any more
                tell()
            if failure is None:
                self.last_complete = self._remote.last_complete
                return
            if said:
                yield from self._end_sentence(messages, said, cancelled, failure)
                return
        self.last_source = "local"
        yield from local()
        self.last_complete = self._local.last_complete

    def _end_sentence(
        self, messages: Sequence[Message], said: str, cancelled: Cancelled, failure: ModelRunError
    ) -> Iterator[str]:
        """Raises `failure` when the local model has nothing to add."""
        self.last_complete = True
        if _ENDED.search(said):
            return
        added = ""
        with _closing(self._local.reply(messages, cancelled=cancelled, begun=said)) as pieces:
            for piece in pieces:
                end = _SENTENCE_END.search(added + piece)
                if end is not None:
                    yield (added + piece)[len(added) : end.end()]
                    return
                added += piece
                yield piece
        if not added:
            raise failure
        self.last_complete = self._local.last_complete


class FallbackRecogniser:
    """A `Recogniser`, and `Frugal`."""

    last_source: Source = "server"  #: whose the last transcript is

    def __init__(self, remote: Recogniser, local: Recogniser, guard: Guard) -> None:
        self._remote = remote
        self._local = local
        self._guard = guard

    @property
    def frugal(self) -> bool:
        """Of the local one: a server does not load the board."""
        return bool(getattr(self._local, "frugal", False))

    @frugal.setter
    def frugal(self, value: bool) -> None:
        if hasattr(self._local, "frugal"):
            self._local.frugal = value

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:
        """See `Recogniser`."""
        heard, self.last_source = _either(
            self._guard,
            lambda: self._remote.transcribe(audio, cancelled=cancelled, effort=effort),
            lambda: self._local.transcribe(audio, cancelled=cancelled, effort=effort),
            lambda transcript: transcript.complete,
        )
        return heard

    def close(self) -> None:
        """Both."""
        self._guard.close()
        _close(self._remote, self._local)


class FallbackVoice:
    """A `Voice`: a clause is the server's or the local voice's as a whole. The latter is marked as a `stand_in`."""

    last_source: Source = "server"  #: whose voice said the last clause

    def __init__(self, remote: Voice, local: Voice, guard: Guard) -> None:
        self._remote = remote
        self._local = local
        self._guard = guard

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """See `Voice`."""
        speech, self.last_source = _either(
            self._guard,
            lambda: self._remote.speak(text, cancelled=cancelled),
            lambda: self._stand_in(text, cancelled),
            lambda speech: speech is not None,
        )
        return speech

    def _stand_in(self, text: str, cancelled: Cancelled) -> Speech | None:
        speech = self._local.speak(text, cancelled=cancelled)
        return None if speech is None else replace(speech, stand_in=True)

    def close(self) -> None:
        """Both."""
        self._guard.close()
        _close(self._remote, self._local)


def _either(
    guard: Guard, remote: Callable[[], T], local: Callable[[], T], is_whole: Callable[[T], bool]
) -> tuple[T, Source]:
    """What the server answers if it may be asked and can, else what the local model does; and whose it is.

    `is_whole`: an answer that is not was cancelled, and shows nothing about the server.
    """
    if guard.permits():
        try:
            answer = remote()
        except ModelRunError as error:
            guard.failed(error)
        except BaseException:
            guard.released()
            raise
        else:
            guard.succeeded() if is_whole(answer) else guard.released()
            return answer, "server"
    return local(), "local"


@contextlib.contextmanager
def _closing(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """`items`, closed in the end if they can be."""
    try:
        yield items
    finally:
        _close(items)


def _close(*models: object) -> None:
    for model in models:
        close = getattr(model, "close", None)
        if close is not None:
            close()
