"""`nearfield replay`: a kept turn once more, through today's code (docs/replay.md)."""

from typing import Annotated

import typer

from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from


def replay(
    which: Annotated[
        str,
        typer.Argument(metavar="TURN|SESSION/TURN|last", help="A turn of the newest session, of another, or the last."),
    ] = "last",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a turn that was kept again, with the code and the settings of today, and show what differs.

    Nothing is written to the session record and nothing is done a second time. The sound of turns is kept only where
    retention.audio says so. Takes as long as the turn did. Examples:

      nearfield replay

      nearfield replay 12/7 --set stt.model=whisper-base --json
    """
    from device.assembly import load_models  # noqa: PLC0415
    from device.converse.kept_turn import kept_turn  # noqa: PLC0415
    from device.converse.replay import Replay  # noqa: PLC0415
    from device.converse.replay_report import compared, report_lines  # noqa: PLC0415
    from device.persona import load_persona, settings_for  # noqa: PLC0415
    from device.session.store import SessionStore  # noqa: PLC0415

    settings = settings_from(config, overrides)
    kept = kept_turn(SessionStore.existing(settings.session.database), which)
    persona = load_persona(settings.persona)
    if persona.name != kept.session.persona:  # the record has names alone, and the configuration perhaps a path
        persona = load_persona(kept.session.persona)
    settings = settings_for(persona, settings)
    again = Replay(settings, persona, load_models(settings, persona), kept).run()
    report = compared(kept, again)
    if as_json:
        print_json(report.to_json())
    else:
        print_text("\n".join(report_lines(report)))
