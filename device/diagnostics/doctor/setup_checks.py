"""What its owner wrote: the configuration, the secrets, the skills, the servers.

configuration(probe).level
"""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from device.config.dirs import config_dir
from device.config.load import InvalidConfigError
from device.diagnostics.doctor.finding import Finding, failed, ok, warning, worst
from device.diagnostics.doctor.probe import Probe
from device.errors import ConfigError
from device.secret_file import read_secret

_CONNECT_S = 1.5
_SECRETS = ("key_file", "token_file", "password_file", "secret_file", "tls_key")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def configuration(probe: Probe) -> Finding:
    """Is every key right, and the persona there?"""
    means = "'nearfield run' does not start"
    try:
        settings, file, persona = probe.settings, probe.loaded.file, probe.persona
    except InvalidConfigError as error:
        first, *more = error.problems
        return failed("configuration", first, means=means, mend="correct it, then: nearfield config check", more=more)
    except ConfigError as error:
        mend = error.hint or "correct it, then: nearfield config check"
        return failed("configuration", error.message, means=means, mend=mend)
    set_here = sorted(key for key, origin in probe.loaded.origins.items() if origin != "default")
    return ok(
        "configuration",
        f"{file or 'no file, the defaults'}; persona '{persona.name}', listens: {settings.turn.listen}",
        file=str(file) if file else None,
        keys_set=set_here,
    )


def secret_files(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Path]]:
    """Every key of the settings that names a file with a secret, and the file."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        if isinstance(each, Path) and str(name).endswith(_SECRETS):
            yield ".".join((*path, str(name))), each
        else:
            yield from secret_files(each, (*path, str(name)))


def secrets(probe: Probe) -> Finding:
    """Are the files with passwords there, and for nobody else to read?"""
    found = list(secret_files(probe.settings))
    if not found:
        return ok("secrets", "none is configured")
    ailing = []
    for key, path in found:
        try:
            read_secret(path)
            user, owner = probe.unit.get("User", ""), _owner(path)
            if user and owner != user:
                ailing.append(
                    failed(
                        "secrets",
                        f"{key}: {path} is {owner}'s, and the service runs as {user}",
                        means="the service cannot read it, and does not start",
                        mend=f"sudo chown {user}: {path}",
                    )
                )
        except ConfigError as error:
            what = f"{key}: {error.message}"
            means = "what needs the secret does not start, and others may know it"
            ailing.append(failed("secrets", what, means=means, mend=error.hint))
    return worst(ailing) if ailing else ok("secrets", f"{len(found)} file(s), for their owner alone")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # a number without a name
        return str(path.stat().st_uid)


def skills(probe: Probe) -> Finding:
    """What is wrong in the owner's skills and sentences, and in those of the persona?"""
    from device.personas.skillset import load_persona_skills  # noqa: PLC0415 - hassil takes a while to import

    settings = probe.settings
    if not settings.skills.enabled:
        return ok("skills", "switched off (skills.enabled = false)")
    folder = settings.skills.folder or config_dir() / "skills.d"
    found = load_persona_skills(probe.persona, folder if folder.is_dir() else None, language=settings.stt.language)
    if found.complaints:
        first, *more = [str(complaint) for complaint in found.complaints]
        return warning(
            "skills",
            first,
            means="that skill or sentence is left out; the others work",
            mend="correct the file, then: nearfield skills check",
            more=more,
        )
    return ok("skills", f"{len(found.registry)} skills", count=len(found.registry))


def servers(probe: Probe) -> Finding:
    """Do the servers that are configured take a connection?"""
    settings = probe.settings
    wanted = [
        ("llm.server", settings.llm.server, settings.llm.fallback),
        ("stt.server", settings.stt.server, settings.stt.fallback),
        ("tts.server", settings.tts.server, settings.tts.fallback),
        *((f"mcp.servers.{name}.url", each.url, True) for name, each in settings.mcp.servers.items() if each.url),
    ]
    found = [_server(key, url, optional) for key, url, optional in wanted if url]
    if host := settings.mqtt.host:  # by itself, for it may be an address of IPv6
        port = settings.mqtt.used_port
        found.append(_knocked("mqtt.host", host, lambda: _connect(host, port), optional=True))
    if not found:
        return ok("servers", "none is configured: all is on the device")
    gravest = worst(found)
    return gravest if gravest.level != "ok" else ok("servers", ", ".join(each.what for each in found))


def _server(key: str, url: str, optional: bool) -> Finding:
    parts = urlsplit(url)

    def knock() -> None:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(_CONNECT_S)
                link.connect(parts.path)
        else:
            _connect(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))

    return _knocked(key, parts.hostname or parts.path, knock, optional=optional)


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), _CONNECT_S).close()


def _knocked(key: str, where: str, knock: Callable[[], None], *, optional: bool) -> Finding:
    try:
        knock()
    except (OSError, ValueError) as error:  # ValueError: a port beyond 65535, a name that can be none of a machine
        why = (getattr(error, "strerror", None) or str(error) or "no answer").lower()
        what = f"{key}: {where} takes no connection ({why})"
        mend = f"start it, or correct {key} in the configuration"
        if optional:
            return warning("servers", what, means="what is on the device stands in, or that part is missing", mend=mend)
        return failed("servers", what, means="nothing stands in for it: 'nearfield run' does not start", mend=mend)
    return ok("servers", f"{key} is there")
