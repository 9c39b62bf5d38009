"""From the name of a skill and raw arguments to what is to be done, checked: the same way for all who ask.

    meanings = Meanings(registry, responses)
    meanings.of("set_timer", {"seconds": "300"})   # Meaning(..., says="Timer set for 5 minutes."), or Refused

The sentences of `fast_path`, a language model's `tool_calls` and the runner come through here, so that `read_only` and
`confirm` hold whoever asks.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from device.dialogue.deeds import Meaning
from device.skills.registry import Registry
from device.skills.skill import Skill
from device.skills.templates import Response, TemplateError

_log = logging.getLogger(__name__)

#: Errors of pydantic that speak of size: the value was understood, and is not allowed.
_BOUNDS = {
    "greater_than": ("gt", "{name} must be more than {bound}."),
    "greater_than_equal": ("ge", "{name} must be {bound} or more."),
    "less_than": ("lt", "{name} must be less than {bound}."),
    "less_than_equal": ("le", "{name} can be {bound} at most."),
    "multiple_of": ("multiple_of", "{name} must be a multiple of {bound}."),
    "string_too_long": ("max_length", "{name} is too long."),
    "too_long": ("max_length", "{name}: {bound} at most."),
    "too_short": ("min_length", "{name}: {bound} at least."),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done so."""

    say: str  #: to the user
    error: str  #: for the log, and for a language model
    understood: bool  #: all arguments were understood, one is too large or too small


class Meanings:
    """`responses`: what is said for a skill, by its name."""

    def __init__(self, registry: Registry, responses: Mapping[str, Response]) -> None:
        self._registry = registry
        self._responses = responses

    def __contains__(self, name: object) -> bool:
        """Is there a skill of that name?"""
        return name in self._registry

    def is_ours(self, name: str) -> bool:
        """Does the skill come with the software?"""
        return self._registry.is_ours(name)

    def check(self, name: str, raw: Mapping[str, Any]) -> "Checked | Refused":
        """The skill and its arguments as Python values. Never raises."""
        skill = self._registry.get(name)
        if skill is None:
            return Refused("I don't know how to do that.", f"there is no tool '{name[:64]}'", understood=False)
        try:
            model = skill.arguments.model_validate(dict(raw))
            return Checked(skill, {key: getattr(model, key) for key in skill.arguments.model_fields}, _json(model))
        except ValidationError as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 - a validator of the skill's own
            _log.error("skill %s cannot check its arguments: %s", name, type(error).__name__)
            _log.debug("where it failed", exc_info=error)  # may repeat what was said
            return Refused("I can't do that: something in it is broken.", f"{type(error).__name__}: {error}", False)

    def of(self, name: str, raw: Mapping[str, Any]) -> Meaning | Refused:
        """What these arguments mean for the skill `name`. Never raises."""
        checked = self.check(name, raw)
        if isinstance(checked, Refused):
            return checked
        skill = checked.skill
        return Meaning(
            skill=skill.name,
            arguments=checked.arguments,
            read_only=skill.read_only,
            question=skill.question(checked.values),
            says=self.words(checked, None),
            aside=skill.aside,
            promise=skill.promise if skill.aside else "",
        )

    def words(self, checked: "Checked", result: Mapping[str, Any] | None) -> str | None:
        """What the template says; None: there is none, or it needs a result (`result` None: not known yet)."""
        response = self._responses.get(checked.skill.name)
        if response is None or (result is None and not response.known_beforehand):
            return None
        try:
            return response.render(checked.values, result)
        except TemplateError as error:
            _log.error("the response of skill %s cannot be put into words", checked.skill.name)
            _log.debug("skill %s: %s", checked.skill.name, error.message)  # may repeat what was said
            return None


@dataclass(frozen=True, slots=True)
class Checked:
    """A skill with arguments that fit it: `values` for Python and templates, `arguments` as JSON."""

    skill: Skill
    values: dict[str, Any]
    arguments: dict[str, Any]


def _json(model: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = model.model_dump(mode="json")
    return dumped


def _refused(error: ValidationError) -> Refused:
    errors = error.errors(include_url=False)
    text = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in errors[:3])[:500]
    first = errors[0]
    name = str(first["loc"][0]).replace("_", " ") if first["loc"] else "that"
    if all(e["type"] in _BOUNDS for e in errors):
        key, words = _BOUNDS[first["type"]]
        bound = first.get("ctx", {}).get(key, "")
        shown = f"{bound:,}" if isinstance(bound, int | float) else str(bound)
        return Refused(f"I can't do that. The {words.format(name=name, bound=shown)}", text, understood=True)
    if first["type"] == "value_error":  # a validator of the skill's own, with words of its own
        return Refused(f"I can't do that: {first['msg'].removeprefix('Value error, ')}.", text, understood=True)
    if first["type"] == "missing":
        return Refused(f"I can't do that: I don't know the {name}.", text, understood=False)
    return Refused(f"I can't do that: I don't understand the {name}.", text, understood=False)
