"""What keeps it running: the record, the service, the process, its ports, its errors, the newest update.

database(probe).level
"""

import fcntl
import json
import os
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from device.config.dirs import state_dir
from device.diagnostics.doctor.finding import Finding, counted, failed, not_tried, ok, warning
from device.diagnostics.doctor.listening import Port, listening, may_be_seen, taken_by, with_children
from device.diagnostics.doctor.logs import LOG_NAME, crashes, time_of
from device.diagnostics.doctor.probe import SERVICE, Probe
from device.session.database import check, connect, primary_code, reading
from device.session.owner import alive
from device.session.rows import object_of
from device.session.schema import VERSION
from device.session.store import SessionStore

RELEASES = "opt/nearfield"
_MANY_RESTARTS = 3
_RECENT = timedelta(days=1)
_HUGE_MB = 500
_LOCKED_MS = 500
_LOOKED_THROUGH = 20  #: of the newest sessions, for one that broke off


def database(probe: Probe) -> Finding:
    """Is the record sound, of this version, and can it be written?"""
    path = probe.settings.session.database
    if not path.exists():
        return ok("database", f"there is none yet at {path}: the first conversation makes it")
    check(path)  # a SessionError says it all
    connection = connect(path)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        sessions = connection.execute("SELECT count(*) FROM session").fetchone()[0]
        locked = _locked(connection)
    finally:
        connection.close()
    size_mb = sum(_size(path.with_name(path.name + suffix)) for suffix in ("", "-wal")) / 1e6
    facts: dict[str, Any] = {"version": version, "sessions": sessions, "mb": round(size_mb, 1)}
    if locked:
        return failed(
            "database",
            f"another program holds {path} locked",
            means="what is said and done cannot be written down",
            mend=f"end that program: sudo fuser -v {path}",
            **facts,
        )
    if version < VERSION:
        return warning(
            "database",
            f"format {version}; this version has {VERSION}",
            means="the next start brings it to the new format, which an older nearfield cannot read",
            mend=f"keep a copy first, if you may want to go back: cp {path} {path}.{version}",
            **facts,
        )
    if size_mb > _HUGE_MB:
        mend = "set session.keep_days or session.keep_mb; nearfield sessions --help"
        return warning("database", f"{size_mb:.0f} MB", means="it fills the disk", mend=mend, **facts)
    return ok("database", f"sound: {counted(sessions, 'session')}, {size_mb:.1f} MB", **facts)


def _locked(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(f"PRAGMA busy_timeout = {_LOCKED_MS}")  # a writer of ours is done in a few
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return True
        raise
    return False


def service(probe: Probe) -> Finding:  # noqa: PLR0911 - one return a finding
    """The unit of systemd, if it is installed."""
    values = probe.unit
    if values.get("LoadState") in (None, "", "not-found"):
        return ok("service", "not installed: it is started by hand (./install.sh --service makes one)")
    state, sub = values.get("ActiveState", ""), values.get("SubState", "")
    restarts = int(values.get("NRestarts") or 0)
    facts: dict[str, Any] = {"state": state, "sub": sub, "restarts": restarts, "result": values.get("Result")}
    why = "journalctl -u nearfield -n 50 --no-pager"
    if values.get("LoadState") == "bad-setting" or values.get("LoadState") == "error":
        mend = f"systemd-analyze verify {SERVICE}"
        return failed("service", "systemd cannot read the unit", means="it does not start", mend=mend, **facts)
    if state == "failed":
        what = f"it failed ({values.get('Result') or 'no reason'}, status {values.get('ExecMainStatus') or '?'})"
        mend = f"{why}; then: sudo systemctl restart nearfield"
        return failed("service", what, means="nobody answers until it is started again", mend=mend, **facts)
    if sub == "auto-restart" or (state == "activating" and restarts >= _MANY_RESTARTS):
        what = f"it ends and is started again, {restarts} times so far"
        return failed("service", what, means="nobody answers, or not for long", mend=why, **facts)
    if restarts >= _MANY_RESTARTS:
        means = "it is away for some seconds each time"
        return warning("service", f"active, but restarted {restarts} times", means=means, mend=why, **facts)
    if state == "inactive":
        mend = "sudo systemctl start nearfield; at every start: sudo systemctl enable nearfield"
        return warning("service", "installed, and stopped", means="nobody answers", mend=mend, **facts)
    return ok("service", f"{state} ({sub}), {restarts} restarts", **facts)


def running(probe: Probe) -> Finding:  # noqa: PLR0911 - likewise
    """Does an assistant run, and is anything wrong with it by its own account?"""
    found = probe.running
    if found.state == "none":
        wanted = getattr(getattr(probe.settings_if_valid, "control", None), "enabled", False)
        if wanted and probe.unit.get("ActiveState") == "active":
            return warning(
                "running",
                "the service is active, and its control socket is not there",
                means="it begins, it hangs, or it has another configuration than this one",
                mend="journalctl -u nearfield -n 50 --no-pager; or ask as its user: sudo -u nearfield nearfield doctor",
            )
        return ok("running", "no assistant runs now")
    if found.state == "stale":
        return warning(
            "running",
            f"{found.path} was left behind by an assistant that died",
            means="none runs now; the next one replaces it",
            mend="see why it died: nearfield doctor --only errors; then: nearfield run",
        )
    if found.state == "closed":
        return ok("running", f"one runs, and does not answer this user ({found.path}): try with sudo")
    if found.state == "silent":
        mend = f"kill {found.pid}, then: nearfield run" if found.pid else "sudo systemctl restart nearfield"
        return failed("running", "it is there and does not answer", means="it hangs", mend=mend, pid=found.pid)
    status = found.status
    outside = status.get("outside")
    trouble = {
        key: str(text) for key, text in _dict(status.get("trouble")).items() if key not in ("card", "microphone")
    }
    trouble |= {f"{name} is not open": str(why) for name, why in _dict(outside).items()}
    facts: dict[str, Any] = {
        "pid": found.pid,
        "state": status.get("state"),
        "turns": status.get("turns"),
        "failures": status.get("failures"),
    }
    what = f"process {found.pid}: {status.get('state', 'answers')}, {status.get('turns', 0)} turns"
    if trouble:
        name, why = next(iter(trouble.items()))
        return warning(
            "running",
            f"{what}; {name}: {why}",
            means="it goes on without that",
            mend="nearfield ctl status; nearfield top",
            more=[f"{key}: {text}" for key, text in list(trouble.items())[1:]],
            **facts,
        )
    return ok("running", what, **facts)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def configured_ports(settings: Any) -> dict[str, int]:
    """Key -> port of every way in over the network that is switched on."""
    wanted = {}
    for section in ("web", "metrics"):
        values = getattr(settings, section, None)
        port = getattr(values, "port", 0) if values is not None else 0
        if port and getattr(values, "enabled", True):
            wanted[f"{section}.port"] = int(port)
    return wanted


def ports(probe: Probe) -> Finding:
    """Every port that the assistant listens on; and are those that it will want free?"""
    own = set() if probe.running.pid is None else with_children(probe.root, probe.running.pid)
    open_here = listening(probe.root, own)
    hidden = probe.running.has_the_card and not may_be_seen(probe.root, probe.running.pid)
    for key, port in configured_ports(probe.settings_if_valid).items():
        taken = taken_by(probe.root, port)
        if taken is not None and taken[1] is None and hidden:  # most likely by the assistant itself
            continue
        if taken is not None and taken[1] not in own and taken[0] not in open_here:
            who = f"process {taken[1]}" if taken[1] else "another program"
            return failed(
                "ports",
                f"{key} = {port} is taken by {who}",
                means="that way in stays closed; the assistant itself runs",
                mend=f"set {key} to another port, or end that program: sudo ss -ltnp 'sport = :{port}'",
            )
    if hidden:
        return not_tried("ports", "the assistant that runs is another user's: sudo nearfield doctor --only ports")
    more = [_told(port) for port in open_here]
    if abroad := [port for port in open_here if not port.at_home]:
        return warning(
            "ports",
            f"{len(abroad)} of {len(open_here)} ports can be reached from other machines",
            means="whoever is in the network can knock; a page needs a token and TLS then",
            mend="set its host to 127.0.0.1, or see docs/security.md",
            more=more,
        )
    if probe.running.pid is None:
        return ok("ports", "no assistant runs that could listen; what it will want is free")
    return ok("ports", f"{len(open_here)} port(s), for this machine alone" if open_here else "it listens on none", more)


def _told(port: Port) -> str:
    address = f"[{port.address}]" if ":" in port.address else port.address
    return f"{port.protocol} {address}:{port.port}" + ("" if port.at_home else ", from everywhere")


def errors(probe: Probe) -> Finding:
    """What went wrong within a day: crashes in the log, failures in the record. Not a word that was said."""
    since = probe.now() - _RECENT
    crashed = [crash for crash in crashes(state_dir() / LOG_NAME) if crash.at >= since]
    stages, broken = _failures(probe, since)
    if crashed:
        last = crashed[-1]
        return warning(
            "errors",
            f"{len(crashed)} unexpected error(s) within a day, the last: {last.kind} in '{last.command}'",
            means="a mistake in the program, or a machine that fails",
            mend="report it with the archive of: nearfield doctor --bundle report.tar.gz",
            crashes=len(crashed),
        )
    if broken:
        return warning(
            "errors",
            f"{broken} conversation(s) within a day ended without a farewell",
            means="it was killed, or lost its power",
            mend="journalctl -b -1 -n 50 --no-pager; is the power supply strong enough?",
        )
    if stages:
        told = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
        return warning(
            "errors",
            f"failures within a day: {told}",
            means="answers were missing or came late",
            mend="nearfield sessions show, nearfield trace",
            stages=dict(stages),
        )
    return ok("errors", "none within a day")


def _failures(probe: Probe, since: datetime) -> tuple[Counter[str], int]:
    """Failures by stage; conversations whose process is gone and that have no end."""
    settings = probe.settings_if_valid
    stages: Counter[str] = Counter()
    broken = 0
    if settings is None or not settings.session.database.exists():
        return stages, broken
    path = settings.session.database
    store = SessionStore.existing(path)
    last_signs: dict[int, str] = {}
    with reading(path) as connection:  # not session by session: one goes on for as long as the assistant runs
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'event'").fetchall():  # an older one has none
            stamp = since.astimezone(UTC).isoformat(timespec="seconds")
            failures = connection.execute("SELECT json FROM event WHERE type = 'error' AND at >= ?", (stamp,))
            stages.update(str(object_of(content).get("stage", "?")) for (content,) in failures)
            last_signs.update(connection.execute("SELECT session, max(at) FROM event GROUP BY session"))
    for session in store.sessions()[-_LOOKED_THROUGH:]:
        if time_of(max(session.started_at, last_signs.get(session.id, ""))) < since:
            continue
        # one that is gone on with has been told of; the newest of all may be what runs now
        broken += session.ended_at is None and not alive(session.owner) and session.owner is not None
    return stages, broken


def update(probe: Probe) -> Finding:
    """Of an installation with versions side by side: which one runs, and did the last change come to its end?"""
    home = probe.root / RELEASES
    current = home / "current"
    if not current.is_symlink():
        return ok("update", "installed from a clone: git pull && ./install.sh brings a newer one")
    names = sorted(p.name for p in (home / "releases").iterdir() if p.is_dir()) if (home / "releases").is_dir() else []
    if not current.exists():
        return failed(
            "update",
            f"{current} leads nowhere",
            means="the service cannot start",
            mend="nearfield update --rollback, or: sudo ./install.sh --service",
            releases=names,
        )
    if unfinished := _unfinished(home):
        return warning(
            "update",
            f"an update was cut off ({unfinished})",
            means="the version before it runs, or the new one does without having been tried",
            mend="sudo nearfield update --resume tidies up; then begin it again",
            releases=names,
        )
    return ok("update", f"{current.resolve().name} runs; {len(names)} version(s) are kept", releases=names)


def _unfinished(home: Path) -> str:
    """What an update was at, by its journal, when nobody is at it any more; "" when it came to its end."""
    try:
        doing = json.loads((home / "update/state.json").read_text("utf-8"))["doing"]
        return f"{doing['phase']} {doing['name']}" if doing and not _held(home / "update/lock") else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _held(lock: Path) -> bool:
    """Does a process hold it now? Then the update is under way."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0
