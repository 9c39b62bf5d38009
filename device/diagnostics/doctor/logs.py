"""The program's own log, without what may have been said.

    for crash in crashes(state_dir() / "nearfield.log"): print(crash.at, crash.kind)
    as_text(crashes(path))

`device.cli.boundary` writes it: a line with time and command, then the traceback. Messages of errors and arguments of
commands can hold words that somebody said; times, commands, files, lines and kinds of errors cannot.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LOG_NAME = "nearfield.log"
_MOST_BYTES = 256_000
_HEAD = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (\S+)(?: (\S+))?")
_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+), in (\S+)')
_KIND = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning))\b")
_COMMAND = re.compile(r"[a-z][a-z-]{1,20}")


@dataclass(frozen=True, slots=True)
class Crash:
    """An error that nobody foresaw."""

    at: datetime
    command: str  #: "run"
    kind: str  #: "ValueError"
    frames: tuple[str, ...]  #: "loop.py:120 in _listen", outermost first


def tail(path: Path) -> str:
    """The end of a file; "" where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _MOST_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def crashes(path: Path) -> list[Crash]:
    """Oldest first; of the end of the file. Raises nothing."""
    found: list[Crash] = []
    for line in tail(path).splitlines():
        if head := _HEAD.match(line):
            command = head[3] if head[3] and _COMMAND.fullmatch(head[3]) else ""
            found.append(Crash(time_of(head[1]), command or "nearfield", "error", ()))
        elif found and (frame := _FRAME.match(line)):
            last = found[-1]
            at = f"{Path(frame[1]).name}:{frame[2]} in {frame[3]}"
            found[-1] = Crash(last.at, last.command, last.kind, (*last.frames, at))
        elif found and (kind := _KIND.match(line)):
            last = found[-1]
            found[-1] = Crash(last.at, last.command, kind[1].rpartition(".")[2], last.frames)
    return found


def as_text(found: list[Crash]) -> str:
    """For a support archive."""
    return "".join(
        f"{crash.at.isoformat(timespec='seconds')} {crash.command}: {crash.kind}\n"
        + "".join(f"    {frame}\n" for frame in crash.frames)
        for crash in found
    )


def time_of(text: str) -> datetime:
    """A stamp of ours; what is none counts as long ago."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
