"""Where the socket of a running assistant is.

own_path(settings.control)        # where this process opens it
likely_paths(settings.control)    # where another one may have: the first that answers is it
"""

import os
from pathlib import Path

from device.config.control import ControlSettings
from device.config.dirs import state_dir

_NAME = "control.sock"
#: RuntimeDirectory=nearfield of the unit (systemd.exec(5)); whoever asks has no variable that says so.
SERVICE_PATH = Path("/run/nearfield") / _NAME


def own_path(control: ControlSettings) -> Path:
    """As configured, else in the runtime directory that systemd made, else in the state folder."""
    if control.socket is not None:
        return control.socket
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(runtime) / _NAME if runtime.startswith("/") else state_dir() / _NAME


def likely_paths(control: ControlSettings) -> list[Path]:
    """Where to ask, in order."""
    if control.socket is not None:
        return [control.socket]
    return list(dict.fromkeys([own_path(control), state_dir() / _NAME, SERVICE_PATH]))
