"""`nearfield doctor`: what is wrong, what it means, and the command that mends it (docs/doctor.md)."""

import io
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text

if TYPE_CHECKING:  # --help needs none of these
    from collections.abc import Callable

    from device.diagnostics.doctor.examination import Examination
    from device.diagnostics.doctor.finding import Finding


def doctor(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This check alone. May be repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Without the test sentence and the test turn.")] = False,
    listen: Annotated[
        bool, typer.Option("--listen", help="Play a short sweep: is the loudspeaker heard by the microphone?")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="FILE.tar.gz", help="Write a support archive too: no sound, no words said."),
    ] = None,
    with_transcripts: Annotated[
        bool, typer.Option("--with-transcripts", help="What was said and answered goes into the archive as well.")
    ] = False,
    list_checks: Annotated[bool, typer.Option("--list", help="Say which checks there are, and try none.")] = False,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is wrong with this device, what it means, and the command that mends it.

    Checks follow the path of a sample: board, sound card, models, a test turn, the record, the service. While an
    assistant runs it is asked, and keeps the card.

    Exit status: 0 nothing failed (there may be warnings), 1 a check failed, 2 bad usage. Examples:

      nearfield doctor

      nearfield doctor --only card --only microphone

      nearfield doctor --bundle report.tar.gz
    """
    from device.diagnostics.doctor.checks import CHECKS  # noqa: PLC0415
    from device.errors import UsageError  # noqa: PLC0415

    if list_checks:
        if as_json:
            print_json([{"name": c.name, "asks": c.asks, "needs": list(c.needs)} for c in CHECKS])
        else:
            print_text("\n".join(f"{check.name:<15} {check.asks}" for check in CHECKS))
        return
    if with_transcripts and bundle is None:
        raise UsageError("--with-transcripts belongs to --bundle", hint="name the archive: --bundle report.tar.gz")
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415
    from device.diagnostics.doctor.examination import Examination  # noqa: PLC0415
    from device.diagnostics.doctor.models_probe import ModelTrial  # noqa: PLC0415
    from device.diagnostics.doctor.probe import Probe  # noqa: PLC0415
    from device.diagnostics.doctor.sound_probe import CardSound  # noqa: PLC0415

    probe = Probe(
        sound=CardSound(open_sound_card),
        models=ModelTrial(),
        config=config,
        overrides=tuple(overrides or ()),
        listen=listen,
    )
    examination = Examination(CHECKS, probe, only=only or (), quick=quick)
    began_s = time.monotonic()
    findings = _run(examination, quiet=as_json)
    seconds = time.monotonic() - began_s
    from device.diagnostics.doctor.report import as_json as findings_json  # noqa: PLC0415
    from device.diagnostics.doctor.report import summary  # noqa: PLC0415

    result = findings_json(findings, examination.took_ms, seconds)
    if as_json:
        print_json(result)
    else:
        print_text(summary(findings, seconds))
    if bundle is not None:
        from device.diagnostics.doctor.bundle import write_bundle  # noqa: PLC0415

        names = write_bundle(bundle, probe, result, _text(findings), with_transcripts=with_transcripts)
        if not as_json:
            print_text(f"{bundle}: {len(names)} files; look through it before you pass it on")
    status = 0 if result["ok"] else 1
    if examination.hung:  # its thread hangs in a driver, and so would the end of this process
        sys.stdout.flush()
        os._exit(status)
    raise typer.Exit(status)


def _run(examination: "Examination", *, quiet: bool) -> "list[Finding]":
    """Shown as they come."""
    show = (lambda _finding: None) if quiet else _shower(None)
    findings = []
    for finding in examination.run():
        show(finding)
        findings.append(finding)
    return findings


def _shower(file: io.StringIO | None) -> "Callable[[Finding], None]":
    from rich.console import Console  # noqa: PLC0415

    from device.diagnostics.doctor.report import print_finding  # noqa: PLC0415

    console = Console(file=file, highlight=False)
    return lambda finding: print_finding(console, finding)


def _text(findings: "list[Finding]") -> str:
    """As on a terminal without colours, for the archive."""
    file = io.StringIO()
    show = _shower(file)
    for finding in findings:
        show(finding)
    return file.getvalue()
