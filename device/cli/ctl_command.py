"""`nearfield ctl mute|unmute|say|stop|volume|reload|status|watch`: ask a running assistant, through its socket.

nearfield ctl say "Dinner is ready."
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from device.cli.boundary import one_line
from device.cli.options import ConfigOption, JsonOption, print_json, print_text, settings_from
from device.control.paths import likely_paths
from device.control.socket_client import Link, NotRunningError, connected
from device.control.wishes import MOST_TEXT_CHARS
from device.errors import UsageError

ctl_app = typer.Typer(
    name="ctl",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ask a running assistant. Exit status: 0 done, 1 none runs or it refused, 2 bad usage.",
)
SocketOption = Annotated[
    Path | None, typer.Option("--socket", metavar="PATH", help="Its socket, in place of the one that is looked for.")
]


@contextmanager
def _running(config: Path | None, at: Path | None) -> Iterator[Link]:
    paths = [at] if at is not None else likely_paths(settings_from(config, None).control)
    with connected(paths) as link:
        yield link


def _ask(wish: Mapping[str, Any], config: Path | None, at: Path | None) -> dict[str, Any]:
    with _running(config, at) as link:
        return link.ask(wish)


@ctl_app.command()
def mute(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """Mute the microphone."""
    _ask({"do": "mute"}, config, socket)
    print_text("The microphone is muted.")


@ctl_app.command()
def unmute(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """Open the microphone. A closed mute switch has the last word: exit status 1."""
    if _ask({"do": "unmute"}, config, socket)["muted"]:
        print_text("The microphone stays muted: its switch is closed.")
        raise typer.Exit(1)
    print_text("The microphone is open.")


@ctl_app.command()
def say(
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help='What to say; "-" reads standard input.')],
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """Have it speak a text, as it is, at the next pause.

    Examples:

      nearfield ctl say "Dinner is ready."
      date +"It is %H:%M." | nearfield ctl say -
    """
    words = _from_stdin() if text == ["-"] else " ".join(text)
    if not words.strip():
        raise UsageError("there is nothing to say", hint='for example: nearfield ctl say "Dinner is ready."')
    if len(words) > MOST_TEXT_CHARS:
        raise UsageError(f"the text is longer than {MOST_TEXT_CHARS:,} characters", hint="say it in several parts")
    _ask({"do": "say", "text": words}, config, socket)
    print_text("It will be said at the next pause.")


def _from_stdin() -> str:
    raw = sys.stdin.buffer.read(4 * MOST_TEXT_CHARS + 1)  # of UTF-8: four bytes a character at most
    return raw.decode("utf-8", "replace").strip()


@ctl_app.command()
def stop(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """Silence: what is being said or rings ends."""
    _ask({"do": "stop"}, config, socket)
    print_text("It is silent.")


@ctl_app.command(context_settings={"ignore_unknown_options": True})
def volume(
    level: Annotated[str, typer.Argument(metavar="N|+|-", help="0 (silent) to 100, or a step up or down.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """How loud the voice is.

    Examples:

      nearfield ctl volume 40
      nearfield ctl volume +
    """
    steps = {"+": "louder", "-": "softer"}
    if level in steps:
        wish: dict[str, Any] = {"do": steps[level]}
    elif level.isascii() and level.isdigit() and len(level) <= 3 and int(level) <= 100:
        wish = {"do": "volume", "percent": int(level)}
    else:
        raise UsageError(f"volume {level!r} is not a number from 0 to 100, + or -", hint="nearfield ctl volume 40")
    print_text(f"The volume is {_ask(wish, config, socket)['volume_percent']}.")


@ctl_app.command()
def reload(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """Begin anew with the configuration as it is now. Is something wrong in it, nothing changes: exit status 1.

    The conversation goes on where it was; what is being said is cut off.
    """
    _ask({"do": "reload"}, config, socket)
    print_text("It begins anew.")


@ctl_app.command()
def status(config: ConfigOption = None, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """How it stands: state, card, volume, timers, trouble."""
    reply = _ask({"do": "status"}, config, socket)
    if as_json:
        print_json({key: value for key, value in reply.items() if key != "ok"})
        return
    for line in status_lines(reply):
        print_text(one_line(line))


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """For a person, a line each. What an older or newer version does not say is left out."""
    get = status.get
    lines = [f"{get('persona', 'It')}: {'muted, ' if get('muted') else ''}{get('state', '?')}"]
    if "card" in status:
        lines.append(f"card: {status['card']}, volume {get('volume_percent', '?')}")
    if "uptime_s" in status:
        lines.append(f"up {_duration(status['uptime_s'])}, version {get('version')}, {get('turns')} turns")
    health = get("health") or {}
    if health.get("temperature_c") is not None:
        lines.append(f"{health['temperature_c']:.0f} °C{', slowed down' if health.get('throttled') else ''}")
    for timer in get("timers", ()):
        paused = "" if timer.get("running", True) else " (paused)"
        lines.append(f"{timer.get('label') or 'alarm'}: {_duration(timer['left_s'])} left{paused}")
    lines += [f"rings: {name}" for name in get("rings", ())]
    for what in ("trouble", "outside", "house"):
        lines += [f"trouble: {name}: {line}" for name, line in (get(what) or {}).items()]
    return lines


def _duration(seconds: float) -> str:
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours} h {m:02d} min" if hours else f"{m} min {s:02d} s" if m else f"{s} s"


@ctl_app.command()
def watch(
    config: ConfigOption = None,
    socket: SocketOption = None,
    levels: Annotated[bool, typer.Option("--levels", help="How loud it is too, ten times a second.")] = False,
    as_json: JsonOption = False,
) -> None:
    """All that happens, a line each, until Ctrl-C. Exit status 1: the assistant has ended."""
    with _running(config, socket) as link:
        for item in link.watch(levels=levels):
            if "ok" in item:  # the status at first
                continue
            if as_json:
                print_json(item)
            else:
                print_text(_printable(item_line(item)))
    raise NotRunningError("the assistant has ended", hint="'nearfield run' starts one")


def item_line(item: Mapping[str, Any]) -> str:
    """`12.34 s  state  state=listening`."""
    at = f"{item['t_ms'] / 1000:9.2f} s" if isinstance(item.get("t_ms"), int | float) else " " * 11
    rest = {key: value for key, value in item.items() if key not in ("type", "t_ms", "turn")}
    said = "  ".join(f"{key}={value}" for key, value in rest.items())
    return f"{at}  {item.get('type', '?'):<16} {said}"


def _printable(line: str) -> str:
    """What was said goes to a terminal: no control characters."""
    return "".join(c if c.isprintable() else " " for c in line)
