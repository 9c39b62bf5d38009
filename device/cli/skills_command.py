"""`nearfield skills list|try|check`: what it can do, and what is wrong with a file of one's own.

app.add_typer(skills_app, name="skills")
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from device.cli.options import ConfigOption, SetOption, settings_from
from device.dialogue.deeds import Meaning, Outcome
from device.errors import NearfieldError, UsageError
from device.persona import Persona, load_persona
from device.personas.at_hand import skills_at_hand, skills_folder
from device.skills.complaints import Complaint
from device.skills.loading import CannotImportError, import_file
from device.skills.registry import load_registry
from device.skills.sentences import load_sentences, sentence_files
from device.skills.skillset import Skillset, load_skillset
from device.skills.templates import Templates
from device.skills.testing import SkillBench
from device.skills.wordings import wordings

_EXAMPLES = 3

skills_app = typer.Typer(no_args_is_help=True, help="What it can do, and the sentences for it.")

FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Your skills.", show_default="skills.d beside the configuration")
]
LanguageOption = Annotated[
    str | None, typer.Option("--language", help="Of the sentences, such as en.", show_default="as configured")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def _named(given: Path | None) -> Path | None:
    """Raises UsageError: it was named, and does not exist."""
    if given is not None and not given.is_dir():
        raise UsageError(f"there is no folder {given}", hint="name the folder that holds your *.py and *.yaml")
    return given


def _at_hand(
    folder: Path | None, language: str | None, config: Path | None, overrides: list[str] | None
) -> tuple[Persona, SkillBench]:
    """The persona that is configured, and its skills. Raises UsageError, ConfigError."""
    settings = settings_from(config, overrides)
    persona = load_persona(settings.persona)
    return persona, skills_at_hand(persona, settings, folder=_named(folder), language=language)


@skills_app.command("list")
def list_skills(
    folder: FolderOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all skills of the configured persona: where each comes from, and some of the sentences that call it."""
    persona, bench = _at_hand(folder, language, config, overrides)
    skills = bench.skills
    if as_json:
        print(json.dumps([_described(skills, name) for name in sorted(s.name for s in skills.registry)], indent=2))
        return
    table = Table(title=f"{len(skills.registry)} skills", title_justify="left")
    for heading in ("skill", "from", "what it does, and how it is said"):
        table.add_column(heading)
    for skill in sorted(skills.registry, key=lambda skill: (skills.registry.origin(skill.name), skill.name)):
        texts = skills.sentences.texts.get(skill.name, [])
        shown = [f"“{text}”" for text in texts[:_EXAMPLES]]
        more = [f"and {len(texts) - _EXAMPLES} more sentences"] if len(texts) > _EXAMPLES else []
        lines = [skill.description.splitlines()[0], *shown, *more]
        table.add_row(skill.name, Path(skills.registry.origin(skill.name)).name, escape("\n".join(lines)))
    Console().print(table)
    own = (persona.source, str(persona.own_skills or persona.source))
    of_persona = sum(complaint.where.startswith(own) for complaint in skills.complaints)
    if of_persona:
        print(f"{_counted(of_persona, 'complaint')}; 'nearfield personas check {persona.source}' shows them")
    if len(skills.complaints) > of_persona:
        print(f"{_counted(len(skills.complaints) - of_persona, 'complaint')}; 'nearfield skills check' shows them")


@skills_app.command("try")
def try_sentence(
    sentence: Annotated[str, typer.Argument(help="What might be said.")],
    do: Annotated[
        bool, typer.Option("--do", help="Carry it out, questions answered with yes; what it keeps is forgotten.")
    ] = False,
    folder: FolderOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a sentence means to the configured persona, and what would be said; nothing is done unless --do.

    Exit status 1: no sentence fits, the language model would answer.
    """
    _, bench = _at_hand(folder, language, config, overrides)
    skills = bench.skills
    meaning = bench.understand(sentence)
    outcome = bench.do(meaning) if do and meaning is not None else None
    if as_json:
        print(json.dumps({"meaning": _as_json(meaning), "outcome": _as_json(outcome)}, indent=2))
    elif meaning is not None:
        _show(skills, sentence, meaning, outcome)
    if meaning is None:
        _explain(skills, sentence)


@skills_app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="One file instead of all.", show_default=False)] = None,
    folder: FolderOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Say everything that is wrong with skills and sentences, with file and line. Exit status 1: something is."""
    settings = settings_from(config, overrides)
    language = language or settings.stt.language
    owners = _named(folder) or skills_folder(settings)
    if file is None:
        skills = load_skillset(owners, language=language)
        complaints: list[Complaint] = list(skills.complaints)
        good = f"{_counted(len(skills.registry), 'skill')}, {_counted(_sentences(skills), 'sentence')}"
    else:
        complaints = _check_file(file, owners, language)
        good = str(file)
    for complaint in complaints:
        print(complaint)
    if complaints:
        raise NearfieldError(_counted(len(complaints), "complaint"), hint="what is complained of is left out")
    print(f"{good}: nothing to complain of")


def _check_file(file: Path, folder: Path, language: str) -> list[Complaint]:
    """What is wrong in `file`, wherever it lies; sentences may call all skills, and those of a file beside them."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", hint="name a file of skills (*.py) or of sentences (*.yaml)")
    if file.suffix == ".py":
        try:
            import_file(file)
        except CannotImportError as error:
            return [error.complaint]
        return [c for c in load_registry(file.parent)[1] if c.where == str(file)]
    beside = file.parent if file.parent.resolve() != folder.resolve() else folder
    registry, _ = load_registry(beside)
    others = [path for path in sentence_files(beside, language) if path.resolve() != file.resolve()]
    spoken = load_sentences([*others, file], registry, Templates(), language)
    return [complaint for complaint in spoken.complaints if complaint.where == str(file)]


def _described(skills: Skillset, name: str) -> dict[str, object]:
    skill = skills.registry.get(name)
    assert skill is not None
    return {
        "name": name,
        "group": skill.group,
        "from": skills.registry.origin(name),
        "description": skill.description,
        "read_only": skill.read_only,
        "confirm": skill.confirm,
        "aside": skill.aside,
        "timeout_s": skill.timeout_s,
        "arguments": skill.schema,
        "sentences": skills.sentences.texts.get(name, []),
    }


def _show(skills: Skillset, sentence: str, meaning: Meaning, outcome: Outcome | None) -> None:
    reading = skills.fast_path.best_reading(sentence)
    arguments = ", ".join(f"{name}={value!r}" for name, value in meaning.arguments.items())
    print(f"skill     {meaning.skill}({arguments})")
    if reading is not None:
        print(f"sentence  {reading.match.sentence}")
    if meaning.question:
        print(f"asks      {meaning.question}")
    if meaning.aside:
        print(f"promises  {meaning.promise}")
    if outcome is None:
        print(f"says      {meaning.says if meaning.says is not None else '(known when it has been done; --do)'}")
        return
    print(f"outcome   {outcome.status}")
    print(f"says      {outcome.say or meaning.says or ''}")
    for name, value in (("data", outcome.data), ("error", outcome.error)):
        if value:
            print(f"{name:<9} {value}")


def _explain(skills: Skillset, sentence: str) -> None:
    """Raises NearfieldError: why `sentence` means nothing."""
    names = {reading.meaning.skill for wording in wordings(sentence) for reading in skills.fast_path.readings(wording)}
    if len(names) > 1:
        raise NearfieldError(
            f"the sentence fits {' and '.join(sorted(names))} equally well, so it means none of them",
            hint="take the words from one of them",
        )
    unable = skills.fast_path.unable(sentence)
    would = f'"{unable.say}" would be said' if unable is not None else "the language model would answer"
    raise NearfieldError(f"no sentence fits; {would}", hint="'nearfield skills list' shows some")


def _sentences(skills: Skillset) -> int:
    return sum(len(texts) for texts in skills.sentences.texts.values())


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _as_json(thing: Meaning | Outcome | None) -> dict[str, object] | None:
    return {name: getattr(thing, name) for name in thing.__slots__} if thing is not None else None
