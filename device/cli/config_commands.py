"""`nearfield config show|check|path`.

nearfield config show --defaults > nearfield.toml
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from device.cli.boundary import one_line
from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text
from device.config.describe import as_toml, as_toml_with_origins
from device.config.load import InvalidConfigError, candidate_files, find_file, load_config
from device.config.schema import Settings
from device.errors import ConfigError
from device.persona import load_persona

config_app = typer.Typer(
    name="config",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Show, check and find the configuration.",
)


@config_app.command()
def show(
    config: ConfigOption = None,
    overrides: SetOption = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="The defaults instead, with what each key means: a file to begin with.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The settings in force and where each is from, as TOML.

    Examples:

      nearfield config show
      nearfield config show --json --set turn.end_silence_ms=800
      nearfield config show --defaults > nearfield.toml
    """
    if defaults:
        settings = Settings()
        if as_json:
            print_json({"settings": settings.model_dump(mode="json")})
        else:
            print_text(as_toml(settings), end="")
        return
    loaded = load_config(config, overrides or ())
    if as_json:
        print_json(
            {
                "file": str(loaded.file) if loaded.file else None,
                "settings": loaded.settings.model_dump(mode="json"),
                "origins": loaded.origins,
            }
        )
    else:
        print_text(f"# file: {loaded.file or 'none'}\n" + as_toml_with_origins(loaded.settings, loaded.origins), end="")


@config_app.command()
def check(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Is the configuration right? Every mistake on a line of its own; exit status 2 if there is one.

    Examples:

      nearfield config check
      nearfield config check --config /etc/nearfield/nearfield.toml
    """
    file: Path | None = None
    problems: list[str] = []
    try:
        file = find_file(config, os.environ)
        load_persona(load_config(config, overrides or ()).settings.persona)
    except InvalidConfigError as error:
        problems = list(error.problems)
    except ConfigError as error:
        problems = [one_line(error.message, error.hint)]
    if as_json:
        print_json({"ok": not problems, "file": str(file) if file else None, "problems": problems})
    elif not problems:
        print_text(f"{file or 'no file, the defaults'}: ok")
    else:
        for problem in problems:
            typer.echo(f"nearfield: {one_line(problem)}", err=True)
    if problems:
        raise typer.Exit(2)


@config_app.command()
def path(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The file in use; exit status 1 and where it was looked for if there is none.

    Example:

      nearfield config path
    """
    file = find_file(config, os.environ)
    searched = [str(candidate) for candidate in candidate_files(os.environ)]
    if as_json:
        print_json({"file": str(file) if file else None, "searched": searched})
    elif file:
        print_text(str(file))
    else:
        hint = "'nearfield config show --defaults > nearfield.toml' writes one"
        typer.echo(f"nearfield: there is no configuration file; looked for {', '.join(searched)}. {hint}", err=True)
    if not file:
        raise typer.Exit(1)
