"""From the configuration to models on servers: addresses, the key, what happens at the start, the stage commands."""

import contextlib
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rude_server import Peer, RudeServer, chat_server, free_port, says

from device import servers
from device.assembly import load_chat, load_recogniser, load_voice
from device.cli.main import run_command
from device.config import Settings, load_settings
from device.errors import ConfigError
from models.errors import ModelError
from models.fallback import FallbackChat, FallbackRecogniser, FallbackVoice
from models.protocols import Message
from models.remote_llm import RemoteChat

CHAT = [Message("user", "Hello?")]
KEY = "sk-nobody-may-know"


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults, whatever the machine is configured to; the models stay where they are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("NEARFIELD_CONFIG", raising=False)
    monkeypatch.delenv("NEARFIELD_LLM_KEY", raising=False)


def configured(**values: str) -> Settings:
    """`llm__server="http://..."` and the like."""
    return load_settings(None, [f"{key.replace('__', '.')}={value}" for key, value in values.items()])


class LocalChat:
    """Stands for the one on the board."""

    last_complete = True

    def reply(self, *_: Any, **__: Any) -> Iterator[str]:
        yield "from here"

    def warm(self, *_: Any, **__: Any) -> None:
        pass


@contextlib.contextmanager
def loaded(model: Any) -> Iterator[Any]:
    try:
        yield model
    finally:
        model.close()
    assert not [t.name for t in threading.enumerate() if t.name in ("nearfield-probe", "nearfield-llm-server")]


# --- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llm.server", "http://nas:8080"),
        ("llm.server", "https://api.example/v1"),
        ("llm.server", "http://[::1]:8080"),
        ("llm.server", ""),
        ("stt.server", "tcp://nas:10300"),
        ("tts.server", "unix:///run/piper.sock"),
    ],
)
def test_addresses(key: str, value: str) -> None:
    section, name = key.split(".")
    assert getattr(getattr(load_settings(None, [f"{key}={value}"]), section), name) == value


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("llm.server", "nas:8080", "begins with http:// or https://"),
        ("llm.server", "tcp://nas:8080", "begins with http:// or https://"),
        ("llm.server", "http://", "without a host"),
        ("llm.server", "http://nas:99999", "not an address"),
        ("llm.server", "http://nas:8080/v1?key=5", "query"),
        ("llm.server", "http://nas 5", "not an address"),
        ("stt.server", "http://nas:10300", "begins with tcp:// or unix://"),
        ("stt.server", "tcp://nas", "without a port"),
        ("tts.server", "unix://", "path of the socket"),
    ],
)
def test_what_is_no_address(key: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        load_settings(None, [f"{key}={value}"])
    assert key in caught.value.message


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="a password does not belong") as caught:
        load_settings(None, ["llm.server=http://me:geheim@nas:8080"])
    assert "geheim" not in caught.value.message


# --- the key ------------------------------------------------------------------------------------------------------


def test_a_key_from_a_file_of_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    assert servers.api_key(file) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_may_read(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(mode)
    with pytest.raises(ConfigError, match="others may read") as caught:
        servers.api_key(file)
    assert "chmod 600" in caught.value.hint
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"a b", b"\xff\xfe", b"x" * 5000, b"sk-\x00"])
def test_a_file_that_holds_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"empty|does not hold a key|cannot be read"):
        servers.api_key(file)


def test_no_file() -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        servers.api_key(Path("/nowhere/key"))


def test_a_key_from_the_environment_is_sent_and_told_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NEARFIELD_LLM_KEY", KEY)
    with (
        RudeServer(chat_server(says("Hi."))) as server,
        loaded(load_chat(configured(llm__server=server.http, llm__fallback="false"))) as chat,
    ):
        assert list(chat.reply(CHAT)) == ["Hi."]
        assert KEY in server.requests[-1][1]
    assert KEY not in caplog.text
    assert KEY not in repr(vars(load_settings()))


def test_a_key_that_travels_unencrypted_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NEARFIELD_LLM_KEY", KEY)
    # no address of the loopback, and yet nothing leaves this machine
    settings = configured(llm__server=f"http://0.0.0.0:{free_port()}", servers__connect_timeout_ms="100")
    with loaded(servers.chat(settings, lambda _: LocalChat())):
        assert "unencrypted" in caplog.text


# --- at the start -------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_at_the_start_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    settings = configured(llm__server=f"http://127.0.0.1:{free_port()}")
    with loaded(servers.chat(settings, lambda _: LocalChat())) as chat:
        assert isinstance(chat, FallbackChat)
        assert list(chat.reply(CHAT)) == ["from here"]
        assert chat.last_source == "local"
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "cannot be reached: connection refused; the local language model takes over" in warnings[0]


def test_without_a_fall_back_it_is_an_error() -> None:
    port = free_port()
    for load, settings in (
        (load_chat, configured(llm__server=f"http://127.0.0.1:{port}", llm__fallback="false")),
        (load_recogniser, configured(stt__server=f"tcp://127.0.0.1:{port}", stt__fallback="false")),
        (load_voice, configured(tts__server=f"tcp://127.0.0.1:{port}", tts__fallback="false")),
    ):
        with pytest.raises(ModelError, match="cannot be reached"):
            load(settings)


def test_without_a_fall_back_no_local_model_is_needed(tmp_path: Path) -> None:
    with RudeServer(chat_server(says("Hi."))) as server:
        settings = configured(llm__server=server.http, llm__fallback="false", models__dir=str(tmp_path / "empty"))
        with loaded(load_chat(settings)) as chat:
            assert isinstance(chat, RemoteChat)
            assert list(chat.reply(CHAT)) == ["Hi."]


def test_with_one_the_local_model_must_be_there(tmp_path: Path) -> None:
    settings = configured(llm__server=f"http://127.0.0.1:{free_port()}", models__dir=str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="is missing"):
        load_chat(settings)


def test_the_times_of_the_configuration_count() -> None:
    def silent(peer: Peer) -> None:
        peer.hang()

    with RudeServer(chat_server(silent)) as server:
        settings = configured(llm__server=server.http, llm__first_token_timeout_ms="200", servers__failures="1")
        with loaded(servers.chat(settings, lambda _: LocalChat())) as chat:
            assert list(chat.reply(CHAT)) == ["from here"]
            asked = len(server.requests)
            assert list(chat.reply(CHAT)) == ["from here"]
            assert len(server.requests) == asked


def test_the_time_of_the_recogniser_counts() -> None:
    def silent(peer: Peer) -> None:
        kind = json.loads(peer.read_line())["type"]
        if kind == "describe":
            each = {"name": "x", "attribution": {"name": "", "url": ""}, "installed": True, "version": "1"}
            described = {"description": "", **each}
            programs = {
                "asr": [{**described, "models": [{**described, "languages": ["en"]}]}],
                "tts": [{**described, "voices": [{**described, "languages": ["en"]}]}],
            }
            peer.send(json.dumps({"type": "info", "data": programs}).encode() + b"\n")
        else:
            peer.hang()

    with RudeServer(silent) as server:
        settings = configured(stt__server=server.tcp, stt__server_timeout_ms="200", stt__fallback="false")
        with loaded(load_recogniser(settings)) as recogniser, pytest.raises(ModelError, match="in time"):
            recogniser.transcribe(np.ones(16_000, dtype=np.float32))


def test_the_time_of_the_voice_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Noted:
        def __init__(self, _: Any, **options: Any) -> None:
            given.update(options)

        def check(self) -> None:
            pass

    monkeypatch.setattr("models.wyoming_tts.WyomingVoice", Noted)
    settings = configured(tts__server="tcp://nas:10200", tts__server_timeout_ms="2500", tts__server_voice="amy")
    servers.voice(settings, lambda _: None)  # type: ignore[arg-type,return-value]
    assert given == {"voice": "amy", "speaker": "", "loudness_lufs": -16.0, "begin_s": 2.5}


@pytest.mark.models
def test_the_local_models_stand_behind(model_path: Any) -> None:
    for name in ("whisper-tiny.en", "piper-en_US-joe-medium"):
        model_path(name)
    away = f"tcp://127.0.0.1:{free_port()}"
    settings = configured(stt__server=away, tts__server=away)
    with loaded(load_voice(settings)) as voice:
        assert isinstance(voice, FallbackVoice)
        assert voice.speak("Hello.") is not None
    with loaded(load_recogniser(settings)) as recogniser:
        assert isinstance(recogniser, FallbackRecogniser)


def test_the_chat_command_talks_to_a_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"What is up?\n")))
    with RudeServer(chat_server(says("The", " sky."))) as server:
        status = run_command(["chat", "--json", "--set", f"llm.server={server.http}", "--set", "llm.fallback=false"])
    assert status == 0
    assert json.loads(capsys.readouterr().out)["reply"] == "The sky."
