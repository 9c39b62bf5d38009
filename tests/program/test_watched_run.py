"""`nearfield run` as systemd starts it: told when it listens, watched while it does, ended in order."""

import signal
from pathlib import Path

import pytest
from alsa_session import Session
from manager_socket import ManagerSocket
from virtual_card.alsa_card import Loss


@pytest.mark.models
def test_ready_when_it_listens_alive_while_a_card_is_away_and_ended_in_order(session: Session, tmp_path: Path) -> None:
    with ManagerSocket(tmp_path) as manager:
        session.environment |= {**manager.environment, "WATCHDOG_USEC": "2000000"}
        session.start("audio.wait_for_card_s=5", "persona=mirror")  # which needs no language model
        assert manager.wait_for("STATUS")["STATUS"] == "loads its models"
        assert int(manager.wait_for("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) == 65_000_000
        ready = manager.wait_for("READY", "1")
        assert ready["STATUS"].endswith(", 0 turns")
        assert ready["WATCHDOG_USEC"] == "2000000"
        assert session.events("state"), "it heard before it said so"
        manager.wait_for("WATCHDOG", "1")
        session.card.unplug(Loss.DISCONNECTED)
        session.wait_for("card_lost")
        assert "trouble with card" in manager.wait_for("STATUS")["STATUS"]
        for _ in range(3):
            assert manager.wait_for("WATCHDOG")["WATCHDOG"] == "1"
        session.card.plug()
        session.wait_for("card_back")
        assert session.end(signal.SIGTERM) == 0, session.told()
        manager.wait_for("STOPPING", "1")
