"""`nearfield models`: what there is, fetch it, check it, find it.

nearfield models list
nearfield models pull --set tiny
"""

import enum
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from device.config import load_settings
from device.errors import UsageError
from models.errors import ModelError
from models.sources import Progress as TellProgress
from models.store import ModelStore, open_store

EXIT_INTERRUPTED = 130  #: 128 + SIGINT, as shells have it

models_app = typer.Typer(no_args_is_help=True, help="List, fetch and check the models.")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Configuration file.", metavar="FILE")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ModelsArgument = Annotated[
    list[str] | None, typer.Argument(help="Ids of models.", metavar="[ID]...", show_default=False)
]


class SetName(enum.StrEnum):
    """The sets of models that install.sh offers too."""

    none = "none"
    tiny = "tiny"
    base = "base"


SetOption = Annotated[SetName | None, typer.Option("--set", help="A set of models instead of ids.")]


@models_app.command("list")
def list_models(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every model of the catalogue and whether it is here."""
    store = _open(config)
    rows = [
        {
            "id": entry.id,
            "task": entry.task,
            "bytes": entry.bytes,
            "licence": entry.licence,
            "state": store.state(entry.id),
            "description": entry.description,
        }
        for entry in store.catalog.models.values()
    ]
    if as_json:
        _print_json({"directory": str(store.directory), "models": rows})
        return
    table = Table(box=None, pad_edge=False)
    for name, justify in (("model", "left"), ("task", "left"), ("MB", "right"), ("licence", "left"), ("state", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for row in rows:
        megabytes = f"{int(str(row['bytes'])) / 1e6:.1f}"
        table.add_row(str(row["id"]), str(row["task"]), megabytes, str(row["licence"]), str(row["state"]))
    console = Console()
    console.print(table)
    console.print(f"in {store.directory}", soft_wrap=True)


@models_app.command()
def pull(
    models: ModelsArgument = None,
    set_name: SetOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch models that are missing or damaged; those that are whole are left alone."""
    store = _open(config)
    ids = _chosen(store, models, set_name)
    done: dict[str, str] = {}
    try:
        with _progress_shown() as tell:
            for model_id in ids:
                done[model_id] = "pulled" if store.pull(model_id, tell) else "present"
                if not as_json:
                    print(f"{model_id}: {done[model_id]}")
    except KeyboardInterrupt:
        missing = " ".join(model_id for model_id in ids if model_id not in done)
        print(f"interrupted; go on with: nearfield models pull {missing}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        _print_json({"directory": str(store.directory), "models": done})


@models_app.command()
def verify(models: ModelsArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Hash every file of the models named, or of all that are here. Exit status 1 if one is not whole."""
    store = _open(config)
    ids = models or [model_id for model_id in store.catalog.models if store.state(model_id) != "missing"]
    problems: list[ModelError] = []
    results: dict[str, dict[str, str]] = {}
    for model_id in dict.fromkeys(ids):
        try:
            store.verify(model_id)
            results[model_id] = {"state": "present"}
            if not as_json:
                print(f"{model_id}: whole")
        except ModelError as error:
            problems.append(error)
            results[model_id] = {"state": "failed", "message": error.message, "hint": error.hint}
    if as_json:
        _print_json({"directory": str(store.directory), "models": results})
    else:
        for problem in problems:
            print(f"{problem.message}; to mend it: {problem.hint}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@models_app.command("path")
def show_path(
    model: Annotated[str, typer.Argument(help="Id of a model.", metavar="ID")],
    role: Annotated[str, typer.Option(help="Which of its files, if it has several.")] = "model",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print where a model's file is, after a quick check that it is whole."""
    path = _open(config).path(model, role)
    if as_json:
        _print_json({"model": model, "role": role, "path": str(path)})
    else:
        print(path)


def _open(config: Path | None) -> ModelStore:
    return open_store(load_settings(config).models.dir)


def _chosen(store: ModelStore, models: list[str] | None, set_name: SetName | None) -> list[str]:
    if bool(models) == (set_name is not None):
        raise UsageError("name the models to pull, or a set", hint="nearfield models pull --set tiny")
    ids = list(dict.fromkeys(models or store.catalog.members(str(set_name))))
    for model_id in ids:
        store.catalog.model(model_id)  # all names are known before the first byte is fetched
    return ids


def _print_json(result: object) -> None:
    print(json.dumps(result, indent=2, ensure_ascii=False))


@contextmanager
def _progress_shown() -> Iterator[TellProgress]:
    """A bar on stderr, one for each thing that is fetched. Without a terminal: one line for each."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def tell(step: str, done_bytes: int, total_bytes: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total_bytes or None)
                if not console.is_terminal:
                    print(f"  {step}", file=sys.stderr)
            bars.update(tasks[step], completed=done_bytes, total=total_bytes or None)

        yield tell
