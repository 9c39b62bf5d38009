"""Skills of files, and others that come and go while it runs: the tools of servers.

    skills = LiveSkillset(lambda tools: load_skillset(folder, tools=tools))
    runner = SkillRunner(skills.meanings, journal, services)        # once, for good
    skills.renew(bridges.skills, bridges.known)                     # whenever they have changed, from any thread

A skill that is known but away is offered to nobody, and a sentence for it is still understood: who says it is told that
the server cannot be reached, and no language model makes something up.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from device.dialogue.deeds import Meaning, Unable
from device.skills.complaints import Complaint
from device.skills.meanings import Checked, Meanings, Refused
from device.skills.registry import Registry
from device.skills.skill import Skill
from device.skills.skillset import Skillset

_log = logging.getLogger(__name__)


class LiveSkillset:
    """What a `Skillset` is for whoever uses one, but that it changes. Safe to use from any thread."""

    def __init__(self, load: Callable[[tuple[Skill, ...]], Skillset]) -> None:
        """`load` gives all skills, with the tools of servers that it is handed; called again for new ones."""
        self._load = load
        self._lock = threading.Lock()
        self._tools: tuple[Skill, ...] = ()
        self._now = load(())
        self._offered = self._now.registry
        self._told = set(self._now.complaints)
        self.complaints = self._now.complaints
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

    def names(self) -> tuple[str, ...]:
        """`SkillCatalog`."""
        return tuple(skill.name for skill in self._offered)

    def renew(self, offered: Iterable[Skill], known: Iterable[Skill] = ()) -> None:
        """`offered` are there now; `known` have been, and are understood still. 0.2 s if there are new ones."""
        with self._lock:
            here = {skill.name: skill for skill in offered}
            tools = tuple(({skill.name: skill for skill in known} | here).values())
            if tools != self._tools:
                self._tools = tools
                now = self._load(tools)
                now.fast_path.near("")  # what it needs for that is made at the first call: not while somebody waits
                self._now = now
                for complaint in self._now.complaints:
                    self._say(complaint)
                for tool in tools:
                    if self._now.registry.get(tool.name) not in (tool, None):
                        self._say(Complaint(f"server '{tool.group}'", 0, f"there is a skill '{tool.name}' already"))
            away = [tool for tool in tools if tool.name not in here]
            self._offered = self._now.registry.without(away)

    def _say(self, complaint: Complaint) -> None:
        if complaint not in self._told:
            self._told.add(complaint)
            _log.warning("%s", complaint)


class _LiveMeanings(Meanings):
    """Those of the moment."""

    def __init__(self, skills: LiveSkillset) -> None:
        super().__init__(Registry([]), {})
        self._skills = skills

    def __contains__(self, name: object) -> bool:
        return name in self._skills.now.meanings

    def is_ours(self, name: str) -> bool:
        return self._skills.now.meanings.is_ours(name)

    def check(self, name: str, raw: Mapping[str, Any]) -> Checked | Refused:
        return self._skills.now.meanings.check(name, raw)

    def of(self, name: str, raw: Mapping[str, Any]) -> Meaning | Refused:
        return self._skills.now.meanings.of(name, raw)

    def words(self, checked: Checked, result: Mapping[str, Any] | None) -> str | None:
        return self._skills.now.meanings.words(checked, result)


class _LiveFastPath:
    """The `Interpreter` of the moment, and its `SecondLook`."""

    def __init__(self, skills: LiveSkillset) -> None:
        self._skills = skills

    def interpret(self, text: str) -> Meaning | None:
        """As `FastPath`."""
        return self._skills.now.fast_path.interpret(text)

    def unable(self, text: str) -> Unable | None:
        """As `FastPath`."""
        return self._skills.now.fast_path.unable(text)

    @property
    def hints(self) -> str:
        """As `FastPath`."""
        return self._skills.now.fast_path.hints

    def near(self, text: str) -> bool:
        """As `FastPath`."""
        return self._skills.now.fast_path.near(text)

    def guess(self, heard: str, again: str) -> Meaning | None:
        """As `FastPath`."""
        return self._skills.now.fast_path.guess(heard, again)
