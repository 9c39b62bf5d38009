"""A system bus of its own with something on it that behaves as rtkit does.

with FakeRtkit(tmp_path) as rtkit: ...      # rtkit.address for DBUS_SYSTEM_BUS_ADDRESS, rtkit.asked afterwards
"""

import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Self

from jeepney import DBusAddress, MessageType, message_bus, new_error, new_method_call, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

NAME = "org.freedesktop.RealtimeKit1"
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
</policy></busconfig>"""


class FakeRtkit:
    """Grants SCHED_RR where this process may, refuses what rtkit refuses; `on_bus` False: a bus without it."""

    def __init__(self, folder: Path, *, priority: int = 20, rttime_us: int = 200_000, on_bus: bool = True) -> None:
        self.properties = {"MaxRealtimePriority": ("i", priority), "RTTimeUSecMax": ("x", rttime_us)}
        self.asked: list[tuple[int, int]] = []  #: (thread, priority) of what was granted
        self.address = f"unix:path={folder / 'bus'}"
        self._config = folder / "bus.conf"
        self._config.write_text(_CONFIG.format(socket=folder / "bus"))
        self._on_bus = on_bus
        self.applied = False  #: a thread really runs at real-time priority

    def __enter__(self) -> Self:
        command = ["dbus-daemon", f"--config-file={self._config}", "--nofork", "--print-address"]
        self._daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline(), "dbus-daemon did not start"
        try:
            self._appear()
        except BaseException:
            self._daemon.terminate()
            raise
        return self

    def _appear(self) -> None:
        if self._on_bus:
            self._bus = open_dbus_connection(self.address)
            unwrap_msg(self._bus.send_and_get_reply(message_bus.RequestName(NAME), timeout=10))
            self._thread = threading.Thread(target=self._serve, args=(self._bus,), daemon=True)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._daemon.terminate()  # which ends the connection, and with it the thread
        self._daemon.wait(10)
        if self._on_bus:
            self._thread.join(10)
            self._bus.close()

    def _serve(self, bus: DBusConnection) -> None:
        while True:
            try:
                message = bus.receive()
            except ConnectionError:
                return
            if message.header.message_type is not MessageType.method_call:
                continue
            fields = {field.name: value for field, value in message.header.fields.items()}
            if fields["member"] == "Get":
                bus.send(new_method_return(message, "v", (self.properties[message.body[1]],)))
                continue
            thread, priority = message.body
            caller = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
            process = _process_of(bus, caller, fields["sender"])
            why_not = self._refusal(process, priority)
            if why_not:
                bus.send(new_error(message, "org.freedesktop.DBus.Error.AccessDenied", "s", (why_not,)))
                continue
            self._grant(thread, priority)
            bus.send(new_method_return(message))

    def _refusal(self, process: int, priority: int) -> str:
        limits = Path(f"/proc/{process}/limits").read_text()
        found = re.search(r"Max realtime timeout +(\S+) +(\S+)", limits)
        assert found is not None
        if any(each == "unlimited" or int(each) > self.properties["RTTimeUSecMax"][1] for each in found.groups()):
            return "RLIMIT_RTTIME is not set, or too high"
        return "priority too high" if priority > self.properties["MaxRealtimePriority"][1] else ""

    def _grant(self, thread: int, priority: int) -> None:
        self.asked.append((thread, priority))
        try:
            os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
            self.applied = True
        except PermissionError:
            pass


def _process_of(bus: DBusConnection, address: DBusAddress, sender: str) -> int:
    call = new_method_call(address, "GetConnectionUnixProcessID", "s", (sender,))
    return int(unwrap_msg(bus.send_and_get_reply(call, timeout=10))[0])
