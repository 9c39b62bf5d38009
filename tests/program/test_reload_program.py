"""`nearfield ctl reload` on a running program: the same process, the same conversation, a new configuration."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alsa_session import QUESTION, Session
from event_file import WAIT_S
from nearfield_command import Done

from device.control.socket_client import NotRunningError, connected


@pytest.mark.models
def test_a_reload_goes_on_with_the_conversation(
    session: Session, spoken: Callable[[str], Path], nearfield: Callable[..., Done], tmp_path: Path
) -> None:
    question = spoken(QUESTION)
    config, socket = tmp_path / "nearfield.toml", tmp_path / "c.sock"
    config.write_text('persona = "mirror"\n')
    session.environment |= {"NEARFIELD_CONFIG": str(config), "XDG_STATE_HOME": str(tmp_path / "state")}
    session.start(f"control.socket={socket}")
    session.wait_for("state")
    session.say(question)
    session.wait_for("playout_end")
    assert session.program is not None

    with connected([socket]) as link:
        before = link.ask({"do": "status"})
    assert (before["persona"], before["pid"], before["turns"]) == ("mirror", session.program.pid, 1)
    assert {"card_stats", "health", "timers", "version", "uptime_s", "outside"} <= set(before)

    def ctl(*args: str) -> Done:
        return nearfield("ctl", *args, "--socket", socket)

    config.write_text('persona = "mirror"\n[turn]\nend_silense_ms = 800\n')
    refused = ctl("reload")
    assert refused.status == 1
    assert "did you mean 'end_silence_ms'?" in refused.one_line()
    assert ctl("status", "--json").json()["session"] == before["session"], "nothing has changed"

    config.write_text('persona = "mirror"\n[turn]\nend_silence_ms = 850\n')
    done = ctl("reload")
    assert (done.status, done.out) == (0, "It begins anew.\n")
    after = before
    deadline = time.monotonic() + WAIT_S
    while after["session"] == before["session"]:
        assert time.monotonic() < deadline
        assert session.program.poll() is None, session.told()
        time.sleep(0.05)
        # in between nobody listens
        with contextlib.suppress(NotRunningError), connected([socket]) as link:
            after = link.ask({"do": "status"})
    assert after["pid"] == before["pid"]
    assert after["session"] == before["session"] + 1

    assert session.end(signal.SIGTERM) == 0, session.told()
    assert session.told() == ""
    assert not socket.exists()
    listed = nearfield("sessions", "list", "--json", "--set", f"session.database={session.database}").json()
    assert [(each["ending"], each["continues"]) for each in listed["sessions"]] == [
        ("reload", None),
        ("done", before["session"]),
    ]
