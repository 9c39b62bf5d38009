"""Begins anew with the configuration as it is now, in the same process; refused while something in it is wrong.

    anew = Reload(lambda: check(load_settings(file, flags)), end=appliance.begin_anew)
    anew()                       # raises NearfieldError, and nothing has changed; else it ends, and...
    if appliance.begins_anew: exec_again()

What was loaded is never patched: a program that begins again is in the same state as one that has just begun, and the
record of the session lets it go on with the conversation (session.continue_within_s).
"""

import fcntl
import logging
import os
import ssl
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from device.config import Settings
from device.control.webhook_messages import key_of
from device.errors import ConfigError, NearfieldError
from device.persona import load_persona, settings_for
from device.secret_file import read_secret
from device.skills.complaints import Complaint
from models.errors import ModelError

_log = logging.getLogger(__name__)

TERMINAL = Path("/dev/tty")  #: opens for a process with a controlling terminal (tty(4))


class Reload:
    """Any thread; one at a time."""

    def __init__(
        self, check: Callable[[], None], end: Callable[[], None], *, begins: Callable[[], None] = lambda: None
    ) -> None:
        """`check` raises NearfieldError or ModelError, `end` ends the session soon. `begins`: before that, to tell a
        supervisor."""
        self._check = check
        self._end = end
        self._begins = begins
        self._busy = threading.Lock()

    def __call__(self) -> None:
        """Raises NearfieldError: nothing has changed."""
        if not self._busy.acquire(blocking=False):
            raise NearfieldError("it is looking at the configuration already", hint="wait for it")
        try:
            try:
                self._check()
            except ModelError as error:
                raise NearfieldError(error.message, hint=error.hint) from error
            self._begins()
            self._end()
        finally:
            self._busy.release()

    def in_background(self) -> None:
        """For a signal: returns at once; why it is refused is logged."""
        threading.Thread(target=self._logged, name="nearfield-reload", daemon=True).start()

    def _logged(self) -> None:
        try:
            self()
        except NearfieldError as error:
            _log.warning("it does not begin anew: %s%s", error.message, f" ({error.hint})" if error.hint else "")
        except Exception:  # noqa: BLE001 - it runs on as it is
            _log.exception("it does not begin anew")


def check_startable(settings: Settings, known: Collection[Complaint] = ()) -> None:
    """Could an assistant begin with these? Its persona, skills, models, secrets and authorities are looked for, none
    is loaded.

    `known`: complaints about files of skills that the running one has as well. Raises NearfieldError, ModelError.
    """
    from device.abilities import PersonaSkills  # noqa: PLC0415 - both bring a lot that the caller has anyway
    from device.assembly import find_models  # noqa: PLC0415

    persona = load_persona(settings.persona)
    settings = settings_for(persona, settings)
    find_models(settings, persona)
    _check_secrets(settings)
    _check_authorities(settings)
    for complaint in PersonaSkills(persona, settings).live.complaints:
        if complaint not in known:
            raise ConfigError(
                str(complaint), hint="mend the file, or take it away; 'nearfield skills check' looks again"
            )


def _check_secrets(settings: Settings) -> None:
    """As those who need them do it at their start: a way in that cannot be opened then is only logged, and gone."""
    from device.servers import api_key  # noqa: PLC0415 - as above

    for hook in settings.webhooks.values():
        if hook.secret_file is not None:
            key_of(read_secret(hook.secret_file))
    if settings.web.enabled:
        from device.kiosk.server import check_secrets  # noqa: PLC0415 - a web server, for those who use it

        check_secrets(settings.web)
    if settings.llm.server:
        api_key(settings.llm.server_key_file)
    bare = [server.token_file for server in settings.mcp.servers.values()]
    bare += [settings.metrics.token_file if settings.metrics.port else None]
    bare += [settings.telemetry.otlp_token_file if settings.telemetry.otlp_endpoint else None]
    bare += [settings.mqtt.password_file if settings.mqtt.host else None]
    for path in bare:
        if path is not None:
            read_secret(path)


def _check_authorities(settings: Settings) -> None:
    """Whose certificates are believed. Raises ConfigError: the file is none."""
    mqtt, llm = settings.mqtt, settings.llm
    files = {
        "mqtt.ca_file": mqtt.ca_file if mqtt.host else None,
        "llm.server_ca_file": llm.server_ca_file if llm.server else None,
    }
    for key, path in files.items():
        try:
            if path is not None:
                ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{key}: {path} is not a file of certificates", hint="it is to be a PEM file") from error


def exec_again() -> None:
    """This process becomes a new one with the same number and the same arguments. Does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - numbers, not paths
        if number > 2:  # a library may have opened it without O_CLOEXEC
            _close_on_exec(number)
    # sys.orig_argv: with -m and -X, as Python itself was called
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _close_on_exec(number: int) -> None:
    try:
        fcntl.fcntl(number, fcntl.F_SETFD, fcntl.fcntl(number, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    except OSError:  # the one by which the folder was read
        return


def is_service() -> bool:
    """Is a supervisor there that is told of the state (sd_notify(3)), and no terminal that could hang up?"""
    if not os.environ.get("NOTIFY_SOCKET"):
        return False
    try:
        with TERMINAL.open("rb"):
            return False
    except OSError:
        return True
