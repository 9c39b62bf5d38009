"""Beginning anew: refused while something is wrong, and then nothing has changed; else the conversation goes on."""

import logging
import threading
import time
from pathlib import Path

import pytest

from device import assembly
from device.abilities import PersonaSkills
from device.config import Settings, load_settings
from device.control import reload as subject
from device.control.reload import Reload, check_startable, is_service
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
