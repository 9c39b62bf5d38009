"""The support archive: what somebody needs who looks for the cause, and nothing that was said.

write_bundle(Path("report.tar.gz"), probe, findings_json, text)

No sound, ever. No transcripts, answers or names of what was asked, unless `with_transcripts`. No secrets: the
configuration is written from its keys with what is secret taken out, and everything goes through `scrub`. The files:
docs/doctor.md.
"""

import contextlib
import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from device.config.dirs import state_dir
from device.config.schema import Settings
from device.diagnostics.doctor.logs import LOG_NAME, as_text, crashes
from device.diagnostics.doctor.probe import Probe
from device.diagnostics.doctor.scrub import Scrub, quoted_cut
from device.diagnostics.doctor.setup_checks import secret_files
from device.errors import NearfieldError
from device.session.store import SessionStore
from device.telemetry.marks import marks_from_json
from device.version import software_version

_TURNS, _SESSIONS, _JOURNAL_LINES, _DMESG_LINES = 100, 20, 500, 400
FOLDER = "nearfield-doctor"


def write_bundle(
    path: Path, probe: Probe, findings: Mapping[str, Any], text: str, *, with_transcripts: bool = False
) -> list[str]:
    """Makes the archive, readable by its owner alone; returns the names of its files. Raises NearfieldError."""
    scrub = _scrub(probe, with_transcripts=with_transcripts)
    parts: dict[str, Callable[[], str]] = {
        "README.txt": lambda: _readme(with_transcripts=with_transcripts),
        "doctor.json": lambda: _json(scrub.value(findings)),
        "doctor.txt": lambda: scrub.text(text),
        "config.json": lambda: _json(_config(probe, scrub)),
        "versions.txt": _versions,
        "cards.json": lambda: scrub.text(_cards(probe)),
        "alsa.txt": lambda: scrub.text(_alsa(probe)),
        "dmesg.txt": lambda: scrub.text(_command(probe, ("dmesg", "--ctime"), _DMESG_LINES)),
        "journal.txt": lambda: scrub.text(_journal(probe)),
        "log.txt": lambda: as_text(crashes(state_dir() / LOG_NAME)),
        "traces.json": lambda: _json(_traces(probe)),
        "status.json": lambda: _json(scrub.value(dict(probe.running.status))),
    }
    if with_transcripts:
        parts["transcripts.json"] = lambda: _json(_transcripts(probe))
    made = {name: _made(part) for name, part in parts.items()}
    _write(path, made)
    return list(made)


def _made(part: Callable[[], str]) -> str:
    """One part that cannot be made must not cost the others."""
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - an archive is wanted most where most is broken
        return f"this could not be read: {type(error).__name__}\n"


def _write(path: Path, parts: Mapping[str, str]) -> None:
    if not path.name:
        raise NearfieldError(f"the archive {path} cannot be written: it is a folder", hint="name a file: report.tar.gz")
    now = time.time()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in parts.items():
                raw = text.encode("utf-8", "replace")
                entry = tarfile.TarInfo(f"{FOLDER}/{name}")
                entry.size, entry.mtime, entry.mode = len(raw), int(now), 0o600
                archive.addfile(entry, io.BytesIO(raw))
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise NearfieldError(
            f"the archive {path} cannot be written: {(error.strerror or str(error)).lower()}",
            hint="name a file in a folder that you may write to",
        ) from error


def _scrub(probe: Probe, *, with_transcripts: bool) -> Scrub:
    settings = probe.settings_if_valid
    secrets = [os.environ.get("NEARFIELD_LLM_KEY", "")]
    sentences: list[str] = []
    if settings is not None:
        for _key, file in secret_files(settings):
            with contextlib.suppress(OSError):
                if file.is_file():
                    secrets += file.read_text("utf-8", "replace")[:8192].split()
        secrets += [value for server in settings.mcp.servers.values() for value in server.env.values()]
        if not with_transcripts:
            with contextlib.suppress(NearfieldError, OSError):  # OSError: the folder is another user's
                sentences = _said(settings)
    return Scrub(secrets, sentences)


def _said(settings: Settings) -> list[str]:
    """What the record has of the newest sessions."""
    if not settings.session.database.exists():
        return []
    store = SessionStore.existing(settings.session.database)
    found: list[str] = []
    for session in store.sessions()[-_SESSIONS:]:
        for turn in store.turns(session.id):
            found.append(turn.committed.user_text)
            if turn.finished is not None:
                found += [turn.finished.reply_generated, turn.finished.reply_heard]
    return found


def _config(probe: Probe, scrub: Scrub) -> Any:
    loaded = probe.loaded
    return {
        "file": str(loaded.file) if loaded.file else None,
        "settings": scrub.value(loaded.settings.model_dump(mode="json")),
        "set_by": {key: scrub.text(_origin(o)) for key, o in loaded.origins.items() if o != "default"},
    }


def _origin(origin: str) -> str:
    """A flag is named without its value, which may be a secret."""
    return origin.partition("=")[0]


def _versions() -> str:
    own = f"nearfield {software_version()}\nPython {platform.python_version()}\n{platform.platform()}\n\n"
    names = {(d.metadata["Name"] or "?", d.version) for d in metadata.distributions()}
    return own + "".join(f"{name}=={version}\n" for name, version in sorted(names, key=lambda n: n[0].lower()))


def _cards(probe: Probe) -> str:
    return _json([asdict(device) for device in probe.sound.devices()])


def _alsa(probe: Probe) -> str:
    files = ("proc/asound/cards", "proc/asound/devices", "proc/asound/pcm", "etc/asound.conf")
    return "".join(f"== /{name}\n{probe.text(name) or '(not there)'}\n" for name in files)


def _command(probe: Probe, command: tuple[str, ...], lines: int) -> str:
    ran = probe.run(command)
    if ran is None or ran.status:
        return f"'{' '.join(command)}' cannot be run here, or not by this user\n"
    return "\n".join(ran.out.splitlines()[-lines:]) + "\n"


def _journal(probe: Probe) -> str:
    """Of the service: lines of the program's own log alone; what 'nearfield run' prints has captions in it."""
    command = ("journalctl", "-u", "nearfield", "-n", "5000", "--no-pager", "-o", "short-iso")
    lines = _command(probe, command, 5000).splitlines()
    own = [line for line in lines if "nearfield: " in line or "systemd[" in line]
    return "\n".join(quoted_cut(own)[-_JOURNAL_LINES:]) + "\n"


def _traces(probe: Probe) -> Any:
    """When what happened in the newest turns; marks have no words (device.telemetry.marks)."""
    database = probe.settings.session.database
    if not database.exists():
        return []
    traces = SessionStore.existing(database).traces(last=_TURNS)
    return [{"session": t.session_id, "turn": t.number, "marks": _marks(t.marks)} for t in traces]


def _marks(text: str) -> list[dict[str, Any]]:
    try:
        return [asdict(mark) for mark in marks_from_json(text)]
    except ValueError:  # of a newer version, or damaged
        return []


def _transcripts(probe: Probe) -> Any:
    store = SessionStore.existing(probe.settings.session.database)
    return [
        {
            "session": session.id,
            "started_at": session.started_at,
            "turn": turn.committed.number,
            "said": turn.committed.user_text,
            "heard": turn.finished.reply_heard if turn.finished else None,
        }
        for session in store.sessions()[-_SESSIONS:]
        for turn in store.turns(session.id)
    ]


def _readme(*, with_transcripts: bool) -> str:
    words = "with what was said and answered (transcripts.json)" if with_transcripts else "without a word that was said"
    return (
        f"A support archive of nearfield {software_version()}, {words}; without sound and without secrets.\n"
        "What each file is: docs/doctor.md. Look through it before you pass it on.\n"
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
