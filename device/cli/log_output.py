"""Where the log goes: warnings to standard error, one clear line each; everything with --verbose.

    configure(verbose=False)        # once, when the command begins

Only our own modules are ever heard in detail. Of other libraries there are warnings and nothing below: what they tell
for debugging has the words in it that were said or are to be spoken, and nobody's words belong into a log. For the same
reason nothing of ours logs a transcript, an answer or the arguments of a skill; only with --verbose an error may, that
repeats what it was given (tests/skills/test_logs_without_words.py).
"""

import logging
import os
import sys
import traceback

from device.cli.boundary import one_line, say

OURS = ("device", "models", "dsp", "nearfield")


def debugging() -> bool:
    """Does the environment ask for details?"""
    return os.environ.get("NEARFIELD_DEBUG") == "1"


def configure(*, verbose: bool = False) -> None:
    """Safe to call again: the newest call counts. NEARFIELD_DEBUG=1 is `verbose` too."""
    detailed = verbose or debugging()
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(old)
    root.addHandler(LineHandler(detailed=detailed))
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if detailed else logging.NOTSET)


class LineHandler(logging.Handler):
    """One line a record, in one write, to whatever standard error is at that moment (`device.audio.chatter`)."""

    def __init__(self, *, detailed: bool) -> None:
        super().__init__()
        self._detailed = detailed

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            error = record.exc_info[1] if record.exc_info else None
            if self._detailed:
                say(f"{record.levelname.lower()}: {record.name}: {message}")
                if error is not None:
                    for line in "".join(traceback.format_exception(error)).splitlines():
                        # indented as it is: it is read by whoever looks for the cause
                        print(f"    {line}", file=sys.stderr, flush=True)
            elif error is not None:
                say(f"{message} ({one_line(f'{type(error).__name__}: {error}')})")
            else:
                say(message)
        except Exception:  # noqa: BLE001 - a log must never end what it tells of
            self.handleError(record)
