"""Skills as tools of a language model: what it is told, and what its requests are worth.

    specs = tool_specs(registry)
    meant = meaning_of(ToolRequest("set_timer", {"seconds": 300}), meanings)    # Meaning, or Refused

A request is held to the same rules as a sentence: the arguments are checked, `read_only` and `confirm` are the skill's.
"""

import json
import logging
from collections.abc import Callable

from device.dialogue.deeds import Meaning
from device.skills.meanings import Meanings, Refused
from device.skills.registry import Registry
from device.skills.skill import Skill
from models.json_grammar import SchemaError, call_grammar
from models.protocols import ToolRequest, ToolSpec

_log = logging.getLogger(__name__)

#: A request longer than this is none.
MOST_CHARS = 4_000


def tool_specs(registry: Registry) -> tuple[ToolSpec, ...]:
    """A tool for each skill; of its docstring the first paragraph.

    One whose arguments no grammar can be made of is left out: sentences may still call it.
    """
    return ToolShelf().of(registry)


class ToolShelf:
    """`tool_specs` of skills that come and go: each is looked at once, and complained of once. Not thread-safe."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Skill, ToolSpec | None]] = {}

    def of(self, registry: Registry) -> tuple[ToolSpec, ...]:
        """As `tool_specs`."""
        for skill in registry:
            if skill.name not in self._seen or self._seen[skill.name][0] is not skill:
                self._seen[skill.name] = skill, _spec_of(skill)
        specs = (self._seen[skill.name][1] for skill in registry)
        return tuple(spec for spec in specs if spec is not None)


def _spec_of(skill: Skill) -> ToolSpec | None:
    spec = ToolSpec(skill.name, " ".join(skill.description.split("\n\n")[0].split()), skill.schema)
    try:
        call_grammar([spec])
    except SchemaError as error:
        _log.warning("skill %s cannot be a tool of a language model: %s", skill.name, error)
        return None
    return spec


def meaning_of(request: ToolRequest, meanings: Meanings) -> Meaning | Refused:
    """Refused: no such skill, or arguments that it does not take; `error` is for the model. Never raises."""
    try:
        length = len(json.dumps(dict(request.arguments)))
    except (TypeError, ValueError, RecursionError) as error:
        return Refused("I can't do that.", f"the arguments are not JSON: {error}", understood=False)
    if length > MOST_CHARS:
        return Refused("I can't do that.", f"the arguments are {length:,} characters long", understood=False)
    meant = meanings.of(request.name, request.arguments)
    if isinstance(meant, Refused):
        _log.debug("the language model asked for %r: %s", request.name[:64], meant.error)
    return meant


def tool_check(meanings: Meanings) -> Callable[[ToolRequest], Meaning | str]:
    """For the conversation: what a request means, or why it is none, in words for the model."""

    def check(request: ToolRequest) -> Meaning | str:
        meant = meaning_of(request, meanings)
        return meant.error if isinstance(meant, Refused) else meant

    return check
