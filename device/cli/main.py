"""The command `nearfield`.

    nearfield converse question.wav --output answer.wav

This module only says which commands there are and where they live; they are imported when they are called.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from device.cli.boundary import guarded
from device.cli.lazy import Lazy, lazy_group, reflowed
from device.cli.log_output import configure
from device.cli.options import VerboseOption

_TALK, _STAGES, _UPKEEP = "Talk", "One stage at a time", "Upkeep"

COMMANDS = {
    "run": Lazy("device.cli.run", "run", "The assistant on the sound card.", _TALK),
    "converse": Lazy("device.cli.converse", "converse", "The assistant on recordings, in place of a card.", _TALK),
    "demo": Lazy("device.cli.demo", "demo", "One question, one answer, and how long it took.", _TALK),
    "chat": Lazy("device.cli.chat", "chat", "Type instead of talk.", _TALK),
    "transcribe": Lazy("device.cli.stages", "transcribe", "Speech to text.", _STAGES),
    "say": Lazy("device.cli.stages", "say", "Text to speech.", _STAGES),
    "segment": Lazy("device.cli.stages", "segment", "Where somebody speaks in a recording.", _STAGES),
    "turn": Lazy("device.cli.turn_stage", "turn", "Has the speaker finished?", _STAGES),
    "wake": Lazy("device.cli.wake_stage", "wake", "Wake words in a recording, or live.", _STAGES),
    "cancel-echo": Lazy("device.cli.stages", "cancel_echo", "Take the loudspeaker out of a recording.", _STAGES),
    "ctl": Lazy("device.cli.ctl_command", "ctl_app", "Ask a running assistant: mute, say, volume, status.", _UPKEEP),
    "calibrate": Lazy("device.cli.calibrate_command", "calibrate", "Measure the card in its room.", _UPKEEP),
    "meter": Lazy("device.cli.meter_command", "meter", "Levels and echo, live.", _UPKEEP),
    "top": Lazy("device.cli.top_command", "top", "A running assistant, live in the terminal.", _UPKEEP),
    "trace": Lazy("device.cli.trace_command", "trace", "How long each step of a turn took.", _UPKEEP),
    "replay": Lazy("device.cli.replay_command", "replay", "A kept turn once more, through today's code.", _UPKEEP),
    "sessions": Lazy("device.cli.sessions_command", "sessions_app", "What was said and done; forget it.", _UPKEEP),
    "doctor": Lazy("device.cli.doctor_command", "doctor", "What is wrong, and the command that mends it.", _UPKEEP),
    "devices": Lazy("device.cli.devices_command", "devices", "Sound cards that are there.", _UPKEEP),
    "bench": Lazy("device.cli.bench_command", "bench_app", "Measure this machine, by the scripts of bench/.", _UPKEEP),
    "skills": Lazy("device.cli.skills_command", "skills_app", "What it can do, and the sentences for it.", _UPKEEP),
    "personas": Lazy(
        "device.cli.personas_command", "personas_app", "Who it can be, and what is wrong with one.", _UPKEEP
    ),
    "models": Lazy("device.cli.models_commands", "models_app", "Fetch, verify and find the models.", _UPKEEP),
    "setup": Lazy("device.cli.setup_command", "setup", "Set it up: a few questions, or a file of answers.", _UPKEEP),
    "update": Lazy("device.cli.update_command", "update", "Take a new release, or go back to the last one.", _UPKEEP),
    "config": Lazy("device.cli.config_commands", "config_app", "Show, check and find the configuration.", _UPKEEP),
}

app = typer.Typer(
    name="nearfield",
    cls=lazy_group(COMMANDS),
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        from device.version import software_version  # noqa: PLC0415 - reading metadata takes time

        print(f"nearfield {software_version()}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """An on-device voice assistant: it hears, thinks and speaks with no network.

    Exit status: 0 done, 1 failed, 2 bad usage, 75 start me again (a card or a model hangs), 130 interrupted. Examples:

      nearfield run                                        talk to it
      nearfield converse question.wav --output both.wav    the same on a recording
      nearfield say "Hello there." -o hello.wav            one stage alone
    """


def run_command(args: Sequence[str]) -> int:
    """Run `nearfield ARGS` in this process; returns the exit status and prints errors as the command does."""
    configure()
    return guarded(lambda: reflowed(get_command(app)).main(list(args), prog_name="nearfield", standalone_mode=False))


def main() -> None:
    """Entry point of the command `nearfield`."""
    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
