"""Events as they happen, one JSON object a line (docs/converse.md).

with EventLog(Path("events.jsonl")) as log: log.write(event)
"""

import json
from pathlib import Path
from typing import Self

from device.dialogue.events import Event
from device.errors import NearfieldError


class EventLog:
    """Each line is flushed at once: an interrupted session leaves whole lines. A full disk is told at the end."""

    def __init__(self, path: Path) -> None:
        """Raises NearfieldError when the file cannot be made."""
        self._path = path
        self._error: OSError | None = None
        try:
            self._file = path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise NearfieldError(
                f"cannot write the events to {path}: {error.strerror}", hint="name a file in a folder you may write to"
            ) from error

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
