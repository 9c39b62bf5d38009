"""`nearfield personas list|show|check`: who the assistant can be, and what is wrong with a persona of one's own.

app.add_typer(personas_app, name="personas")
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from device.assembly import open_store
from device.config import Settings, load_settings
from device.config.dirs import config_dir
from device.documents.index import DocumentIndex
from device.errors import NearfieldError
from device.persona import Persona, known_personas, load_persona, settings_for
from device.personas.skillset import load_persona_skills
from models.errors import ModelError

personas_app = typer.Typer(no_args_is_help=True, help="Who it can be, and what is wrong with one.")

WhichArgument = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A persona, or the path of its file.")]


@personas_app.command("list")
def list_personas() -> None:
    """List all personas: yours, and those that come with the software."""
    table = Table(title_justify="left")
    for heading in ("persona", "answers", "skills", "from"):
        table.add_column(heading)
    for name in known_personas():
        try:
            persona = load_persona(name)
        except NearfieldError as error:
            table.add_row(name, "", "", error.message)
            continue
        table.add_row(name, persona.answers, _skills(persona), persona.source)
    Console().print(table)


@personas_app.command()
def show(which: WhichArgument) -> None:
    """Show what a persona is made of."""
    persona = load_persona(which)
    rows = {
        "name": persona.name,
        "file": persona.source,
        "greeting": persona.greeting,
        "answers": persona.answers,
        "otherwise": persona.otherwise,
        "voice": persona.voice or "as configured",
        "skills": _skills(persona),
        "own skills": str(persona.own_skills or ""),
        "documents": str(persona.documents or ""),
        "database": str(persona.database or ""),
        "[turn]": _keys(persona.turn),
        "[llm]": _keys(persona.llm),
        "prompt": persona.prompt,
    }
    for name, value in rows.items():
        if value:
            print(f"{name:<11}{value}")


@personas_app.command()
def check(which: WhichArgument) -> None:
    """Say everything that is wrong with a persona, its skills and its documents. Exit status 1: something is."""
    persona = load_persona(which)
    settings = load_settings()
    problems = _problems(persona, settings)
    for problem in problems:
        print(problem)
    if problems:
        counted = "1 complaint" if len(problems) == 1 else f"{len(problems)} complaints"
        raise NearfieldError(f"persona '{persona.name}': {counted}", hint="what is complained of is left out")
    print(f"persona '{persona.name}': nothing to complain of")


def _problems(persona: Persona, settings: Settings) -> list[str]:
    problems: list[str] = []
    try:
        settings_for(persona, settings)
    except NearfieldError as error:
        problems.append(error.message)
    if persona.voice:
        try:
            open_store(settings).path(persona.voice)
        except ModelError as error:
            problems.append(f"{persona.source}: voice: {error.message}; {error.hint}")
    # what is wrong in skills.d concerns every persona: 'nearfield skills check' tells
    own = (persona.source, str(persona.own_skills or persona.source))
    skills = load_persona_skills(persona, config_dir() / "skills.d")
    problems += [str(complaint) for complaint in skills.complaints if complaint.where.startswith(own)]
    if persona.documents is not None:
        index = DocumentIndex(persona.documents)
        problems += [str(complaint) for complaint in index.complaints]
        if index.sections == 0:
            problems.append(f"{persona.documents}: holds nothing that could be answered from")
    return problems


def _skills(persona: Persona) -> str:
    if persona.skills is None:
        return "all"
    return ", ".join(persona.skills) or "none"


def _keys(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in values.items())
