"""Faults of what its owner has set up: configuration, secrets, skills, servers.

for fault in SETUP_FAULTS: fault.plant(device)
"""

import socket

from device_fault import Fault
from healthy_device import HealthyDevice


def _open_secret(device: HealthyDevice) -> None:
    path = device.folder / "mqtt-password"
    path.write_text("hunter2-hunter2\n", "utf-8")
    path.chmod(0o644)
    # a broker of our own, so that only the file is wrong
    broker = socket.create_server(("127.0.0.1", 0))
    device._open.callback(broker.close)
    device.configure(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.getsockname()[1]}\nusername = "n"\npassword_file = "{path}"\n'
    )


def _foreign_secret(device: HealthyDevice) -> None:
    _open_secret(device)
    (device.folder / "mqtt-password").chmod(0o600)
    device.commands["systemctl"] = "LoadState=loaded\nActiveState=activating\nUser=nearfield-of-tests\n"


def _missing_secret(device: HealthyDevice) -> None:
    device.configure(f'[llm]\nserver_key_file = "{device.folder}/key"\n')


def _broken_skill(device: HealthyDevice) -> None:
    folder = device.config_home / "nearfield/skills.d"
    folder.mkdir(parents=True)
    (folder / "coffee.py").write_text("from device.skills.registry import skill\n\ndef brew(:\n", "utf-8")


SETUP_FAULTS = (
    Fault("unknown key", lambda d: d.configure("[turn]\nend_silence = 800\n"), "configuration", "failed",
          "config check", "end_silence_ms"),
    Fault("value out of range", lambda d: d.configure("[llm]\ntemperature = 7\n"), "configuration", "failed",
          "config check", "llm.temperature"),
    Fault("missing persona", lambda d: d.configure('persona = "stor"\n'), "configuration", "failed", "store", "stor"),
    Fault("secret that all may read", _open_secret, "secrets", "failed", "chmod 600"),
    Fault("secret that is not there", _missing_secret, "secrets", "failed", "chmod 600"),
    Fault("secret that the service may not read", _foreign_secret, "secrets", "failed", "sudo chown"),
    Fault("broken skill file", _broken_skill, "skills", "warning", "skills check", "coffee.py"),
    Fault("server that is away", lambda d: d.configure('[llm]\nserver = "http://127.0.0.1:9"\n'), "servers", "warning",
          "llm.server"),
)  # fmt: skip
