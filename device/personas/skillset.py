"""The skills of a persona: those of everybody that it is content with, and its own.

    skills = load_persona_skills(persona, config_dir() / "skills.d", state=journal.state, services=services)
    skills.fast_path.interpret("Cancel order four two one nine.").question

Its own are in the folder `skills` beside its persona.toml, in the form of skills.d; they are always allowed.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from device.persona import Persona
from device.skills.complaints import Complaint
from device.skills.journal import MemoryJournal
from device.skills.lent import Lent
from device.skills.prepared import PreparingMeanings
from device.skills.registry import Origin, Registry, load_registry
from device.skills.sentences import load_sentences, sentence_files
from device.skills.skill import Context, Services, Skill, State
from device.skills.skillset import Skillset, assemble
from device.skills.templates import Templates


def load_persona_skills(
    persona: Persona,
    folder: Path | None,
    *,
    language: str = "en",
    state: Callable[[str], State] | None = None,
    services: Services | None = None,
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    tools: Collection[Skill] = (),
) -> Skillset:
    """As `load_skillset`, for what `persona` may do. Never raises for what is in a file.

    `folder`: the owner's skills.d. `state` (of a group; the journal's) and `services` are what skills are lent that
    look before they ask; None: nothing is kept, nothing is lent. `tools`: of servers.
    """
    registry, complaints = load_registry(folder)
    registry = registry.plus(tools)
    own, own_complaints = _own_skills(persona)
    # a sentence for a skill that this persona goes without is no mistake in its file
    everything, doubled = _joined(own, registry)
    if persona.skills is not None:
        complaints += _unknown(persona, registry, own)
        registry = registry.only(persona.skills)
    registry, _ = _joined(own, registry)
    paths = sentence_files(folder, language) + _own_sentences(persona)
    sentences = load_sentences(paths, everything, Templates(), language)
    kept, lent = state or MemoryJournal().state, services or Lent()

    def looking(skill: Skill) -> Context:
        return Context(now(), "", kept(skill.group), lent, language)

    meanings = PreparingMeanings(registry, sentences.responses, looking)
    found = [*complaints, *own_complaints, *doubled, *sentences.complaints]
    return assemble(registry, sentences.only(registry), found, meanings)


def permitted(persona: Persona, *, enabled: bool) -> Persona:
    """`persona`; without any skills where they are not `enabled` (skills.enabled)."""
    return persona if enabled else replace(persona, skills=(), own_skills=None)


def _own_skills(persona: Persona) -> tuple[Registry, list[Complaint]]:
    if persona.own_skills is None:
        return Registry([]), []
    return load_registry(persona.own_skills, builtin=False, installed=False)


def _own_sentences(persona: Persona) -> list[Path]:
    return sorted(persona.own_skills.glob("*.yaml")) if persona.own_skills is not None else []


def _joined(first: Registry, second: Registry) -> tuple[Registry, list[Complaint]]:
    """A persona's own skill takes the place of another of its name: its author wrote both file and folder."""
    skills = {skill.name: skill for skill in [*second, *first]}
    origins = {
        skill.name: Origin((first if skill.name in first else second).origin(skill.name)) for skill in skills.values()
    }
    replaced = [
        Complaint(first.origin(s.name), 0, f"takes the place of the skill '{s.name}'")
        for s in first
        if s.name in second
    ]
    return Registry(skills.values(), origins), replaced


def _unknown(persona: Persona, registry: Registry, own: Registry) -> list[Complaint]:
    known = {name for skill in [*registry, *own] for name in (skill.name, skill.group)}
    return [
        Complaint(persona.source or persona.name, 0, f"there is no skill or group of skills '{name}'")
        for name in persona.skills or ()
        if name not in known
    ]
