"""Options that many commands share, declared once.

def transcribe(files: ..., config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False):
    settings = settings_from(config, overrides)
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # pydantic takes 0.2 s to import, and --help does not need it
    from device.config import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file, in place of the ones looked for by itself."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one key, e.g. turn.end_silence_ms=800. May be repeated."),
]
EchoDbOption = Annotated[
    float | None, typer.Option("--echo-db", metavar="DB", help="The microphone hears the loudspeaker at this gain.")
]
EchoDelayOption = Annotated[
    float | None, typer.Option("--echo-delay-ms", metavar="MS", help="... after this delay (8 ms if not given).")
]
EchoIrOption = Annotated[
    Path | None, typer.Option("--echo-ir", metavar="IR.wav", help="... through this room impulse response.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _verbose(wanted: bool) -> None:
    if wanted:
        from device.cli.log_output import configure  # noqa: PLC0415 - logging is configured once in most runs

        configure(verbose=True)


VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", callback=_verbose, help="Tell on standard error what it does, as NEARFIELD_DEBUG=1."),
]


def settings_from(config: Path | None, overrides: list[str] | None) -> "Settings":
    """The settings in force for a command. Raises ConfigError."""
    from device.config import load_settings  # noqa: PLC0415 - see above

    return load_settings(config, overrides or ())


def print_json(value: Any) -> None:
    """One JSON value on one line of standard output, flushed: a program may be waiting for it."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_text(text: str, end: str = "\n") -> None:
    """Text that came from a model or a file, whatever the terminal can show of it."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)
