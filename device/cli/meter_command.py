"""`nearfield meter`: what the microphone and the loudspeaker do, live in the terminal."""

import contextlib
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from

if TYPE_CHECKING:  # --help needs none of these
    from rich.table import Table

    from device.card import Card
    from device.config import Settings
    from device.diagnostics.live_meter import MeterFrame, MeterSummary
    from models.protocols import Int16s

_FRAMES_PER_S = 10
_BLOCKS_A_FRAME = 100 // _FRAMES_PER_S
_READ_TIMEOUT_S = 0.25
_SCALE_DB = 60.0  # the bars show -60..0 dBFS
_BAR_CELLS = 40
_PIECE_SAMPLES = 16_000


def meter(
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", min=0.1, max=86_400.0, help="End after so many seconds.")
    ] = None,
    play: Annotated[
        Path | None,
        typer.Option("--play", metavar="F.wav", help="Play this over and over: without sound there is no echo."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Levels of microphone and loudspeaker, echo taken away, speech, xruns. Ctrl-C ends it, with a summary.

    Ten times a second, as bars in a terminal, as lines elsewhere; --json: one object a line and the summary as the
    last. Examples:

      nearfield meter

      nearfield meter --play music.flac --seconds 20 --json
    """
    from device.audio.chatter import without_chatter  # noqa: PLC0415
    from device.audio.files import load_audio  # noqa: PLC0415
    from device.cli.sound_card import open_sound_card, turned_down  # noqa: PLC0415

    settings = settings_from(config, overrides)
    sound = None if play is None else load_audio(play)
    card = turned_down(open_sound_card(settings), settings)
    with contextlib.ExitStack() as stack:
        stop = threading.Event()
        stack.enter_context(_until_ctrl_c(stop))
        stack.enter_context(without_chatter())
        show = print_frame if as_json else stack.enter_context(_display(card.name))
        summary = run_meter(card, settings, show, sound=sound, seconds=seconds, stop=stop)
    if as_json:
        print_json(summary.to_json())
    else:
        print_text(summary_line(summary))


def run_meter(
    card: "Card",
    settings: "Settings",
    show: "Callable[[MeterFrame], None]",
    *,
    sound: "Int16s | None" = None,
    seconds: float | None = None,
    stop: threading.Event,
) -> "MeterSummary":
    """Feed a meter from the card, showing ten frames a second, until the time is up or `stop` is set.

    Raises AudioError when the card is lost.
    """
    from device.cli.calibrate_command import front_end  # noqa: PLC0415
    from device.diagnostics.live_meter import LiveMeter  # noqa: PLC0415

    live = LiveMeter()
    probability = _detector(settings)
    blocks = queued = 0
    with card, front_end(settings) as ear:
        while not stop.is_set() and (seconds is None or blocks < seconds * 100):
            # two seconds ahead: the ring holds 60
            while sound is not None and queued < blocks * 160 + 2 * _PIECE_SAMPLES:
                queued += _play_piece(card, sound, queued)
            block = card.read(_READ_TIMEOUT_S)
            if block is None:
                continue
            clean = ear.process(block)
            live.feed(block, clean, ear.delay_samples, probability(clean))
            blocks += 1
            if blocks % _BLOCKS_A_FRAME == 0:
                show(live.frame(card.stats()))
        return live.summary(card.stats())


def _play_piece(card: "Card", sound: "Int16s", queued: int) -> int:
    at = queued % len(sound)
    piece = sound[at : at + _PIECE_SAMPLES]
    card.play(piece)
    return len(piece)


def _detector(settings: "Settings") -> "Callable[[Int16s], float | None]":
    """Speech probability of the newest whole frame; always None when the model is not there."""
    from device.assembly import load_vad  # noqa: PLC0415
    from device.dialogue.voice_meter import VoiceMeter  # noqa: PLC0415
    from models.errors import ModelError  # noqa: PLC0415

    try:
        voices = VoiceMeter(load_vad(settings))
    except ModelError:  # levels can be seen without it
        return lambda _pcm: None
    samples = 0

    def probability(pcm: "Int16s") -> float | None:
        nonlocal samples
        readings = voices.feed(pcm, samples)
        samples += len(pcm)
        return max((reading.probability for reading in readings), default=None)

    return probability


@contextlib.contextmanager
def _until_ctrl_c(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C, and a supervisor's SIGTERM, are how a meter is meant to end: status 0."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = [(number, signal.signal(number, handler)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)


def print_frame(frame: "MeterFrame") -> None:
    """One JSON line."""
    print_json(frame.to_json())


@contextlib.contextmanager
def _display(name: str) -> "Iterator[Callable[[MeterFrame], None]]":
    """Bars that stay in place on a terminal; a line a second elsewhere."""
    if not sys.stdout.isatty():
        print_text(f"Levels of {name}, dBFS")
        yield _line_a_second
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    with _without_echo(), Live(console=Console(highlight=False), auto_refresh=False, transient=True) as live:
        yield lambda frame: live.update(bars(frame, name), refresh=True)


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    """Keys that are typed, the "^C" of Ctrl-C among them, would break the last line and leave the first one behind."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError, AttributeError):  # no terminal, closed, or None
        yield
        return
    quiet = termios.tcgetattr(sys.stdin)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # it has hung up
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _line_a_second(frame: "MeterFrame") -> None:
    if round(frame.t_s * 10) % 10 == 0:
        print_text(frame_line(frame))


def frame_line(frame: "MeterFrame") -> str:
    """A frame in less than 80 columns."""
    return (
        f"{frame.t_s:6.0f} s  mic {frame.mic_rms_dbfs:6.1f} peak {frame.mic_peak_dbfs:6.1f}  "
        f"speaker {frame.speaker_rms_dbfs:6.1f}  ERLE {_number(frame.erle_db, 5, 1)}  "
        f"speech {_number(frame.speech, 4, 2)}"
    )


def bars(frame: "MeterFrame", name: str) -> "Table":
    """A frame as bars, 80 columns at most."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 1))
    table.add_column(width=11)
    table.add_column(width=_BAR_CELLS)
    table.add_column(width=26, no_wrap=True)
    table.add_row("Card", Text(name, overflow="ellipsis", no_wrap=True), f"{frame.t_s:.1f} s")
    for label, rms, peak in (
        ("Microphone", frame.mic_rms_dbfs, frame.mic_peak_dbfs),
        ("Loudspeaker", frame.speaker_rms_dbfs, frame.speaker_peak_dbfs),
    ):
        # the last 6 dB are what is left before a voice clips
        colour = "red" if peak > -1 else "yellow" if peak > -6 else "green"
        table.add_row(label, Text(_bar(rms, peak), colour), f"{rms:6.1f} peak {peak:6.1f} dBFS")
    speech = "no model" if frame.speech is None else f"{frame.speech:.2f}"
    table.add_row("Speech", Text("█" * round((frame.speech or 0.0) * _BAR_CELLS), "cyan"), speech)
    erle = "nothing is played" if frame.erle_db is None else f"{frame.erle_db:.1f} dB of echo taken away"
    table.add_row("Echo", erle, "")
    trouble = frame.mic_clipped_samples or frame.xruns or frame.lost_samples
    counts = f"{frame.mic_clipped_samples} clipped  {frame.xruns} xruns  {frame.lost_samples} lost"
    table.add_row("Trouble", Text(counts, "red" if trouble else ""), "")
    return table


def _bar(rms_dbfs: float, peak_dbfs: float) -> str:
    def cells(level: float) -> int:
        return round(min(max(level / _SCALE_DB + 1, 0.0), 1.0) * _BAR_CELLS)

    full, mark = cells(rms_dbfs), cells(peak_dbfs)
    return "█" * full + (" " * (mark - full - 1) + "│" if mark > full else "")


def _number(value: float | None, width: int, digits: int) -> str:
    return "-".rjust(width) if value is None else f"{value:{width}.{digits}f}"


def summary_line(summary: "MeterSummary") -> str:
    """The whole run on one line, 80 columns unless it ran for hours."""
    erle = "nothing played" if summary.erle_db is None else f"ERLE {summary.erle_db:.1f} dB"
    return (
        f"{summary.seconds:.1f} s: mic {summary.mic_rms_dbfs:.1f} dBFS, peak {summary.mic_peak_dbfs:.1f}, "
        f"{summary.mic_clipped_samples} clipped; {erle}; {summary.xruns} xruns, {summary.lost_samples} lost"
    )
