"""Skills of files, and others that come and go while it runs: the tools of servers.

    skills = LiveSkillset(folder, language="en")
    runner = SkillRunner(skills.meanings, journal, services)        # once, for good
    skills.renew(bridges.skills, bridges.known)                     # whenever they have changed, from any thread

A skill that is known but away is offered to nobody, and a sentence for it is still understood: who says it is told that
the server cannot be reached, and no language model makes something up.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from device.dialogue.deeds import Meaning
from device.skills.complaints import Complaint
from device.skills.meanings import Checked, Meanings, Refused
from device.skills.registry import Origin, Registry, load_registry
from device.skills.sentences import load_sentences, sentence_files
from device.skills.skill import Skill
from device.skills.skillset import Skillset, assemble
from device.skills.templates import Templates

_log = logging.getLogger(__name__)


class LiveSkillset:
    """What a `Skillset` is for whoever uses one, but that it changes. Safe to use from any thread."""

    def __init__(
        self,
        folder: Path | None,
        *,
        language: str = "en",
        builtin: bool = True,
        allowed: Collection[str] | None = None,
        filters: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """As `load_skillset`. The owner's files are imported here, once; sentences are read again by `renew`."""
        self._folder = folder
        self._language = language
        self._builtin = builtin
        self._allowed = allowed
        self._filters = filters
        self._base, found = load_registry(folder, builtin=builtin, installed=builtin)
        self._lock = threading.Lock()
        self._told: set[Complaint] = set()
        self._known: tuple[Skill, ...] = ()
        self._complaints = tuple(found)
        self._now = self._loaded(())
        self._offered = self._now.registry
        self.meanings = _LiveMeanings(self)
        self.fast_path = _LiveFastPath(self)

    @property
    def now(self) -> Skillset:
        """All that is understood at this moment."""
        return self._now

    @property
    def registry(self) -> Registry:
        """What is offered at this moment: for a language model, and for "what can you do"."""
        return self._offered

    @property
    def complaints(self) -> tuple[Complaint, ...]:
        """What is wrong in files, as `load_skillset` has it."""
        return (*self._complaints, *self._now.complaints)

    def names(self) -> tuple[str, ...]:
        """`SkillCatalog`."""
        return tuple(skill.name for skill in self._offered)

    def renew(self, offered: Iterable[Skill], known: Iterable[Skill] = ()) -> None:
        """`offered` are there now; `known` have been, and are understood still. 0.2 s if there are new ones."""
        with self._lock:
            here = {skill.name: skill for skill in offered}
            both = {skill.name: skill for skill in known} | here
            others = tuple(skill for skill in both.values() if skill.name not in self._base)
            for name in sorted(set(both) & {skill.name for skill in self._base}):
                self._say(Complaint(f"tool of a server: {name}", 0, f"there is a skill '{name}' already"))
            if others != self._known:
                self._known = others
                self._now = self._loaded(others)
                for complaint in self._now.complaints:
                    self._say(complaint)
            self._offered = Registry([s for s in self._now.registry if s.name in self._base or s.name in here])

    def _loaded(self, others: tuple[Skill, ...]) -> Skillset:
        origins = {skill.name: Origin(self._base.origin(skill.name)) for skill in self._base}
        origins |= {skill.name: Origin(f"server '{skill.group}'") for skill in others}
        registry = Registry([*self._base, *others], origins)
        files = sentence_files(self._folder, self._language, builtin=self._builtin)
        sentences = load_sentences(files, registry, Templates(self._filters), self._language)
        if self._allowed is not None:
            registry = registry.only(self._allowed)
            return assemble(registry, sentences.only(registry), sentences.complaints)
        return assemble(registry, sentences, sentences.complaints)

    def _say(self, complaint: Complaint) -> None:
        if complaint not in self._told and complaint not in self._complaints:
            self._told.add(complaint)
            _log.warning("%s", complaint)


class _LiveMeanings(Meanings):
    """Those of the moment."""

    def __init__(self, skills: LiveSkillset) -> None:
        super().__init__(Registry([]), {})
        self._skills = skills

    def check(self, name: str, raw: Mapping[str, Any]) -> Checked | Refused:
        return self._skills.now.meanings.check(name, raw)

    def of(self, name: str, raw: Mapping[str, Any]) -> Meaning | Refused:
        return self._skills.now.meanings.of(name, raw)

    def words(self, checked: Checked, result: Mapping[str, Any] | None) -> str | None:
        return self._skills.now.meanings.words(checked, result)


class _LiveFastPath:
    """The `Interpreter` of the moment."""

    def __init__(self, skills: LiveSkillset) -> None:
        self._skills = skills

    def interpret(self, text: str) -> Meaning | None:
        """As `FastPath`."""
        return self._skills.now.fast_path.interpret(text)

    @property
    def hints(self) -> str:
        """As `FastPath`."""
        return self._skills.now.fast_path.hints

    def guess(self, heard: str, again: str) -> Meaning | None:
        """As `FastPath`."""
        return self._skills.now.fast_path.guess(heard, again)
