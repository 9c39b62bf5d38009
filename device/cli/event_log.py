"""Events as they happen, one JSON object a line (docs/converse.md).

with EventLog(Path("events.jsonl")) as log: log.write(event)
"""

import json
import os
import stat
from pathlib import Path
from typing import Self

from device.dialogue.events import Event
from device.errors import NearfieldError


class EventLog:
    """Each line is flushed at once: an interrupted session leaves whole lines. A full disk is told at the end."""

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        """`keep`: what the file holds already stays, until `start_anew`. Raises NearfieldError."""
        self._path = path
        self._error: OSError | None = None
        try:
            whole = not keep or _ends_with_a_line(path)
            self._file = path.open("a" if keep else "w", encoding="utf-8", buffering=1)
            if not whole:  # whoever wrote it was killed within a line
                self._file.write("\n")
        except OSError as error:
            raise NearfieldError(
                f"cannot write the events to {path}: {error.strerror}", hint="name a file in a folder you may write to"
            ) from error

    def start_anew(self) -> None:
        """Drop what the file holds; a pipe or a terminal holds nothing. Never raises, as `write`."""
        try:
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                self._file.truncate(0)  # what is written is appended, so now at the beginning
        except OSError as error:
            self._error = self._error or error

    def write(self, event: Event) -> None:
        """Never raises: a log must not end the conversation."""
        if self._error is None:
            try:
                self._file.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")
            except OSError as error:
                self._error = error

    def close(self) -> None:
        """Raises NearfieldError when something could not be written."""
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error
        if self._error is not None:
            raise NearfieldError(f"the events in {self._path} are incomplete: {self._error.strerror}") from self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ends_with_a_line(path: Path) -> bool:
    """True for one that is not there, or empty, or no file. Raises OSError."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
