"""Where errors end: one line on standard error and the right exit status, never a traceback.

    sys.exit(guarded(lambda: command.main(args, standalone_mode=False)))

0 done, 1 failed, 2 bad usage, 75 start me again (a card or a model hangs), 130 interrupted. What was not foreseen
goes with its traceback to nearfield.log in the state folder; NEARFIELD_DEBUG=1 shows tracebacks at once.
"""

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import typer

from device.errors import NearfieldError
from models.errors import ModelError

INTERRUPTED = 130  #: 128 + SIGINT, as shells have it
_LOG_LIMIT_BYTES = 1_000_000

_OS_HINTS = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some space on the disk",
    errno.EROFS: "write to another place, or mount it for writing",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.EIO: "look for disk errors with 'dmesg'",
    errno.EMFILE: "raise the limit of open files with 'ulimit -n'",
}


def guarded(work: Callable[[], object]) -> int:
    """Run `work` and return the exit status; an int that `work` returns is the status of a `typer.Exit`."""
    try:
        _open_what_is_closed()
        result = work()
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one place where all errors end
        if os.environ.get("NEARFIELD_DEBUG") == "1" and not isinstance(error, SystemExit | BrokenPipeError):
            traceback.print_exc()
        return _report(error)
    # typer turns Ctrl-C into the status 130 without a word
    if result == INTERRUPTED:
        say("interrupted")
    return result if isinstance(result, int) else 0


def _open_what_is_closed() -> None:
    """Whoever starts us may have closed the standard streams (">&-"): nothing is read and written there then.

    The next file to be opened would else have their number, and what libraries write to stderr would be in it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # stdin, stdout, stderr
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a number
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def say(message: str, hint: str = "") -> None:
    """One line on standard error: `nearfield: message. hint`."""
    line = one_line(message, hint)
    with contextlib.suppress(OSError):  # nobody listens
        print(f"nearfield: {line}", file=sys.stderr, flush=True)


def one_line(message: str, hint: str = "") -> str:
    """Message and hint as one sentence each, without line breaks or control characters."""
    text = message.rstrip(". \n")
    if hint:
        text += f". {hint}"
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def describe(error: Exception) -> tuple[str, str] | None:
    """Message and hint of an error that a person can act on; None for one that nobody foresaw."""
    if isinstance(error, NearfieldError | ModelError):
        return error.message, error.hint
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        what = (error.strerror or os.strerror(error.errno)).lower()
        return f"{where}{what}", _OS_HINTS.get(error.errno, "")
    if isinstance(error, MemoryError):
        return "out of memory", "take a smaller model, or stop other programs"
    return None


def _report(error: BaseException) -> int:  # noqa: PLR0911 - one return a kind of error
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # whoever read our output has gone (| head): Python must not try to flush into the pipe at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, typer.Abort):
        say("the input ended before the question was answered")
        return 1
    if isinstance(error, typer.TyperException):
        return _report_usage(error)
    assert isinstance(error, Exception)
    if told := describe(error):
        say(*told)
        return getattr(error, "exit_status", 1)
    say(f"unexpected error: {type(error).__name__}: {error}", _logged(error))
    return 1


def _report_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "nearfield"
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text itself
        if text := error.format_message().strip():  # rich has printed it already
            print(text, file=sys.stderr)
    else:
        message = error.format_message()
        say(message[:1].lower() + message[1:], f"'{command} --help' shows how it is used")
    return error.exit_code


def _logged(error: Exception) -> str:
    """Append the traceback to the log; returns where it is, as a hint."""
    from device.config.dirs import state_dir  # noqa: PLC0415 - only when something has failed

    path = state_dir() / "nearfield.log"
    text = f"{datetime.now(UTC).isoformat(timespec='seconds')} {' '.join(sys.argv)}\n{_trace(error)}\n"
    try:
        _append(path, text)
    except OSError as trouble:
        return f"NEARFIELD_DEBUG=1 shows the details ({path} cannot be written: {trouble.strerror})"
    return f"The details are in {path}; please report them"


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # bounded: the log of an appliance must not fill its card
    with _opened(path) as log:
        too_long = os.fstat(log.fileno()).st_size > _LOG_LIMIT_BYTES
    if too_long:
        path.replace(path.with_name(path.name + ".1"))
    with _opened(path) as log:
        log.write(text)


def _opened(path: Path) -> TextIO:
    """To append to. Its owner's alone, for words that were said may be in a traceback, and no link to another file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):  # somebody else's
        os.fchmod(descriptor, 0o600)  # older versions left it to the umask
    return os.fdopen(descriptor, "a", encoding="utf-8", errors="replace")


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
