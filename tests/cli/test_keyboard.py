"""The space bar as terminals send it: bytes at invented times, then a real pseudo-terminal."""

import os
import pty
import queue
import select
import signal
import termios
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cli.keyboard import POP_KITTY, PUSH_KITTY, QUERY_KITTY, SpaceBar, TerminalKeys

WAIT_S = 10.0


def kinds(*steps: tuple[float, bytes]) -> list[tuple[str, float]]:
    """What a space bar makes of bytes at times, ticked each ms in between and long after."""
    keys = SpaceBar()
    out = []
    now = 0.0
    for at, data in [*steps, (steps[-1][0] + 5000, b"")]:
        while now < at:
            now += 1
            out += keys.tick(now)
        out += keys.feed(data, at)
    return [(e.kind, e.t_ms) for e in out]


# --- terminals that repeat a held key ---------------------------------------------------------------------------------


def test_tap_lasts_until_the_first_repeat_is_overdue() -> None:
    assert kinds((100, b" ")) == [("press", 100), ("release", 800)]


def test_hold_ends_when_a_repeat_is_overdue() -> None:
    repeats = [(float(t), b" ") for t in range(600, 3000, 33)]
    last = repeats[-1][0]
    assert kinds((0, b" "), *repeats) == [("press", 0), ("release", last + 160)]


def test_slow_console_repeat_holds() -> None:
    repeats = [(float(t), b" ") for t in range(250, 2000, 92)]
    assert [k for k, _ in kinds((0, b" "), *repeats)] == ["press", "release"]


def test_repeats_that_waited_in_the_terminal_still_count() -> None:
    keys = SpaceBar()
    keys.feed(b" ", 0)
    assert keys.feed(b"   ", 2000) == []  # the program was busy: no tick came between
    assert keys.held
    assert [e.kind for e in keys.tick(2160)] == ["release"]


def test_two_presses_are_two() -> None:
    assert [k for k, _ in kinds((0, b" "), (1000, b" "))] == ["press", "release", "press", "release"]


def test_nothing_is_due_when_nothing_is_held() -> None:
    keys = SpaceBar()
    assert keys.due_ms is None
    keys.feed(b" ", 5)
    assert keys.due_ms == 705
    keys.tick(705)
    assert keys.due_ms is None


@pytest.mark.parametrize(
    "other",
    [
        b"\r",
        b"\n",
        b"hello",
        "é ü".replace(" ", "").encode(),
        b"\x1b[A",  # cursor up
        b"\x1bOP",  # F1
        b"\x1b ",  # Alt and space
        b"\x1b[1 q",  # a sequence with a space in it
        b"\x1b]0;a b c\x07",  # a title report
        b"\x1bP1 2 3\x1b\\",
        b"\x1b[?6c",
        b"\x1b[" + b"1;" * 500 + b"m",
    ],
)
def test_other_keys_and_answers_are_not_the_space_bar(other: bytes) -> None:
    keys = SpaceBar()
    assert keys.feed(other, 0) == []
    assert not keys.held
    assert [e.kind for e in keys.feed(b" ", 1)] == ["press"]


def test_escape_key_does_not_swallow_a_later_space() -> None:
    assert kinds((0, b"\x1b"), (500, b" "))[0] == ("press", 500)


def test_unfinished_sequence_does_not_swallow_what_comes_later() -> None:
    assert kinds((0, b"\x1b]"), (500, b" "))[0] == ("press", 500)


def test_sequence_in_two_pieces() -> None:
    assert kinds((0, b"\x1b[3"), (20, b"2u"))[0] == ("press", 20)


# --- the kitty protocol -----------------------------------------------------------------------------------------------


def test_kitty_tells_the_release() -> None:
    assert kinds((0, b"\x1b[32u"), (3000, b"\x1b[32;1:3u")) == [("press", 0), ("release", 3000)]


def test_kitty_repeats_are_no_presses() -> None:
    steps = ((0, b"\x1b[32;1:1u"), (300, b"\x1b[32;1:2u"), (330, b"\x1b[32;1:2u"), (900, b"\x1b[32;1:3u"))
    assert kinds(*steps) == [("press", 0), ("release", 900)]


def test_kitty_locks_do_not_matter_and_other_modifiers_do() -> None:
    assert [k for k, _ in kinds((0, b"\x1b[32;129u"), (9, b"\x1b[32;129:3u"))] == ["press", "release"]
    assert kinds((0, b"\x1b[32;5u"), (9, b"\x1b[32;5:3u")) == []  # Ctrl and space


def test_kitty_release_counts_though_a_modifier_came_to_it() -> None:
    assert [k for k, _ in kinds((0, b"\x1b[32u"), (9, b"\x1b[32;2:3u"))] == ["press", "release"]


def test_kitty_answer_and_signals() -> None:
    assert kinds((0, b"\x1b[?0u")) == [("kitty", 0)]
    assert kinds((0, b"\x1b[99;5u"), (1, b"\x1b[99;5:3u")) == [("interrupt", 0)]
    assert kinds((0, b"\x1b[92;5u")) == [("quit", 0)]
    assert kinds((0, b"\x1b[99u")) == []


def test_key_held_while_the_protocol_is_switched_on() -> None:
    steps = ((0, b" "), (50, b"\x1b[?0u"), (600, b"\x1b[32;1:2u"), (4000, b"\x1b[32;1:3u"))
    assert kinds(*steps) == [("press", 0), ("kitty", 50), ("release", 4000)]


@pytest.mark.parametrize(
    "junk", [b"\x1b[u", b"\x1b[;u", b"\x1b[:::;:;u", b"\x1b[3x2u", b"\x1b[32;;;u\x1b[99999999999;1u"]
)
def test_malformed_key_reports_are_survived(junk: bytes) -> None:
    keys = SpaceBar()
    keys.feed(junk, 0)
    keys.end(1)
    assert not keys.held


pieces = st.one_of(
    st.binary(max_size=6), st.sampled_from([b" ", b"\x1b", b"\x1b[32u", b"\x1b[32;1:3u", b"\x1b]", b"\x1b[?1u"])
)


@given(st.lists(st.tuples(pieces, st.floats(0, 900), st.booleans()), max_size=40))
def test_presses_and_releases_alternate_whatever_comes(steps: list[tuple[bytes, float, bool]]) -> None:
    keys = SpaceBar()
    now, events = 0.0, []
    for data, gap, tick in steps:
        now += gap
        if tick:
            events += keys.tick(now)
        events += keys.feed(data, now)
    events += keys.end(now)
    spoken = [e.kind for e in events if e.kind in ("press", "release")]
    assert spoken == ["press", "release"] * (len(spoken) // 2)
    assert keys.due_ms is None


# --- a real pseudo-terminal -------------------------------------------------------------------------------------------


@dataclass
class Terminal:
    """Both ends of a pty: `screen` is the person's."""

    screen: int
    program: int

    def shown(self, until: bytes) -> bytes:
        seen = b""
        while until not in seen:
            ready, _, _ = select.select([self.screen], [], [], WAIT_S)
            assert ready, f"{until!r} was not written, only {seen!r}"
            seen += os.read(self.screen, 4096)
        return seen


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    screen, program = pty.openpty()
    yield Terminal(screen, program)
    for fd in (screen, program):
        try:
            os.close(fd)
        except OSError:
            continue  # the test hung up


@pytest.fixture
def calls() -> "queue.Queue[str]":
    return queue.Queue()


def keys_on(terminal: Terminal, calls: "queue.Queue[str]") -> TerminalKeys:
    return TerminalKeys(lambda: calls.put("press"), lambda: calls.put("release"), input_fd=terminal.program)


def test_terminal_hold_and_release(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    with keys_on(terminal, calls) as keys:
        assert keys.active
        assert keys.message == ""
        os.write(terminal.screen, b" ")
        assert calls.get(timeout=WAIT_S) == "press"
        assert calls.get(timeout=WAIT_S) == "release"
    assert not keys.active


def test_terminal_is_put_back_also_after_an_exception(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    before = termios.tcgetattr(terminal.program)
    with pytest.raises(ZeroDivisionError), keys_on(terminal, calls):
        during = termios.tcgetattr(terminal.program)
        assert not during[3] & (termios.ICANON | termios.ECHO)
        assert during[3] & termios.ISIG  # Ctrl-C stays with the driver
        raise ZeroDivisionError
    assert termios.tcgetattr(terminal.program) == before


def test_terminal_with_the_kitty_protocol(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    with keys_on(terminal, calls):
        terminal.shown(QUERY_KITTY)
        os.write(terminal.screen, b"\x1b[?0u")
        terminal.shown(PUSH_KITTY)
        os.write(terminal.screen, b"\x1b[32u")
        assert calls.get(timeout=WAIT_S) == "press"
        os.write(terminal.screen, b"\x1b[32;1:3u")
        assert calls.get(timeout=WAIT_S) == "release"
    terminal.shown(POP_KITTY)


def test_terminal_without_an_answer_is_not_switched(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    with keys_on(terminal, calls):
        pass
    os.write(terminal.program, b"end")
    shown = terminal.shown(b"end")
    assert PUSH_KITTY not in shown
    assert POP_KITTY not in shown


def test_kitty_ctrl_c_interrupts_the_program(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    caught: queue.Queue[int] = queue.Queue()
    before = signal.signal(signal.SIGINT, lambda number, _frame: caught.put(number))
    try:
        with keys_on(terminal, calls):
            os.write(terminal.screen, b"\x1b[99;5u")
            assert caught.get(timeout=WAIT_S) == signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


def test_leaving_while_held_releases(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    with keys_on(terminal, calls):
        os.write(terminal.screen, b"\x1b[32u")
        assert calls.get(timeout=WAIT_S) == "press"
    assert calls.get_nowait() == "release"


def test_hang_up_while_held_releases(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    with keys_on(terminal, calls):
        os.write(terminal.screen, b"\x1b[32u")
        assert calls.get(timeout=WAIT_S) == "press"
        os.close(terminal.screen)
        assert calls.get(timeout=WAIT_S) == "release"


def test_failing_listener_does_not_end_the_keys(terminal: Terminal, calls: "queue.Queue[str]") -> None:
    def fail() -> None:
        calls.put("press")
        raise RuntimeError("no conversation")

    with TerminalKeys(fail, lambda: calls.put("release"), input_fd=terminal.program):
        os.write(terminal.screen, b"\x1b[32u\x1b[32;1:3u\x1b[32u")
        assert [calls.get(timeout=WAIT_S) for _ in range(3)] == ["press", "release", "press"]


def test_no_terminal_is_said_and_nothing_is_read() -> None:
    read, write = os.pipe()
    try:
        with TerminalKeys(lambda: None, lambda: None, input_fd=read) as keys:
            assert not keys.active
            assert "not a terminal" in keys.message
    finally:
        os.close(read)
        os.close(write)


# --- the key m --------------------------------------------------------------------------------------------------------


def test_m_mutes_once_however_long_it_is_held() -> None:
    repeats = [(float(t), b"m") for t in range(600, 3000, 33)]
    assert [k for k, _ in kinds((100, b"m"), *repeats)] == ["mute"]
    assert kinds((100, b"m"), (900, b"m")) == [("mute", 100), ("mute", 900)]


def test_m_while_the_space_bar_is_held() -> None:
    assert [k for k, _ in kinds((0, b" "), (100, b" m "))] == ["press", "mute", "release"]


def test_m_by_the_kitty_protocol_its_repeats_and_release_are_nothing() -> None:
    sent = b"\x1b[109u\x1b[109;1:2u\x1b[109;1:3u"
    assert [k for k, _ in kinds((0, sent))] == ["mute"]
    assert [k for k, _ in kinds((0, b"\x1b[109;65u"))] == ["mute"], "caps lock makes no other key of it"


@pytest.mark.parametrize("other", [b"M", b"\x1bm", b"\x1b[1m", b"\x1b]0;mmm\x07", b"\x1b[109;5u", b"\x1b[109;2u", b"n"])
def test_what_is_not_the_key_m(other: bytes) -> None:
    assert kinds((0, other)) == []
