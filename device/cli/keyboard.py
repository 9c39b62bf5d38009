"""Hold the space bar to talk, push m to mute, in a terminal.

    with TerminalKeys(on_press=assistant.press, on_release=assistant.release) as keys:
        assistant.run()

A terminal sends characters, not keys, and says nothing of a key's release. Two ways round that, in `SpaceBar`:

- Terminals with the kitty keyboard protocol (kitty, foot, WezTerm, Ghostty, iTerm2, ...) are asked for key events and
  then tell each release (https://sw.kovidgoyal.net/kitty/keyboard-protocol/).
- Elsewhere a held key repeats. It counts as released when the next repeat is overdue. So a tap lasts 700 ms and each
  release is noticed 160 ms late; a keyboard whose repeat is switched off cannot hold.
"""

import contextlib
import logging
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

_log = logging.getLogger(__name__)

FIRST_REPEAT_MS = 700.0  #: until the first repeat: X11 waits 660, Windows and macOS up to 500 unless told otherwise
NEXT_REPEAT_MS = 160.0  #: between repeats: the Linux console's 92 are the slowest default
SEQUENCE_GAP_MS = 100.0  #: a terminal sends a sequence in one piece; after such a pause it was the Escape key, or Alt-]
_MAX_SEQUENCE = 32

QUERY_KITTY = b"\x1b[?u"
#: 2 (report event types) tells releases, but of keys that make no text; 8 (all keys as escape codes) adds the space bar
PUSH_KITTY = b"\x1b[>10u"
POP_KITTY = b"\x1b[<u"

KeyKind = Literal["press", "release", "mute", "kitty", "interrupt", "quit"]
_CONTROL = 4  # bit of the protocol's modifiers
_LOCKS = 64 | 128  # caps lock, num lock: they make no other key of it


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """`press`, `release`: the space bar. `mute`: the key m. `kitty`: the terminal knows the protocol. `interrupt`,
    `quit`: Ctrl-C and Ctrl-Backslash, which the protocol's key events keep from the terminal driver.
    """

    kind: KeyKind
    t_ms: float


class SpaceBar:
    """Bytes and times in, events out. Sans-IO; every press is followed by a release, `end` included.

    Escape sequences are followed byte by byte, so a space inside one (or Alt and space) is not the space bar's.
    """

    def __init__(self) -> None:
        self._state: Literal["ground", "escape", "csi", "one", "string", "string_escape"] = "ground"
        self._sequence = b""
        self._held = False
        self._due_ms: float | None = None
        self._fed_ms = 0.0
        self._m_ms = -FIRST_REPEAT_MS  # the last m, repeats included

    @property
    def held(self) -> bool:
        return self._held

    @property
    def due_ms(self) -> float | None:
        """When to call `tick`, if no byte comes before; None: nothing is due."""
        return self._due_ms

    def feed(self, data: bytes, t_ms: float) -> list[KeyEvent]:
        """Bytes that came at `t_ms`. Feed all there is before a `tick`: a repeat that waited is still a repeat."""
        if t_ms - self._fed_ms > SEQUENCE_GAP_MS:
            self._state = "ground"
        self._fed_ms = t_ms
        events: list[KeyEvent] = []
        for byte in data:
            event = self._byte(byte, t_ms)
            if event is not None:
                events.append(event)
        return events

    def tick(self, t_ms: float) -> list[KeyEvent]:
        """Nothing more came until `t_ms`."""
        if self._due_ms is None or t_ms < self._due_ms:
            return []
        return self.end(t_ms)

    def end(self, t_ms: float) -> list[KeyEvent]:
        """The keyboard is gone: a held key is released."""
        event = self._release(t_ms)
        return [event] if event is not None else []

    def _byte(self, byte: int, t_ms: float) -> KeyEvent | None:
        match self._state:
            case "ground":
                if byte == 0x20:
                    return self._legacy_space(t_ms)
                if byte == ord("m"):
                    return self._legacy_m(t_ms)
                if byte == 0x1B:
                    self._state = "escape"
            case "escape":
                # ESC ESC: the first was a key of its own; ESC and a letter: Alt
                self._state = _AFTER_ESCAPE.get(byte, "ground")
                self._sequence = b""
            case "csi":
                return self._csi_byte(byte, t_ms)
            case "one":
                self._state = "ground"
            case "string" if byte in (0x07, 0x1B):
                self._state = "ground" if byte == 0x07 else "string_escape"
            case "string":
                pass
            case "string_escape":
                self._state = "ground" if byte == 0x5C else "string"
        return None

    def _csi_byte(self, byte: int, t_ms: float) -> KeyEvent | None:
        """Parameters and intermediates are 0x20..0x3f, the final byte is 0x40..0x7e (ECMA-48, 5.4)."""
        if 0x20 <= byte <= 0x3F:
            self._sequence = (self._sequence + bytes((byte,)))[:_MAX_SEQUENCE]
            return None
        self._state = "escape" if byte == 0x1B else "ground"
        return self._kitty(self._sequence, t_ms) if byte == ord("u") else None

    def _kitty(self, parameters: bytes, t_ms: float) -> KeyEvent | None:
        """`CSI ? flags u` is the answer to the query, `CSI code ; modifiers : event u` a key."""
        if parameters.startswith(b"?"):
            return KeyEvent("kitty", t_ms)
        fields = [field.split(b":") for field in parameters.split(b";")]
        try:
            code = int(fields[0][0])
            modifiers = int(fields[1][0] or 1) - 1 if len(fields) > 1 else 0
            kind = int(fields[1][1] or 1) if len(fields) > 1 and len(fields[1]) > 1 else 1
        except ValueError:
            return None
        modifiers &= ~_LOCKS
        if code == 0x20 and kind == 3:  # whatever modifiers came to it meanwhile
            return self._release(t_ms)
        if code == 0x20 and modifiers == 0:
            return self._press(t_ms, due_ms=None)
        other = _KITTY_KEYS.get((code, modifiers)) if kind == 1 else None
        return KeyEvent(other, t_ms) if other is not None else None

    def _legacy_space(self, t_ms: float) -> KeyEvent | None:
        return self._press(t_ms, due_ms=t_ms + (NEXT_REPEAT_MS if self._held else FIRST_REPEAT_MS))

    def _legacy_m(self, t_ms: float) -> KeyEvent | None:
        """A held key repeats: that is one push."""
        repeated = t_ms - self._m_ms < FIRST_REPEAT_MS
        self._m_ms = t_ms
        return None if repeated else KeyEvent("mute", t_ms)

    def _press(self, t_ms: float, due_ms: float | None) -> KeyEvent | None:
        self._due_ms = due_ms
        if self._held:
            return None
        self._held = True
        return KeyEvent("press", t_ms)

    def _release(self, t_ms: float) -> KeyEvent | None:
        self._due_ms = None
        if not self._held:
            return None
        self._held = False
        return KeyEvent("release", t_ms)


#: (code, modifiers) of the other keys that mean something, when they go down
_KITTY_KEYS: dict[tuple[int, int], KeyKind] = {
    (ord("m"), 0): "mute",
    (ord("c"), _CONTROL): "interrupt",
    (ord("\\"), _CONTROL): "quit",
}

_AFTER_ESCAPE: dict[int, Literal["escape", "csi", "one", "string"]] = {
    0x1B: "escape",
    ord("["): "csi",
    ord("O"): "one",  # SS3: F1 to F4 and the keypad
    ord("]"): "string",  # OSC, DCS, APC, PM and SOS: until BEL or ESC \
    ord("P"): "string",
    ord("_"): "string",
    ord("^"): "string",
    ord("X"): "string",
}


class TerminalKeys:
    """Reads the terminal in a thread of its own and calls `on_press` and `on_release` from it, in turn.

    While it is open the terminal neither echoes nor waits for Enter; Ctrl-C works as ever, Ctrl-Z does not (a stopped
    program holds the sound card and hears nothing). The terminal is put back on exit, by an exception too. Where there
    is no terminal to read, or it belongs to another job, `active` is False, `message` says why, and that is all.
    """

    def __init__(
        self,
        on_press: Callable[[], None],
        on_release: Callable[[], None],
        on_mute: Callable[[], None] = lambda: None,
        *,
        input_fd: int | None = None,
    ) -> None:
        """`on_mute`: the key m, from the same thread. `input_fd`: the terminal; None: standard input."""
        self._on_press, self._on_release, self._on_mute = on_press, on_release, on_mute
        self._fd = _standard_input() if input_fd is None else input_fd
        self._space_bar = SpaceBar()
        self.message = _unusable(self._fd)
        self.active = False

    def __enter__(self) -> Self:
        if self.message:
            return self
        self._saved = termios.tcgetattr(self._fd)
        self._output_fd = _writable(self._fd)
        self._stop_fd, self._wake_fd = os.pipe()
        self._pushed = False
        self._thread = threading.Thread(target=self._run, name="nearfield-keys", daemon=True)
        self.active = True
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, _one_key_at_a_time(self._saved))
            self._write(QUERY_KITTY)
            self._thread.start()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not self.active:
            return
        try:
            os.write(self._wake_fd, b"x")
            self._thread.join()
        finally:
            self._restore()

    def _restore(self) -> None:
        self.active = False
        if self._pushed:
            self._write(POP_KITTY)
        with contextlib.suppress(termios.error):  # the terminal may be gone
            # what was typed meanwhile (repeated spaces) is not for the shell
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._saved)
        for fd in (self._stop_fd, self._wake_fd, self._output_fd):
            if fd is not None:
                os.close(fd)

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        poller.register(self._stop_fd, select.POLLIN)
        while True:
            due_ms = self._space_bar.due_ms
            # rounded up: a poll that ends a fraction early would spin until the time has come
            ready = dict(poller.poll(None if due_ms is None else max(0, int(due_ms - _now_ms()) + 1)))
            if self._stop_fd in ready:
                break
            if self._fd in ready:
                data = self._read()
                if not data:
                    break
                self._tell(self._space_bar.feed(data, _now_ms()))
            else:
                self._tell(self._space_bar.tick(_now_ms()))
        self._tell(self._space_bar.end(_now_ms()))

    def _read(self) -> bytes:
        """What was typed; empty once the terminal is gone."""
        try:
            return os.read(self._fd, 4096)
        except OSError:
            return b""

    def _tell(self, events: list[KeyEvent]) -> None:
        for event in events:
            match event.kind:
                case "press":
                    self._call(self._on_press)
                case "release":
                    self._call(self._on_release)
                case "mute":
                    self._call(self._on_mute)
                case "kitty" if not self._pushed:
                    self._pushed = True
                    self._write(PUSH_KITTY)
                case "interrupt":
                    os.kill(os.getpid(), signal.SIGINT)
                case "quit":
                    os.kill(os.getpid(), signal.SIGQUIT)
                case _:
                    pass

    def _call(self, listener: Callable[[], None]) -> None:
        try:
            listener()
        except Exception:  # noqa: BLE001 - one failed press must not be the last
            _log.exception("a key: what it was to do failed")

    def _write(self, data: bytes) -> None:
        if self._output_fd is not None:
            with contextlib.suppress(OSError):
                os.write(self._output_fd, data)


def _now_ms() -> float:
    return time.monotonic() * 1000


def _standard_input() -> int:
    """Its descriptor, or -1."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # None, replaced by an object without one, closed
        return -1


def _unusable(fd: int) -> str:
    """Why keys cannot be read from `fd`; "" when they can."""
    if not os.isatty(fd):
        return "standard input is not a terminal: the space bar cannot be used"
    try:
        foreground = os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # not our controlling terminal: no job control to mind
        foreground = True
    return "" if foreground else "the program runs in the background: the space bar cannot be used"


def _writable(fd: int) -> int | None:
    """The terminal behind `fd` for writing: standard output may lead elsewhere. None: it cannot be opened."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _one_key_at_a_time(attributes: list[Any]) -> list[Any]:
    """termios attributes with neither line editing nor echo nor Ctrl-Z; signals from Ctrl-C stay."""
    changed = [*attributes[:6], list(attributes[6])]
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    changed[6][termios.VSUSP] = b"\0"  # _POSIX_VDISABLE
    return changed
