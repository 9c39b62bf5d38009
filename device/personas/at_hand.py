"""The skills of a persona where nobody talks: for `nearfield skills` and `nearfield chat`.

    bench = skills_at_hand(persona, settings)
    bench.say("Cancel order four two one nine.")

They are those that `nearfield run` loads, tools of servers apart. What skills keep (lists, what was talked of last) is
kept in memory and forgotten; what they do elsewhere is done. Timers, sound and the conversation are not lent.
"""

from pathlib import Path
from typing import TypeVar

from device.config import Settings
from device.config.dirs import config_dir
from device.diagnostics.board import BoardReader
from device.persona import Persona
from device.personas.skillset import load_persona_skills, permitted
from device.skills.journal import MemoryJournal
from device.skills.lent import Lent
from device.skills.registry import Registry
from device.skills.services import Customs, DeviceStatus, SkillCatalog
from device.skills.skill import SkillError
from device.skills.testing import SkillBench

_T = TypeVar("_T")


def skills_at_hand(
    persona: Persona, settings: Settings, *, folder: Path | None = None, language: str | None = None
) -> SkillBench:
    """`folder`, `language`: in place of those of the settings. Never raises for what is in a file."""
    language = language or settings.stt.language
    catalog, journal = _Catalog(), MemoryJournal()
    services = _AtTheKeyboard(
        {
            Persona: persona,
            Customs: Customs(clock_hours=settings.clock.hours),
            DeviceStatus: BoardReader(settings.session.database.parent),
            SkillCatalog: catalog,
        }
    )
    skills = load_persona_skills(
        permitted(persona, enabled=settings.skills.enabled),
        folder or skills_folder(settings),
        language=language,
        state=journal.state,
        services=services,
    )
    catalog.registry = skills.registry
    return SkillBench(skills=skills, now=None, services=services, language=language, journal=journal)


def skills_folder(settings: Settings) -> Path:
    """The owner's skills.d."""
    return settings.skills.folder or config_dir() / "skills.d"


class _AtTheKeyboard(Lent):
    def get(self, kind: type[_T]) -> _T:
        """Raises SkillError: only an assistant that runs has one."""
        try:
            return super().get(kind)
        except SkillError:
            raise SkillError("I can't do that here, only while I am spoken to.", hint=f"no {kind.__name__}") from None


class _Catalog:
    """`SkillCatalog`: it is lent before the skills are there."""

    def __init__(self) -> None:
        self.registry = Registry([])

    def names(self) -> tuple[str, ...]:
        return tuple(skill.name for skill in self.registry)
