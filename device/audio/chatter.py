"""Keeps PortAudio's own words off the terminal while a card runs.

    with without_chatter(): card.start(); ...

When a USB card is pulled, PortAudio prints "Expression ... failed" from C: a line, or 80,000 a second for as
long as the process lives (its issue 1037). They would bury our one line and fill the journal. All else that C
libraries write is passed on.
"""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_CHATTER = (b"Expression '", b"ALSA lib ", b"PaAlsa")
_SHOWN_LINES = 50  # of the chatter go to the log; they repeat
_LONGEST_LINE = 65_536


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Within, descriptor 2 leads through a filter and `sys.stderr` around it.

    When a card was left behind (`device.audio.portaudio`) its thread talks on: then 2 leads nowhere afterwards.
    """
    from device.audio.portaudio import abandoned_cards  # noqa: PLC0415 - loads PortAudio's side only when a card runs

    try:
        outside = os.dup(2)
    except OSError:  # no stderr at all: nothing to keep clean
        yield
        return
    inlet, outlet = os.pipe()
    before = sys.stderr
    # a line is one write: in two, what the filter passes on could come in between
    direct = io.TextIOWrapper(os.fdopen(os.dup(outside), "wb"), "utf-8", "backslashreplace", line_buffering=True)
    if _is_descriptor_2(before):  # a test or a caller may have put something else there
        before.flush()
        sys.stderr = direct
    os.dup2(outlet, 2)
    os.close(outlet)
    thread = threading.Thread(target=_filter, args=(inlet, outside), name="nearfield-stderr", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # This closes the only way into the pipe: the thread reads on to its end. A pipe that nobody reads would not do:
        # whoever waits to write into it holds the lock of C's stderr, and the process could not exit.
        if abandoned_cards():
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            thread.join(1.0)
        else:
            os.dup2(outside, 2)
            thread.join(1.0)
            sys.stderr = before
            direct.close()


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined,no-any-return]
    except (AttributeError, OSError, ValueError):
        return False


def _filter(inlet: int, outside: int) -> None:
    """Pass on whole lines that are no chatter, until the other end is closed. Owns both descriptors."""
    rest, dropped = b"", 0
    while data := os.read(inlet, 65_536):
        *lines, rest = (rest + data).split(b"\n")
        kept = []
        for line in lines:
            if not line.startswith(_CHATTER):
                kept.append(line + b"\n")
                continue
            dropped += 1
            if dropped <= _SHOWN_LINES:
                log.debug("%s", line.decode(errors="replace"))
        if len(rest) > _LONGEST_LINE:
            kept.append(rest)
            rest = b""
        _write(outside, b"".join(kept))
    _write(outside, rest)
    os.close(inlet)
    os.close(outside)


def _write(fd: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        while data:
            data = data[os.write(fd, data) :]
