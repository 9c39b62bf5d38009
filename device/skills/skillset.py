"""Everything that is needed of skills, loaded and put together.

skills = load_skillset(config_dir() / "skills.d")
skills.fast_path.interpret("What time is it?")
runner = SkillRunner(skills.meanings, journal, services)
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.skills.complaints import Complaint
from device.skills.fast_path import FastPath
from device.skills.meanings import Meanings
from device.skills.registry import Registry, load_registry
from device.skills.sentences import Sentences, load_sentences, sentence_files
from device.skills.skill import Skill
from device.skills.templates import Templates


@dataclass(frozen=True)
class Skillset:
    """`complaints`: what was left out, and why."""

    registry: Registry
    sentences: Sentences
    meanings: Meanings
    fast_path: FastPath
    complaints: tuple[Complaint, ...]


def load_skillset(
    folder: Path | None,
    *,
    language: str = "en",
    builtin: bool = True,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    tools: Collection[Skill] = (),
) -> Skillset:
    """Skills and sentences: ours (`builtin`) and those of installed packages, those in `folder` (skills.d; None: none).

    `filters` of the responses; None: those of `device.skills.spoken`. `tools`: of servers. Never raises for what is in
    a file.
    """
    registry, complaints = load_registry(folder, builtin=builtin, installed=builtin)
    registry = registry.plus(tools)
    files = sentence_files(folder, language, builtin=builtin)
    sentences = load_sentences(files, registry, Templates(filters), language)
    return assemble(registry, sentences, [*complaints, *sentences.complaints])


def assemble(
    registry: Registry,
    sentences: Sentences,
    complaints: Collection[Complaint] = (),
    meanings: Meanings | None = None,
) -> Skillset:
    """From the parts, such as those of a persona or of a test. `meanings`: None for what the parts alone say."""
    meanings = meanings or Meanings(registry, sentences.responses)
    return Skillset(registry, sentences, meanings, FastPath(sentences, meanings), tuple(complaints))
