"""What went wrong with a server over HTTP, in one line: what happened, with which server, what to do next.

    except httpx.HTTPError as error: raise server_error("http://nas:8080/v1", error) from error

No line has a key in it, or words of the conversation: errors are logged.
"""

import json
import os
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from models.errors import ModelRunError

#: Of what a server says about its error this much is repeated.
_MOST_CHARS = 160
#: So many characters of something private that turn up in an error are no accident.
_TELLTALE_CHARS = 8
_IS_IT_UP = "is the server running, and its address right?"


class ServerBusyError(ModelRunError):
    """The server is there, but cannot answer just now: another try is worth it."""


class RequestRefusedError(ModelRunError):
    """The server is there, but does not want what it was sent."""


def server_error(url: str, error: Exception) -> ModelRunError:
    """`error` of httpx, as ours."""
    if (tls := next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)) is not None:
        return _tls_error(url, tls)
    match error:
        case httpx.ConnectTimeout():
            return ModelRunError(f"{url} cannot be reached: no answer to a connection", hint=_IS_IT_UP)
        case httpx.ConnectError():
            return ModelRunError(f"{url} cannot be reached: {connection_reason(error)}", hint=_IS_IT_UP)
        case httpx.TimeoutException():
            return ModelRunError(f"{url} was silent for too long")
        case httpx.TransportError():
            return ServerBusyError(f"{url} broke the connection off")
        case _:
            return ModelRunError(f"{url} cannot be used: {type(error).__name__}")


def status_error(
    url: str, response: httpx.Response, body: bytes, *, model: str, private: Sequence[str]
) -> ModelRunError:
    """A response that is not 200, as an error.

    `body`: as much of it as was read. `private`: what no line may have in it.
    """
    status = response.status_code
    if status in (401, 403):
        return ModelRunError(
            f"{url} refuses the key ({status})", hint="see llm.server_key_file, or the variable NEARFIELD_LLM_KEY"
        )
    if 300 <= status < 400:
        # not followed: the key, and what was said, are for the server that was named
        where = response.headers.get("location", "elsewhere")[:_MOST_CHARS]
        return ModelRunError(f"{url} redirects to {where}", hint="set llm.server to the new address")
    said = _said(_loaded(body), private)
    tail = f": {said}" if said else ""
    if status == 404:
        return ModelRunError(
            f"{url} has no model '{model}', or no chat at this address (404){tail}",
            hint="see llm.server_model, and whether llm.server ends in the right path",
        )
    kind = ServerBusyError if status in (408, 425, 429, 502, 503, 504) else RequestRefusedError
    return kind(f"{url} answers with error {status}{tail}")


def said_in_stream(url: str, payload: Any, private: Sequence[str]) -> ModelRunError:
    """An error that came in place of a piece of the answer."""
    said = _said(payload, private)
    return ModelRunError(f"{url} failed while it answered" + (f": {said}" if said else ""))


def _tls_error(url: str, error: ssl.SSLError) -> ModelRunError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ModelRunError(
            f"the certificate of {url} is not trusted: {error.verify_message}",
            hint="name the authority that signed it in llm.server_ca_file",
        )
    return ModelRunError(f"{url} does not speak TLS as it should", hint="does it want http:// in place of https://?")


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(value: Any, private: Sequence[str]) -> str:
    """The server's own words, in one line; "" if there are none, or something private is in them."""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    text = " ".join(value.split())[:_MOST_CHARS] if isinstance(value, str) else ""
    pieces = (p[i : i + _TELLTALE_CHARS] for p in private for i in range(0, len(p), _TELLTALE_CHARS // 2))
    telling = (piece for piece in pieces if len(piece) == _TELLTALE_CHARS or piece in private)
    return "" if any(piece in text for piece in telling if piece.strip()) else text


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def connection_reason(error: Exception) -> str:
    """Of the operating system, without httpx's own words."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "its name is not known"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return "no connection"
