"""Models on other machines, as the configuration names them, with those on the board behind them.

    chat = servers.chat(settings, load_local)      # RemoteChat, or FallbackChat(RemoteChat, the local one)

A server that is not there at the start is one line in the log when there is a fall-back: the local model answers until
it is there. Without one it is an error.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from device.config.loopback import is_loopback
from device.config.schema import Settings
from device.errors import ConfigError
from device.secret_file import owners_text
from models.errors import ModelError
from models.fallback import FallbackChat, FallbackRecogniser, FallbackVoice, LocalChat
from models.guard import Guard
from models.protocols import ChatModel, Recogniser, Voice

_log = logging.getLogger(__name__)

#: The environment variable that holds the API key, when there is no file.
KEY_VARIABLE = "NEARFIELD_LLM_KEY"
_MOST_KEY_CHARS = 4096


class _Checked(Protocol):
    def check(self) -> None: ...

    def close(self) -> None: ...


Local = TypeVar("Local")


def chat(settings: Settings, load_local: Callable[[Settings], LocalChat], *, local_tools: bool = True) -> ChatModel:
    """The language model on `llm.server`. `local_tools`: may the local one ask for skills? Raises ModelError,
    ConfigError."""
    from models.remote_llm import Patience, RemoteChat  # noqa: PLC0415 - its libraries only where they are wanted

    llm = settings.llm
    key = api_key(llm.server_key_file)
    address = urlsplit(llm.server)
    if key and address.scheme == "http" and not is_loopback(address.hostname or ""):
        _log.warning("llm.server = %s: the key travels unencrypted; use https://", llm.server)
    remote = RemoteChat(
        llm.server,
        model=llm.server_model,
        key=key,
        patience=Patience(
            connect_s=settings.servers.connect_timeout_ms / 1000,
            first_s=llm.first_token_timeout_ms / 1000,
            between_s=llm.token_timeout_ms / 1000,
        ),
        context_tokens=max(llm.server_context_tokens, 2 * llm.max_reply_tokens),
        max_reply_tokens=llm.max_reply_tokens,
        max_reply_s=llm.max_reply_s,
        temperature=llm.temperature,
        ca_file=llm.server_ca_file,
    )
    if not llm.fallback:
        return _found(remote)
    local = _beside(remote, lambda: load_local(settings))
    guard = _guard(settings, "language model", llm.server, remote)
    return FallbackChat(remote, local, guard, local_tools=local_tools)


def recogniser(settings: Settings, load_local: Callable[[Settings], Recogniser]) -> Recogniser:
    """The recogniser on `stt.server`. Raises ModelError."""
    from models.wyoming_link import Server  # noqa: PLC0415 - as above
    from models.wyoming_stt import WyomingRecogniser  # noqa: PLC0415

    stt = settings.stt
    server = Server(stt.server, settings.servers.connect_timeout_ms / 1000, stt.server_timeout_ms / 1000)
    remote = WyomingRecogniser(server, model=stt.server_model, language=stt.language)
    if not stt.fallback:
        return _found(remote)
    local = _beside(remote, lambda: load_local(settings))
    return FallbackRecogniser(remote, local, _guard(settings, "recogniser", stt.server, remote))


def voice(settings: Settings, load_local: Callable[[Settings], Voice]) -> Voice:
    """The voice on `tts.server`. Raises ModelError."""
    from models.wyoming_link import Server  # noqa: PLC0415 - as above
    from models.wyoming_tts import WyomingVoice  # noqa: PLC0415

    tts = settings.tts
    server = Server(tts.server, settings.servers.connect_timeout_ms / 1000, tts.server_timeout_ms / 1000)
    remote = WyomingVoice(
        server,
        voice=tts.server_voice,
        speaker=tts.server_speaker,
        loudness_lufs=tts.loudness_lufs,
        begin_s=tts.server_timeout_ms / 1000,
    )
    if not tts.fallback:
        return _found(remote)
    local = _beside(remote, lambda: load_local(settings))
    return FallbackVoice(remote, local, _guard(settings, "voice", tts.server, remote))


def api_key(path: Path | None) -> str:
    """The API key: the one line of `path`, else what `NEARFIELD_LLM_KEY` holds, else "".

    Raises ConfigError when the file cannot be read, others than its owner may read it, or it is no key. No error has
    the key in it.
    """
    if path is None:
        return _as_key(os.environ.get(KEY_VARIABLE, ""), f"the variable {KEY_VARIABLE}")
    where = f"the key file {path}"
    key = _as_key(owners_text(path, where), where)
    if not key:
        raise ConfigError(f"{where} is empty", hint="put the key into it, in one line")
    return key


def _as_key(text: str, where: str) -> str:
    key = text.strip()
    if len(key) > _MOST_KEY_CHARS or any(not 0x21 <= ord(c) <= 0x7E for c in key):
        raise ConfigError(f"{where} does not hold a key", hint="it should be one line, with nothing but the key in it")
    return key


def _found(remote: "_Remote") -> "_Remote":
    """Raises ModelError when it is not there: nobody could stand in."""
    try:
        remote.check()
    except ModelError:
        remote.close()
        raise
    return remote


_Remote = TypeVar("_Remote", bound=_Checked)


def _beside(remote: _Checked, load: Callable[[], Local]) -> Local:
    try:
        return load()
    except BaseException:
        remote.close()
        raise


def _guard(settings: Settings, what: str, where: str, remote: _Checked) -> Guard:
    """A guard that knows already when the server is not there."""
    guard = Guard(what, where, remote.check, failures=settings.servers.failures, recover_s=settings.servers.recover_s)
    try:
        remote.check()
    except ModelError as error:
        guard.trip(error)
    return guard
