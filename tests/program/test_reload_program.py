"""`nearfield ctl reload` on a running service: the same process, the same conversation, a new configuration."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alsa_session import QUESTION, WAIT_S, Session
from manager_socket import ManagerSocket

from device.cli.main import run_command
from device.control.socket_client import connected
from device.session.store import SessionStore


@pytest.mark.models
def test_a_reload_goes_on_with_the_conversation(
    session: Session, spoken: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = spoken(QUESTION)
    config, socket = tmp_path / "nearfield.toml", tmp_path / "c.sock"
    config.write_text('persona = "mirror"\n')
    with ManagerSocket(tmp_path) as manager:
        session.environment |= {**manager.environment, "NEARFIELD_CONFIG": str(config)}
        session.start(f"control.socket={socket}")
        manager.wait_for("READY", "1")
        session.wait_for("playout_end")  # the greeting
        session.say(question)
        session.wait_for("commit")
        session.wait_for("playout_end", 2)
        assert session.program is not None

        config.write_text('persona = "mirror"\n[turn]\nend_silense_ms = 800\n')
        assert run_command(["ctl", "reload", "--socket", str(socket)]) == 1
        assert "did you mean 'end_silence_ms'?" in capsys.readouterr().err
        with connected([socket]) as link:
            before = link.ask({"do": "status"})
            assert (before["persona"], before["pid"], before["turns"]) == ("mirror", session.program.pid, 1)
            assert {"card_stats", "health", "timers", "version", "uptime_s", "outside"} <= set(before)
            config.write_text('persona = "mirror"\n[turn]\nend_silence_ms = 850\n')
            while manager.take() is not None:  # its queue is short, and full
                pass
            assert link.ask({"do": "reload"})["ok"]
        manager.wait_for("RELOADING", "1")
        manager.wait_for("READY", "1")
        with connected([socket]) as link:
            after = link.ask({"do": "status"})
        assert (after["pid"], after["session"]) == (before["pid"], before["session"] + 1)
        assert not any("STOPPING" in message for message in manager.messages), "the service goes on"

        assert session.end(signal.SIGTERM) == 0, session.told()
        manager.wait_for("STOPPING", "1")
    assert "Traceback" not in session.told()
    assert not socket.exists()
    old, new = SessionStore.existing(session.database).sessions()
    assert (old.ending, new.ending, new.continues) == ("reload", "done", old.id)


@pytest.mark.models
def test_a_reload_does_not_wait_for_a_card_that_is_busy(session: Session, tmp_path: Path) -> None:
    """It was free when it was looked at, and another program has it when it is to be started."""
    socket = tmp_path / "c.sock"
    with ManagerSocket(tmp_path) as manager:
        session.environment |= manager.environment
        session.start("persona=mirror", f"control.socket={socket}", "audio.wait_for_card_s=600")
        deadline = time.monotonic() + WAIT_S
        while not session.log.exists():  # made once the card has been looked at, before the models are loaded
            assert time.monotonic() < deadline
            time.sleep(0.002)
        session.card.set_busy()
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with connected([socket]) as link:
            before = link.ask({"do": "status"})
            assert link.ask({"do": "reload"})["ok"]
        manager.wait_for("RELOADING", "1")
        assert manager.wait_for("STATUS")["STATUS"] == "loads its models"
        session.card.set_busy(0)
        manager.wait_for("READY", "1")
        with connected([socket]) as link:
            after = link.ask({"do": "status"})
        assert (after["pid"], after["session"]) == (before["pid"], before["session"] + 1)
        assert not after["resumed"], "nothing had begun"
        assert session.end(signal.SIGTERM) == 0, session.told()
    assert "Traceback" not in session.told()
    assert [each.ending for each in SessionStore.existing(session.database).sessions()] == ["done", "done"]
