"""What single checks make of what they see: ports in /proc, the mixer, a sweep, the servers, a running assistant."""

import json
import os
import socket
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from healthy_device import MIXER, NOW, HealthyDevice
from hypothesis import given
from hypothesis import strategies as st
from pretended_assistant import STATUS, RunningOne
from pretended_card import room_noise
from pretended_models import PretendedModels

from device.diagnostics.doctor import running, upkeep_checks
from device.diagnostics.doctor.listening import all_ports, listening, taken_by, with_children
from device.diagnostics.doctor.model_checks import wanted_models
from device.diagnostics.doctor.running import find_running
from device.diagnostics.doctor.sound_checks import _silenced, judge_microphone, judge_sweep
from models.protocols import Int16s


@pytest.fixture(autouse=True)
def nobody_else_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An assistant of the user who runs these tests is none of theirs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)


def test_ports_of_a_real_process_are_those_that_it_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as home, socket.create_server(("0.0.0.0", 0)) as abroad:
        six = socket.create_server(("::1", 0), family=socket.AF_INET6) if socket.has_ipv6 else None
        wanted = {("127.0.0.1", home.getsockname()[1], True), ("0.0.0.0", abroad.getsockname()[1], False)}
        if six is not None:
            wanted.add(("::1", six.getsockname()[1], True))
        found = {(p.address, p.port, p.at_home) for p in listening(Path("/"), {os.getpid()})}
        assert wanted <= found
        assert taken_by(Path("/"), home.getsockname()[1]) == (
            next(p for p in all_ports(Path("/")) if p.port == home.getsockname()[1]),
            os.getpid(),
        )
        if six is not None:
            six.close()


def test_where_the_system_says_nothing_nobody_listens(tmp_path: Path) -> None:
    assert all_ports(tmp_path) == []
    assert with_children(tmp_path, 7) == {7}


def test_a_family_of_processes(tmp_path: Path) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 11), (13, 1)):
        folder = tmp_path / "proc" / str(pid)
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{pid} (a) name) S {parent} 1 1")
    assert with_children(tmp_path, 10) == {10, 11, 12}


def test_a_port_that_the_page_will_want_and_another_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, HealthyDevice(tmp_path) as device:
        port = other.getsockname()[1]
        probe = device.probe()
        probe.root = Path("/")
        probe.__dict__["settings"] = SimpleNamespace(web=SimpleNamespace(enabled=True, port=port))
        found = upkeep_checks.ports(probe)
        assert (found.level, f"process {os.getpid()}" in found.what) == ("failed", True)
        assert str(port) in found.mend
        probe.__dict__["settings"] = SimpleNamespace(web=SimpleNamespace(enabled=False, port=port))
        assert upkeep_checks.ports(probe).level == "ok"


@pytest.mark.parametrize(("state", "pid"), [("closed", None), ("answers", 4242)])
def test_the_ports_of_an_assistant_that_cannot_be_looked_into_are_not_called_another_programs(
    tmp_path: Path, state: Any, pid: int | None
) -> None:
    with HealthyDevice(tmp_path) as device:
        head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        row = "   0: 0100007F:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
        device.write("proc/net/tcp", head + row)
        probe = device.probe()
        probe.__dict__["settings"] = SimpleNamespace(web=SimpleNamespace(enabled=True, port=0x223D))
        probe.__dict__["running"] = running.Running(state, Path("/run/nearfield/control.sock"), pid)
        found = upkeep_checks.ports(probe)
        assert (found.level, "another user" in found.what) == ("not tried", True)
        probe.__dict__["running"] = running.Running("none")  # then it is somebody else's
        assert upkeep_checks.ports(probe).level == "failed"


def _written(device: HealthyDevice, began: timedelta, last: timedelta, **session: str | None) -> None:
    """One session that began and in which something failed so long ago."""
    with sqlite3.connect(device.database) as connection:
        connection.execute("DELETE FROM event")
        connection.execute("UPDATE session SET started_at = ?", ((NOW - began).isoformat(timespec="milliseconds"),))
        for column, value in session.items():
            connection.execute(f"UPDATE session SET {column} = ?", (value,))
        connection.execute(
            "INSERT INTO event (session, seq, at, sample, turn, type, json) VALUES (1, 99, ?, 0, 1, 'error', ?)",
            ((NOW - last).isoformat(timespec="milliseconds"), json.dumps({"stage": "llm", "message": "gone"})),
        )
    connection.close()


def test_failures_of_today_count_in_a_session_that_began_weeks_ago(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        _written(device, timedelta(days=40), timedelta(hours=1))
        assert device.examine(only=["errors"])["errors"].what == "failures within a day: llm 1"
        _written(device, timedelta(days=40), timedelta(days=3))
        assert device.examine(only=["errors"])["errors"].level == "ok"


def test_one_that_was_killed_today_counts_however_long_it_ran(tmp_path: Path) -> None:
    killed: dict[str, str | None] = {"ended_at": None, "ending": None, "owner": "x:1:1"}
    with HealthyDevice(tmp_path) as device:
        _written(device, timedelta(days=40), timedelta(hours=1), **killed)
        assert "without a farewell" in device.examine(only=["errors"])["errors"].what
        _written(device, timedelta(days=40), timedelta(days=3), **killed)
        assert device.examine(only=["errors"])["errors"].level == "ok"


@pytest.mark.parametrize(
    "text",
    ['[mqtt]\nhost = "::1"\nport = 9\n', '[mcp.servers.home]\nurl = "http://127.0.0.1:99999/mcp"\nallow = ["x"]\n'],
)
def test_an_odd_address_is_a_server_that_takes_no_connection(tmp_path: Path, text: str) -> None:
    with HealthyDevice(tmp_path) as device:
        device.configure(text)
        found = device.examine(only=["servers"])["servers"]
    assert (found.level, "takes no connection" in found.what) == ("warning", True)


def test_side_tone_and_boost_may_be_off() -> None:
    assert _silenced(MIXER) == []


def test_one_channel_of_two_that_is_heard_is_enough() -> None:
    text = "Simple mixer control 'Master',0\n  Left: Playback 0 [0%] [on]\n  Right: Playback 50 [50%] [on]\n"
    assert _silenced(text) == []
    assert _silenced(text.replace("50 [50%]", "0 [0%]")) == [("Master", "Playback")]


@given(st.text())
def test_any_mixer_can_be_read(text: str) -> None:
    _silenced("Simple mixer control 'Master',0\n" + text)


def _room(gain: float) -> Any:
    def play(sweep: Int16s) -> tuple[Int16s, Int16s]:
        far = np.concatenate((np.zeros(3200, np.int16), sweep, np.zeros(8000, np.int16)))
        echo = np.concatenate((np.zeros(400), far[:-400])) * gain
        return far, (echo + room_noise(far.size / 16_000)).astype(np.int16)

    return play


def test_a_sweep_that_is_heard_and_one_that_is_not() -> None:
    heard, silent = judge_sweep(_room(0.25)), judge_sweep(_room(0.0))
    assert (heard.level, round(heard.facts["delay_ms"])) == ("ok", 25)
    assert (silent.level, "alsamixer" in silent.mend) == ("failed", True)


@given(st.integers(-32768, 32767), st.integers(8000, 20_000))
def test_a_constant_is_never_a_microphone(value: int, samples: int) -> None:
    found = judge_microphone(np.full(samples, value, np.int16))
    assert found is not None
    assert found.level == "failed"


@pytest.mark.parametrize("level", [3.0, 30.0, 300.0])
def test_rooms_from_silent_to_loud_are_well(level: float) -> None:
    assert judge_microphone(room_noise(1.0, level)) is None


def test_the_words_of_a_running_assistant_are_not_even_kept(tmp_path: Path) -> None:
    one = RunningOne(tmp_path / "run/nearfield/control.sock", {**STATUS, "timers": [{"name": "aunt"}]})
    found = find_running(None, tmp_path)
    one.close()
    assert (found.state, found.pid) == ("answers", os.getpid())
    assert "account" not in json.dumps(dict(found.status))
    assert "aunt" not in json.dumps(dict(found.status))


def test_the_names_of_what_rings_are_words_too(tmp_path: Path) -> None:
    one = RunningOne(tmp_path / "run/nearfield/control.sock", {**STATUS, "rings": ["the pills of my aunt"]})
    found = find_running(None, tmp_path)
    one.close()
    assert found.status["turns"] == 3
    assert "aunt" not in json.dumps(dict(found.status))


@pytest.mark.parametrize("reply", [b"no json\n", b"[]\n", b"", b"{" * 100_000 + b"\n"])
def test_an_answer_that_makes_no_sense_is_none(tmp_path: Path, reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_ANSWER_S", 0.3)
    path = tmp_path / "run/nearfield/control.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            link, _ = server.accept()
            with link:
                link.recv(100)
                link.sendall(reply)

        threading.Thread(target=answer, daemon=True).start()
        assert find_running(None, tmp_path).state == "silent"


def test_what_is_refused_is_told_as_closed(tmp_path: Path) -> None:
    one = RunningOne(tmp_path / "run/nearfield/control.sock", {"ok": False, "error": "not yours"})
    assert find_running(None, tmp_path).state == "closed"
    one.close()


def test_while_an_assistant_runs_the_card_is_left_alone(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.run_assistant(STATUS)
        device.occupy()
        found = device.examine()
    assert {n: f.what for n, f in found.items() if f.level in ("warning", "failed")} == {}
    assert "in use" in found["card"].what
    assert "412 ms" in found["turn"].what  # of its own turns


def test_its_own_turns_are_told_instead_of_a_test_turn(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.run_assistant(STATUS, stages=[{"stage": "ttfa", "count": 9, "p95_ms": 1900.0}])
        found = device.examine(only=["turn"])
    assert (found["turn"].level, "1900 ms" in found["turn"].what) == ("warning", True)


def test_lost_samples_of_a_running_assistant_are_a_warning(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.run_assistant(STATUS, card_stats={"capture_overflows": 4})
        assert device.examine(only=["card"])["card"].level == "warning"


def test_lost_samples_are_told_as_time_and_not_counted_as_times(tmp_path: Path) -> None:
    stats = {"capture_lost_samples": 16_000, "capture_overflows": 1, "playback_underflows": 2}
    with HealthyDevice(tmp_path) as device:
        device.run_assistant(STATUS, card_stats=stats)
        what = device.examine(only=["card"])["card"].what
    assert "16000" not in what
    assert "1000 ms of the microphone" in what
    assert "3 over- and underflows" in what


def test_a_sentence_that_is_not_understood(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path, models=PretendedModels()) as device:
        device.models.understood = "The cat sat on the mat."
        found = device.examine(only=["models", "speech", "turn"])
    assert (found["speech"].level, found["turn"].level) == ("failed", "not tried")


def test_a_test_turn_without_an_answer(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.models.ttfa_ms = ()
        assert device.examine(only=["turn"])["turn"].level == "failed"


def test_one_slow_answer_of_two_is_within_the_budget_of_95_in_100(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.models.ttfa_ms = (300.0, 800.0)
        assert device.examine(only=["turn"])["turn"].level == "ok"
        device.models.ttfa_ms = (700.0, 800.0)
        assert device.examine(only=["turn"])["turn"].level == "warning"


def test_models_that_a_server_stands_for_are_not_asked_for(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.configure('[llm]\nserver = "http://localhost:1"\nfallback = false\n[turn]\nmodel = "none"\n')
        probe = device.probe()
        assert {key for key, _, _ in wanted_models(probe.settings, probe.persona)} == {
            "vad.model",
            "stt.model",
            "tts.voice",
        }


def test_only_with_listen_anything_is_played(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        assert "nothing was played" in device.examine(only=["loudspeaker"])["loudspeaker"].what
        device.listen = True
        assert device.examine(only=["loudspeaker"])["loudspeaker"].level == "failed"  # no echo in that room
        device.sound.echo = np.concatenate((np.zeros(320), [0.5]))
        assert device.examine(only=["loudspeaker"])["loudspeaker"].level == "ok"


def unit(**properties: str) -> str:
    return "".join(f"{name}={value}\n" for name, value in {"LoadState": "loaded", **properties}.items())


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"ActiveState": "active", "SubState": "running", "NRestarts": "0"}, "ok"),
        ({"ActiveState": "active", "SubState": "running", "NRestarts": "5"}, "warning"),
        ({"ActiveState": "inactive", "SubState": "dead"}, "warning"),
        ({"ActiveState": "activating", "SubState": "start"}, "ok"),
        ({"LoadState": "bad-setting"}, "failed"),
    ],
)
def test_states_of_the_service(tmp_path: Path, properties: dict[str, str], level: str) -> None:
    with HealthyDevice(tmp_path) as device:
        device.commands["systemctl"] = unit(**properties)
        assert device.examine(only=["service"])["service"].level == level


def test_a_service_that_is_active_should_answer(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.commands["systemctl"] = unit(ActiveState="active", SubState="running")
        probe = device.probe()
        for enabled, level in ((True, "warning"), (False, "ok")):
            probe.__dict__["settings"] = SimpleNamespace(control=SimpleNamespace(enabled=enabled, socket=None))
            assert upkeep_checks.running(probe).level == level


def test_without_systemd_there_is_no_service(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.commands["systemctl"] = None
        assert device.examine(only=["service"])["service"].level == "ok"


def test_a_contraction_is_understood_as_well(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.models.understood = "The capital of France's Paris."
        assert device.examine(only=["speech"])["speech"].facts["share"] > 0.8
