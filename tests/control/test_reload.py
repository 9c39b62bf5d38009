"""Beginning anew: refused while something is wrong, and then nothing has changed; else the conversation goes on."""

import logging
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from device import assembly
from device.abilities import PersonaSkills
from device.config import Settings, load_settings
from device.control import reload as subject
from device.control.reload import Reload, check_startable, is_service
from device.diagnostics.doctor.setup_checks import secret_files
from device.errors import ConfigError, NearfieldError
from device.persona import load_persona
from device.session.resumption import unfinished
from device.session.store import SessionStore
from models.errors import ModelMissingError


def test_what_is_refused_ends_nothing() -> None:
    ended: list[str] = []

    def check() -> None:
        raise wrong

    wrong: Exception = ConfigError("line 3: unknown key", hint="mend it")
    anew = Reload(check, lambda: ended.append("x"), begins=lambda: ended.append("begins"))
    with pytest.raises(ConfigError, match="line 3"):
        anew()
    wrong = ModelMissingError("model x is missing", hint="nearfield models pull x")
    with pytest.raises(NearfieldError, match="model x is missing") as caught:
        anew()
    assert caught.value.hint == "nearfield models pull x"
    assert ended == []


def test_a_supervisor_is_told_before_it_ends() -> None:
    order: list[str] = []
    Reload(lambda: order.append("check"), lambda: order.append("end"), begins=lambda: order.append("begins"))()
    assert order == ["check", "begins", "end"]


def test_one_at_a_time() -> None:
    going, go_on = threading.Event(), threading.Event()

    def check() -> None:
        going.set()
        go_on.wait(10)

    ended: list[int] = []
    anew = Reload(check, lambda: ended.append(1))
    anew.in_background()
    assert going.wait(10)
    with pytest.raises(NearfieldError, match="already"):
        anew()
    go_on.set()
    end = time.monotonic() + 10
    while not ended:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_by_a_signal_the_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def check() -> None:
        raise ConfigError("there is no persona 'x'", hint="name another")

    anew = Reload(check, lambda: None)
    with caplog.at_level(logging.WARNING):
        anew.in_background()
        end = time.monotonic() + 10
        while "no persona" not in caplog.text:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert "(name another)" in caplog.text


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """All models are there."""
    monkeypatch.setattr(assembly, "find_models", lambda _settings, _persona: None)


@pytest.mark.usefixtures("found")
def test_persona_and_secrets_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        check_startable(Settings(persona="nobody"))
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    hooked = Settings.model_validate({"webhooks": {"x": {"url": "https://x/", "secret_file": secret}}})
    with pytest.raises(ConfigError, match="others may read"):
        check_startable(hooked)


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Settings in which all that has a secret is switched on, each with a file that is good."""

    def secret(name: str) -> Path:
        file = tmp_path / name
        file.write_text("a-secret-that-nobody-guesses\n")
        file.chmod(0o600)
        return file

    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    key.chmod(0o600)
    return {
        "web": {"enabled": True, "token_file": secret("web"), "tls_cert": cert, "tls_key": key},
        "metrics": {"port": 9464, "token_file": secret("metrics")},
        "telemetry": {"otlp_endpoint": "http://127.0.0.1:4318", "otlp_token_file": secret("otlp")},
        "mcp": {"servers": {"home": {"url": "http://127.0.0.1:1/mcp", "token_file": secret("mcp")}}},
        "mqtt": {"host": "127.0.0.1", "username": "me", "password_file": secret("mqtt")},
        "llm": {"server": "http://127.0.0.1:2", "server_key_file": secret("llm")},
        "webhooks": {"nas": {"url": "https://nas/", "secret_file": secret("nas")}},
        "skills": {"folder": tmp_path},
    }


SECRETS = (
    "web.token_file", "web.tls_key", "metrics.token_file", "telemetry.otlp_token_file", "mcp.servers.home.token_file",
    "mqtt.password_file", "llm.server_key_file", "webhooks.nas.secret_file",
)  # fmt: skip


@pytest.mark.usefixtures("found")
def test_every_secret_of_what_is_switched_on_is_looked_at(everything: dict[str, dict[str, Any]]) -> None:
    settings = Settings.model_validate(everything)
    check_startable(settings)
    files = dict(secret_files(settings))
    assert set(files) == set(SECRETS)
    for key in SECRETS:
        files[key].chmod(0o644)
        with pytest.raises(ConfigError, match="others may read"):
            check_startable(settings)
        files[key].chmod(0o600)
    check_startable(settings)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("key", "text", "refusal"),
    [
        ("web.token_file", "short", "16 are needed"),
        ("web.tls_key", "no key", "certificate of the web page cannot be used"),
        ("webhooks.nas.secret_file", "whsec_no base64!", "not base64"),
        ("llm.server_key_file", "a key\nand a second line", "key"),
    ],
)
def test_secrets_are_looked_at_as_their_parts_do_at_the_start(
    key: str, text: str, refusal: str, everything: dict[str, dict[str, Any]]
) -> None:
    settings = Settings.model_validate(everything)
    dict(secret_files(settings))[key].write_text(text)
    with pytest.raises(ConfigError, match=refusal):
        check_startable(settings)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("part", "key", "more"), [("mqtt", "ca_file", {"tls": True}), ("llm", "server_ca_file", {})], ids=["mqtt", "llm"]
)
def test_whom_a_connection_trusts_is_looked_at(
    part: str, key: str, more: dict[str, Any], everything: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    def trusting(file: Path) -> Settings:
        return Settings.model_validate({**everything, part: everything[part] | more | {key: file}})

    check_startable(trusting(tmp_path / "cert.pem"))
    (tmp_path / "none.pem").write_text("no certificate\n")
    for name in ("none.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=rf"{part}.{key}: .*{name} is not a file of certificates"):
            check_startable(trusting(tmp_path / name))
    switched_off = {"mqtt": {"host": None}, "llm": {"server": ""}}[part]
    check_startable(
        Settings.model_validate({**everything, part: {key: tmp_path / "absent.pem", **more, **switched_off}})
    )


@pytest.mark.usefixtures("found")
def test_secrets_of_what_is_switched_off_hold_nobody_up(everything: dict[str, dict[str, Any]]) -> None:
    off = {"web": {"enabled": False}, "metrics": {"port": 0}, "telemetry": {"otlp_endpoint": ""}}
    off |= {"mqtt": {"host": None}, "llm": {"server": ""}}
    settings = Settings.model_validate({**everything, **{name: everything[name] | off[name] for name in off}})
    for key, file in secret_files(settings):
        if key.partition(".")[0] in off:
            file.chmod(0o644)
    check_startable(settings)


@pytest.mark.usefixtures("found")
def test_files_of_skills_are_looked_at_and_what_was_wrong_before_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("language: en\nintents: {x: 3}\n")
    settings = load_settings(None, [f"skills.folder={tmp_path}"])
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        check_startable(settings)
    check_startable(settings, PersonaSkills(load_persona("assistant"), settings).live.complaints)


def test_models_are_looked_for_and_not_loaded(tmp_path: Path) -> None:
    settings = load_settings(None, [f"models.dir={tmp_path}"])
    with pytest.raises(ModelMissingError, match="is missing"):
        check_startable(settings)


def test_who_is_a_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not is_service()
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setattr(subject, "TERMINAL", tmp_path / "no-tty")
    assert is_service()
    terminal = tmp_path / "tty"
    terminal.touch()
    monkeypatch.setattr(subject, "TERMINAL", terminal)
    assert not is_service()


@pytest.mark.parametrize(("reloads", "goes_on"), [(True, True), (False, False)])
def test_the_next_session_goes_on_with_one_that_was_to_begin_anew(reloads: bool, goes_on: bool, tmp_path: Path) -> None:
    store = SessionStore.open(tmp_path / "sessions.db")
    recorder = store.begin("assistant")
    recorder.close(reloads=reloads)
    assert store.latest().ending == ("reload" if reloads else "done")  # type: ignore[union-attr]
    assert (unfinished(store, "assistant", 600) is not None) is goes_on
    assert unfinished(store, "store", 600) is None


def test_a_failure_is_one_whatever_was_asked(tmp_path: Path) -> None:
    store = SessionStore.open(tmp_path / "sessions.db")
    store.begin("assistant").close(failed=True, reloads=True)
    assert store.latest().ending == "failed"  # type: ignore[union-attr]
