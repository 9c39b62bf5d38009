"""`nearfield converse`: the appliance on the virtual card, with recordings for a user (docs/converse.md)."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from device.cli.numbers_option import CommandWithTimes
from device.cli.options import (
    ConfigOption,
    EchoDbOption,
    EchoDelayOption,
    EchoIrOption,
    JsonOption,
    SetOption,
    print_json,
    print_text,
    settings_from,
)

if TYPE_CHECKING:  # these take a while to import, and --help does not need them
    from device.audio.virtual import VirtualCard
    from device.config import Settings
    from device.converse.rehearsal import Rehearsal
    from device.converse.report import TurnReport
    from device.converse.script import Line, Timing
    from models.protocols import Floats

converse = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@dataclass(frozen=True, slots=True)
class Room:
    """How the loudspeaker couples into the microphone, and what else is heard there."""

    echo_db: float | None = None
    echo_delay_ms: float | None = None
    echo_ir: Path | None = None
    noise: Path | None = None
    snr_db: float | None = None

    def impulse_response(self) -> "Floats | None":
        """None: no echo. Raises AudioFileError, UsageError."""
        from device.audio.rooms import delay_and_gain, load_impulse_response  # noqa: PLC0415
        from device.errors import UsageError  # noqa: PLC0415

        if self.echo_ir is not None:
            if self.echo_delay_ms is not None:
                raise UsageError("--echo-delay-ms and --echo-ir exclude each other", hint="the response has its delay")
            return load_impulse_response(self.echo_ir, 0.0 if self.echo_db is None else self.echo_db)
        if self.echo_db is None:
            if self.echo_delay_ms is not None:
                raise UsageError("--echo-delay-ms needs --echo-db", hint="say how loud the echo is, e.g. --echo-db -12")
            return None
        return delay_and_gain(self.echo_db, 8.0 if self.echo_delay_ms is None else self.echo_delay_ms)

    def noise_for(self, lines: "list[Line]") -> "Floats | None":
        """None: silence. Raises AudioFileError, UsageError."""
        from device.audio.files import load_audio  # noqa: PLC0415
        from device.audio.near_end import scaled_noise  # noqa: PLC0415
        from device.errors import UsageError  # noqa: PLC0415

        if self.noise is None:
            if self.snr_db is not None:
                raise UsageError("--snr-db needs --noise", hint="name a recording of the noise")
            return None
        return scaled_noise(
            load_audio(self.noise), [line.pcm for line in lines], 20.0 if self.snr_db is None else self.snr_db
        )


@converse.command("converse", cls=CommandWithTimes)
def _converse(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="IN.wav ...", help="What the user says, in order.", show_default=False)
    ],
    at: Annotated[
        list[float] | None,
        typer.Option(
            "--at",
            metavar="S ...",
            help="Start of each input, in s; without it each follows the answer to the one before.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.wav", help="Stereo recording: left = microphone, right = loudspeaker."
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="EV.jsonl", help="Everything that happened, one JSON object a line."),
    ] = None,
    echo_db: EchoDbOption = None,
    echo_delay_ms: EchoDelayOption = None,
    echo_ir: EchoIrOption = None,
    noise: Annotated[
        Path | None, typer.Option("--noise", metavar="N.wav", help="Noise at the microphone, repeated without end.")
    ] = None,
    snr_db: Annotated[
        float | None, typer.Option("--snr-db", metavar="DB", help="Speech level over noise level (20 dB if not given).")
    ] = None,
    tail_s: Annotated[
        float,
        typer.Option("--tail-s", metavar="S", min=0.0, max=3600.0, help="Go on for so long after the last answer."),
    ] = 1.0,
    config: ConfigOption = None,
    overrides: SetOption = None,
    persona: Annotated[
        str | None, typer.Option("--persona", metavar="P", help="Who the assistant is, in place of the configured one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The assistant on recordings, in place of a card: the same program, in real time.

    The inputs may be of any rate and any number of channels. Examples:

      nearfield converse question.wav --output both.wav

      nearfield converse question.wav stop.wav --at 0.5 4 --echo-db -6 --events events.jsonl --json
    """
    from device.audio.files import load_audio  # noqa: PLC0415
    from device.converse.script import Line, Timing  # noqa: PLC0415
    from device.errors import UsageError  # noqa: PLC0415

    times = tuple(at or ())
    if times and len(times) != len(inputs):
        raise UsageError(f"--at gives {len(times)} times for {len(inputs)} inputs", hint="give one time an input, in s")
    if any(not 0 <= t <= 24 * 3600 for t in times):
        raise UsageError("--at takes seconds from 0 on", hint="the session starts at 0")
    lines = [Line(str(path), load_audio(path)) for path in inputs]
    room = Room(echo_db, echo_delay_ms, echo_ir, noise, snr_db)
    settings = settings_from(config, [*(overrides or ()), *([f"persona={persona}"] if persona else [])])
    timing = Timing(at_s=times, tail_s=tail_s)
    with rehearsal_on(settings, lines, timing, open_card(lines, room, output), events) as rehearsal:
        try:
            rehearsal.run()
        finally:  # what was said so far is shown even when the disk is full or somebody pressed Ctrl-C
            if as_json:
                print_json(summary(rehearsal))
            else:
                show(rehearsal, output)


def open_card(lines: "list[Line]", room: Room, output: Path | None) -> "VirtualCard":
    """A virtual card in this room that records to `output`, or in memory. Raises AudioError, UsageError."""
    from device.audio.recording import MemoryRecorder, StereoWriter  # noqa: PLC0415
    from device.audio.virtual import VirtualCard  # noqa: PLC0415

    impulse_response, noise = room.impulse_response(), room.noise_for(lines)
    recorder = MemoryRecorder() if output is None else StereoWriter(output)
    return VirtualCard(impulse_response=impulse_response, noise=noise, recorder=recorder)


@contextlib.contextmanager
def rehearsal_on(
    settings: "Settings", lines: "list[Line]", timing: "Timing", card: "VirtualCard", events: Path | None
) -> "Iterator[Rehearsal]":
    """The models loaded, the record and the log open, the card ready: all closed again whatever happens."""
    from device.assembly import load_models  # noqa: PLC0415
    from device.cli.event_log import EventLog  # noqa: PLC0415
    from device.converse.rehearsal import Rehearsal  # noqa: PLC0415
    from device.persona import load_persona, settings_for  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        stack.callback(card.stop)
        log = stack.enter_context(EventLog(events)) if events is not None else None
        persona = load_persona(settings.persona)
        settings = settings_for(persona, settings)
        models = load_models(settings, persona)
        write = log.write if log is not None else lambda _event: None
        yield Rehearsal(settings, persona, models, lines, timing, card, on_event=write)


def summary(rehearsal: "Rehearsal") -> dict[str, Any]:
    """The JSON form (docs/converse.md)."""
    from dataclasses import asdict  # noqa: PLC0415

    from device.dialogue.events import Failure, to_ms  # noqa: PLC0415

    result = rehearsal.result()
    answered = sorted(t.ttfa_ms for t in result.turns if t.ttfa_ms is not None)
    return {
        "turns": [t.to_json() for t in result.turns],
        "inputs_ms": [to_ms(result.placed[n]) for n in sorted(result.placed)],
        "ttfa_p50_ms": answered[(len(answered) - 1) // 2] if answered else None,
        "errors": [e.to_json() for e in result.events if isinstance(e, Failure)],
        "card": asdict(rehearsal.card.stats()),
    }


def show(rehearsal: "Rehearsal", output: Path | None) -> None:
    """For a person."""
    turns = rehearsal.result().turns
    for turn in turns:
        show_turn(turn)
    if not turns:
        print_text("Nothing was said that the assistant could make out.")
    if output is not None:
        print_text(f"Recording  {output} (left: microphone, right: loudspeaker)")


def show_turn(turn: "TurnReport") -> None:
    """Question, answer and how long it took."""
    print_text(f"You        {turn.transcript}")
    print_text(f"Nearfield  {turn.reply_heard or '(nothing was heard)'}{' [interrupted]' if turn.interrupted else ''}")
    if turn.ttfa_ms is not None:
        print_text(f"TTFA       {turn.ttfa_ms:.0f} ms after the last word, measured in the waveforms")
    stages = "  ".join(
        f"{name.replace('_', ' ')} {ms:+.0f}" for name, ms in sorted(turn.stages_ms.items(), key=lambda x: x[1])
    )
    if stages:
        print_text(f"Stages     {stages} (ms)")
    print_text("")
