"""A command group that imports a command only when it is called, so that `--help` answers at once.

    app = typer.Typer(cls=lazy_group({"run": Lazy("device.cli.run", "run", "The appliance on the sound card.")}))

numpy, onnxruntime and llama.cpp take a second to import on a Raspberry Pi; a list of commands needs none of them.
"""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from device.errors import NearfieldError


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command, or a group of commands, that lives elsewhere."""

    module: str
    attribute: str  #: a function with typer parameters, or a typer.Typer
    summary: str  #: the line in the list of commands
    panel: str  #: the heading it stands under


def lazy_group(table: Mapping[str, Lazy]) -> type[TyperGroup]:
    """A group class with these commands, listed in this order."""

    class LazyGroup(TyperGroup):
        def __init__(self, **attrs: Any) -> None:
            super().__init__(**attrs)
            for name, lazy in table.items():
                # stands in for the command in lists and completion
                self.add_command(TyperCommand(name, help=lazy.summary, rich_help_panel=lazy.panel), name)

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is typer's
            return list(table)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, _stand_in, rest = super().resolve_command(ctx, args)
            return (name, load(str(name), table[str(name)]), rest) if name else (name, _stand_in, rest)

    return LazyGroup


def load(name: str, lazy: Lazy) -> Any:
    """The command itself, imported now. Raises NearfieldError when this installation lacks its module."""
    try:
        target = getattr(importlib.import_module(lazy.module), lazy.attribute)
    except ModuleNotFoundError as error:
        if error.name != lazy.module:
            raise
        raise NearfieldError(
            f"the command '{name}' is not part of this installation", hint="run './install.sh' to mend it"
        ) from error
    if isinstance(target, typer.Typer):
        # get_command turns an app of one command into that command, but gives a group options of shell completion
        alone = len(target.registered_commands) == 1 and not target.registered_groups and not target.registered_callback
        return reflowed(get_command(target) if alone else get_group(target))
    single = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
    single.command(name)(target)
    return reflowed(get_command(single))


def reflowed(command: Any) -> Any:
    """The same command, the paragraphs of its help joined to one line each: the terminal wraps them to its own width.

    Indented lines are examples and stay as they are.
    """
    if command.help:
        paragraphs = inspect.cleandoc(command.help).split("\n\n")
        command.help = "\n\n".join(p if p.startswith(" ") else " ".join(p.split()) for p in paragraphs)
    for below in getattr(command, "commands", {}).values():
        reflowed(below)
    return command
