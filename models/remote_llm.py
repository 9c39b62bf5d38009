"""A chat model on a server: llama.cpp server, vLLM, Ollama, or any other with OpenAI's chat API.

    model = RemoteChat("http://nas:8080", patience=Patience(first_s=1.5))
    for piece in model.reply([Message("user", "What is the capital of France?")]): ...

Streamed; a cancelled call closes its connection at once, which makes the server stop too. Nothing here falls back to a
local model: that is `models.fallback`.
"""

import asyncio
import contextlib
import json
import logging
import ssl
import threading
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from models.chat_marks import plain_messages
from models.chat_stream import ChatStream
from models.chat_window import fit
from models.errors import ModelError, ModelRunError
from models.portal import Portal
from models.protocols import Cancelled, Message, ToolRequest, ToolSpec, never
from models.remote_errors import RequestRefusedError, ServerBusyError, server_error, status_error
from models.sse import EventStream, OverlongEventError

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Tries to get an answer begun; only as long as nothing has come, and within `Patience.first_s`.
TRIES = 3
_RETRY_S = 0.1
#: A list of models, or what a server says about an error, is not longer than this.
_MOST_BODY_BYTES = 256 * 1024
#: Tokens are not counted here, the server has its own: text has some 4 characters a token in English, 3 elsewhere.
_CHARS_PER_TOKEN = 3
#: A server that does not stop at the longest answer is stopped at so many characters a token.
_MOST_CHARS_PER_TOKEN = 16
#: A server that is not done with the chat by then is not waited for: it is only to save time.
WARM_S = 10.0
#: `owned_by` in the list of models, of servers that keep the evaluated beginning of a chat: to send them the chat ahead
#: makes the answer come sooner. (llama.cpp, vLLM, Ollama, llama-cpp-python.) With others it would only cost money.
KEEPS_PREFIX = frozenset({"llamacpp", "vllm", "library", "me"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in s."""

    connect_s: float = 1.0  #: for a connection
    first_s: float = 1.5  #: for the first piece of an answer, the connection and further tries included
    between_s: float = 3.0  #: for each further piece


class RemoteChat:
    """One model on one server. Calls from several threads do not wait for each other."""

    last_complete: bool = True  #: False: the last reply was cut off, maybe within a sentence

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        key: str = "",
        patience: Patience = Patience(),
        context_tokens: int = 4096,
        max_reply_tokens: int = 160,
        max_reply_s: float = 30.0,
        temperature: float = 0.0,
        ca_file: Path | None = None,
    ) -> None:
        """`url`: http(s)://host:port, with the path of the API unless that is /v1. `model`: its name there; "" takes
        the first that the server lists. `key`: sent as a bearer token. `ca_file`: PEM file of the authority that signed
        the server's certificate, in place of the usual ones. Nothing is sent yet. Raises ModelError for a `ca_file`
        that is none.
        """
        self.url = base_url(url)
        self._key = key
        self._model = model
        self._owner = ""
        self._patience = patience
        self._context_tokens = context_tokens
        self._max_reply_tokens = max_reply_tokens
        self._max_reply_s = max_reply_s
        self._temperature = temperature
        self._takes_no_tools = False  # found out with the first request that has some
        self._portal = Portal("nearfield-llm-server")
        self._lock = threading.Lock()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(None, connect=patience.connect_s),
            verify=_trust(ca_file),
            trust_env=False,  # a proxy of the environment is not for a server in the house
            follow_redirects=False,
        )

    def check(self) -> None:
        """Is the server there, and has it got the model? Raises ModelRunError."""
        self._portal.call(self._look)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:
        """Yields the pieces of the answer as they come. Raises ModelRunError.

        Ends at the model's own end, once `cancelled`, or (then `last_complete` is False) at the longest answer in
        tokens or seconds. A chat that is too long loses its oldest turns.
        """
        for item in self._answer(messages, (), cancelled):
            if isinstance(item, str):
                yield item

    def reply_with_tools(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> Iterator[str | ToolRequest]:
        """Yields the pieces of an answer, or one `ToolRequest`; behind it comes nothing. Some models say something
        before they ask: then it stands behind those pieces. A server that refuses a request with tools is asked again
        without, and from then on. Raises ModelRunError.
        """
        return self._answer(messages, tools, cancelled)

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """Have the server evaluate `messages` now, if it is one that keeps the result. Raises ModelRunError."""
        if self._owner not in KEEPS_PREFIX:
            return
        body = {**self._body(messages, ()), "max_tokens": 1}

        async def prefill() -> None:
            async with asyncio.timeout(WARM_S), contextlib.aclosing(self._events(body, messages)) as events:
                async for _ in events:
                    pass

        with contextlib.suppress(TimeoutError):
            self._portal.call(prefill, cancelled=cancelled)

    def close(self) -> None:
        """End what runs, and the connections."""
        with contextlib.suppress(ModelRunError):
            self._portal.call(self._client.aclose)
        self._portal.close()

    def _answer(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], cancelled: Cancelled
    ) -> Iterator[str | ToolRequest]:
        self.last_complete = False  # unless it comes to its own end
        if cancelled():
            return
        with contextlib.closing(
            self._portal.stream(lambda: self._pieces(messages, tools), cancelled=cancelled)
        ) as pieces:
            yield from pieces

    async def _pieces(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> AsyncGenerator[str | ToolRequest, None]:
        """The answer. All time limits are kept here."""
        begun_s = time.monotonic()
        until_s = begun_s + self._max_reply_s
        stream, events, piece = await self._first_piece(messages, tools, begun_s + self._patience.first_s)
        chars = 0
        async with contextlib.aclosing(events):
            while piece is not None:
                chars += len(piece)
                if piece:  # nothing, while the arguments of a tool come
                    yield piece
                if time.monotonic() > until_s or chars > _MOST_CHARS_PER_TOKEN * self._max_reply_tokens:
                    return
                piece = await self._next_piece(
                    stream, events, min(time.monotonic() + self._patience.between_s, until_s)
                )
        if rest := stream.finish():
            yield rest
        request = stream.request()
        self.last_complete = stream.complete
        if request is not None:
            yield request

    async def _first_piece(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], until_s: float
    ) -> tuple[ChatStream, AsyncGenerator[str, None], str | None]:
        """Tries again while nothing has come and time is left. The server may know them by their key for one."""
        idempotency_key = uuid.uuid4().hex
        for attempt in range(1, TRIES + 1):
            if not self._model:
                await self._in_time(self._look(), until_s)
            if self._takes_no_tools:
                tools = ()
            stream = ChatStream(self.url, tools=tools, private=self._private(messages))
            events = self._events(self._body(messages, tools), messages, idempotency_key)
            try:
                return stream, events, await self._next_piece(stream, events, until_s)
            except RequestRefusedError as error:
                await events.aclose()
                if not tools:
                    self._takes_no_tools = False  # they were not the reason
                    raise
                # a model that knows none, or llama.cpp's server without --jinja
                _log.warning("%s: it is not asked for tools any more", error)
                self._takes_no_tools = True
                idempotency_key = uuid.uuid4().hex  # it is another request
            except ServerBusyError:
                await events.aclose()
                if attempt == TRIES or time.monotonic() + _RETRY_S >= until_s:
                    raise
                await asyncio.sleep(_RETRY_S)
            except BaseException:
                await events.aclose()
                raise
        raise AssertionError("unreachable")

    async def _next_piece(self, stream: ChatStream, events: AsyncGenerator[str, None], until_s: float) -> str | None:
        """None at the end of the stream. Raises ModelRunError."""

        async def search() -> str | None:
            async for data in events:
                piece = stream.feed(data)
                if piece or stream.calling:
                    return piece
                if stream.done:
                    break
            return None

        try:
            return await self._in_time(search(), until_s)
        except ModelRunError:
            if stream.ended:  # but the server does not hang up
                return None
            raise

    async def _in_time(self, work: Awaitable[T], until_s: float) -> T:
        try:
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                return await work
        except TimeoutError as error:
            raise ModelRunError(f"{self.url} did not go on with its answer in time") from error

    async def _events(
        self, body: dict[str, Any], messages: Sequence[Message], idempotency_key: str = ""
    ) -> AsyncGenerator[str, None]:
        """The data of the events that answer `body`. Raises ModelRunError."""
        url = f"{self.url}/chat/completions"
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        try:
            async with self._client.stream("POST", url, json=body, headers=headers) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if response.status_code != 200:
                    said = await _body(response)
                    raise status_error(self.url, response, said, model=self._model, private=self._private(messages))
                if kind != "text/event-stream":
                    raise _no_stream(self.url, kind)
                async for data in _data_of(response.aiter_raw(), self.url):
                    yield data
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise server_error(self.url, error) from error

    async def _look(self) -> None:
        """Learn which models there are, and whose server it is."""
        url = f"{self.url}/models"
        try:
            async with (
                asyncio.timeout(self._patience.connect_s + self._patience.first_s),
                self._client.stream("GET", url) as response,
            ):
                body = await _body(response)
                if response.status_code in (404, 405, 501):
                    if not self._model:
                        raise ModelRunError(f"{self.url} does not list its models", hint="name one in llm.server_model")
                    return
                if response.status_code != 200:
                    raise status_error(self.url, response, body, model=self._model, private=self._private(()))
        except TimeoutError as error:
            raise ModelRunError(f"{self.url} does not answer") from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise server_error(self.url, error) from error
        try:
            entries = {str(entry["id"]): str(entry.get("owned_by", "")) for entry in json.loads(body)["data"]}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelRunError(
                f"{self.url} sent no list of models", hint="is it the address of an OpenAI-compatible API?"
            ) from error
        model = self._model or next(iter(entries), "")
        # Ollama lists "llama3.2:latest" and takes "llama3.2"
        name = next((known for known in (model, f"{model}:latest") if known in entries), None)
        if name is None:
            there = ", ".join(list(entries)[:5]) or "none"
            raise ModelRunError(f"{self.url} has no model '{model}'", hint=f"it has: {there}; see llm.server_model")
        with self._lock:
            self._model, self._owner = model, entries[name]

    def _private(self, messages: Sequence[Message]) -> list[str]:
        """What no error may repeat."""
        return [self._key, *(m.text for m in messages)]

    def _body(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> dict[str, Any]:
        budget = self._context_tokens - self._max_reply_tokens
        kept = fit(plain_messages(messages), count=lambda text: len(text) // _CHARS_PER_TOKEN + 1, budget_tokens=budget)
        body: dict[str, Any] = {
            "model": self._model,
            "messages": openai_messages(kept),
            "stream": True,
            "max_tokens": self._max_reply_tokens,
            "temperature": self._temperature,
        }
        if self._owner == "llamacpp":
            body["cache_prompt"] = True
        if tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
                }
                for t in tools
            ]
        return body


def base_url(url: str) -> str:
    """Where the API is: /v1 unless `url` has a path of its own."""
    url = url.rstrip("/")
    return url if httpx.URL(url).path.strip("/") else f"{url}/v1"


def openai_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """As the API wants them: what a tool gave back stands behind an assistant's message that asked for it."""
    out: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        if message.role == "tool":
            call = {"id": f"call_{number}", "type": "function", "function": {"name": "skill", "arguments": "{}"}}
            out.append({"role": "assistant", "content": "", "tool_calls": [call]})
            out.append({"role": "tool", "tool_call_id": f"call_{number}", "content": message.text})
        else:
            out.append({"role": message.role, "content": message.text})
    return out


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ModelError(
            f"{ca_file} is not a file of certificates", hint="see llm.server_ca_file: a PEM file"
        ) from error


def _no_stream(url: str, kind: str) -> ModelRunError:
    what = "a web page" if kind == "text/html" else f"'{kind[:40]}'" if kind else "something"
    return ModelRunError(
        f"{url} answers with {what} in place of a stream", hint="is it the address of an OpenAI-compatible API?"
    )


async def _body(response: httpx.Response) -> bytes:
    """The body, or the beginning of a long one."""
    read = b""
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > _MOST_BODY_BYTES:
            break
    return read


async def _data_of(chunks: AsyncIterator[bytes], url: str) -> AsyncGenerator[str, None]:
    stream = EventStream()
    try:
        async for chunk in chunks:
            for data in stream.feed(chunk):
                yield data
    except OverlongEventError as error:
        raise ModelRunError(f"{url} sent {error}") from error
