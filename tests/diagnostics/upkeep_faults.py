"""Faults of what goes on for long: record, service, the assistant that runs, crashes, updates.

for fault in UPKEEP_FAULTS: fault.plant(device)
"""

import json
import os
import socket
import sqlite3
from collections.abc import Callable

from device_fault import Fault
from healthy_device import NOW, HealthyDevice
from pretended_assistant import STATUS

from device.session.database import connect
from device.session.schema import migrate
from device.session.store import SessionStore


def _old_record(device: HealthyDevice) -> None:
    for path in device.state_home.glob("sessions.db*"):
        path.unlink()
    connection = connect(device.database)
    migrate(connection, to=2)
    connection.close()


def _newer_record(device: HealthyDevice) -> None:
    connection = connect(device.database)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def _corrupt_record(device: HealthyDevice) -> None:
    with sqlite3.connect(device.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = device.database.stat().st_size
    with device.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xde\xad\xbe\xef" * ((size - 4096) // 4))


def _locked_record(device: HealthyDevice) -> None:
    connection = sqlite3.connect(device.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    device._open.callback(connection.close)


def _stale_socket(device: HealthyDevice) -> None:
    path = device.root / "run/nearfield/control.sock"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def _open_port(device: HealthyDevice) -> None:
    """The assistant (this very process) listens on every address."""
    device.run_assistant(STATUS)
    device.process(os.getpid(), "nearfield", "socket:[4711]")
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 00000000:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
    device.write("proc/net/tcp", head + row)


def _crash(device: HealthyDevice) -> None:
    at = NOW.isoformat(timespec="seconds")
    trace = 'Traceback (most recent call last):\n  File "/opt/x/loop.py", line 7, in run\nValueError: my dear aunt\n'
    (device.state_home / "nearfield.log").write_text(f"{at} nearfield run\n{trace}", "utf-8")


def _failures(device: HealthyDevice) -> None:
    store = SessionStore.open(device.database)
    with store.begin("assistant"):
        pass
    with sqlite3.connect(device.database) as connection:
        connection.execute("UPDATE session SET started_at = ?", (NOW.isoformat(),))
        connection.execute(
            "INSERT INTO event (session, seq, at, sample, turn, type, json) VALUES (1, 99, ?, 0, 1, 'error', ?)",
            (NOW.isoformat(), json.dumps({"stage": "llm", "message": "gone"})),
        )
    connection.close()


def _killed(device: HealthyDevice) -> None:
    with sqlite3.connect(device.database) as connection:
        connection.execute(
            "UPDATE session SET started_at = ?, ended_at = NULL, ending = NULL, owner = 'x:1:1'", (NOW.isoformat(),)
        )
    connection.close()


def _no_current(device: HealthyDevice) -> None:
    releases = device.root / "opt/nearfield/releases"
    (releases / "0.1.0-abc").mkdir(parents=True)
    (device.root / "opt/nearfield/current").symlink_to("releases/0.2.0-def")


def _update_cut_off(device: HealthyDevice) -> None:
    (device.root / "opt/nearfield/releases/0.1.0-abc").mkdir(parents=True)
    (device.root / "opt/nearfield/current").symlink_to("releases/0.1.0-abc")
    doing = {"phase": "trying", "name": "0.2.0-def", "back": "0.1.0-abc"}
    device.write("opt/nearfield/update/state.json", json.dumps({"previous": None, "doing": doing}))
    device.write("opt/nearfield/update/lock", "")


def _unit(changes: str) -> Callable[[HealthyDevice], None]:
    def plant(device: HealthyDevice) -> None:
        device.commands["systemctl"] = f"LoadState=loaded\nNRestarts=0\n{changes}"  # of two lines the last counts

    return plant


UPKEEP_FAULTS = (
    Fault("damaged record", _corrupt_record, "database", "failed", "sets it aside", "damaged"),
    Fault("record of an older version", _old_record, "database", "warning", "cp ", "format 2"),
    Fault("record of a newer version", _newer_record, "database", "failed", "update nearfield"),
    Fault("locked record", _locked_record, "database", "failed", "fuser"),
    Fault("service failed", _unit("ActiveState=failed\nSubState=failed\nResult=exit-code\n"), "service", "failed",
          "journalctl"),
    Fault("service begins again and again", _unit("ActiveState=activating\nSubState=auto-restart\nNRestarts=17\n"),
          "service", "failed", "journalctl", "17 times"),
    Fault("stale socket", _stale_socket, "running", "warning", "nearfield run", "left behind"),
    Fault("assistant that hangs", lambda d: d.run_assistant(None), "running", "failed", "kill"),
    Fault(
        "port of the page is taken",
        lambda d: d.run_assistant(STATUS, outside={"the page": "port 8765 is taken"}), "running", "warning",
        "ctl status", "8765",
    ),
    Fault("deaf while it runs", lambda d: d.run_assistant(STATUS, trouble={"microphone": "nothing but zeros"}),
          "microphone", "failed", "nearfield meter"),
    Fault("port open to everybody", _open_port, "ports", "warning", "127.0.0.1"),
    Fault("crash in the log", _crash, "errors", "warning", "--bundle", "ValueError in 'run'"),
    Fault("failures in the record", _failures, "errors", "warning", "nearfield trace", "llm 1"),
    Fault("killed", _killed, "errors", "warning", "journalctl", "without a farewell"),
    Fault("update that was cut off", _update_cut_off, "update", "warning", "update --resume", "trying 0.2.0-def"),
    Fault("update that leads nowhere", _no_current, "update", "failed", "--rollback"),
)  # fmt: skip
