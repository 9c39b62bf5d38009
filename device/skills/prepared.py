"""Questions that name what they are about: "Shall I cancel order 4 2 1 9, the blue kettle, for 34 euros?"

    meanings = PreparingMeanings(registry, responses, context_of)
    meanings.of("cancel_order", {})      # Meaning("cancel_order", {"number": "4219"}, question="Shall I ...")

A skill may look before it is asked (`Skill.prepare`). What it finds becomes the question and the arguments, so that a
yes means just what was asked, whatever has been talked of meanwhile. What cannot be done is said, and not asked.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from device.dialogue.deeds import Meaning
from device.skills.meanings import Checked, Meanings, Refused
from device.skills.registry import BUILT_IN, Registry
from device.skills.skill import Context, Skill, SkillError, skill
from device.skills.templates import Response

_log = logging.getLogger(__name__)

_BROKEN = "Sorry, I can't look that up now."


@skill(name="say_why_not", group="prepared", read_only=True)
def say_why_not(why: str) -> str:
    """Say why something cannot be done."""
    return why


class PreparingMeanings(Meanings):
    """`Meanings` of skills of which some look before they are asked.

    `context_of` gives the context of a skill that is not carried out. `say_why_not` is known to it and to no language
    model.
    """

    def __init__(
        self, registry: Registry, responses: Mapping[str, Response], context_of: Callable[[Skill], Context]
    ) -> None:
        super().__init__(registry.plus([say_why_not], BUILT_IN), responses)
        self._context_of = context_of

    def of(self, name: str, raw: Mapping[str, Any]) -> Meaning | Refused:
        """As `Meanings.of`, with what the skill found. Never raises."""
        checked = self.check(name, raw)
        if isinstance(checked, Refused) or checked.skill.prepare is None:
            return super().of(name, raw)
        try:
            return self._prepared(checked)
        except SkillError as error:
            return _refusal(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a skill does, the conversation goes on
            _log.error("skill %s cannot prepare: %s", name, type(error).__name__)
            _log.debug("where it failed", exc_info=error)  # may repeat what was said
            return _refusal(_BROKEN)

    def _prepared(self, checked: Checked) -> Meaning | Refused:
        look = checked.skill.prepare
        assert look is not None
        if checked.skill.wants_context:
            found = look(self._context_of(checked.skill), **checked.values)
        else:
            found = look(**checked.values)
        again = self.check(checked.skill.name, found.arguments)
        if isinstance(again, Refused):
            return again
        return Meaning(
            skill=checked.skill.name,
            arguments=again.arguments,
            question=found.question,
            says=self.words(again, None),
            aside=checked.skill.aside,
            promise=checked.skill.promise if checked.skill.aside else "",
        )


def _refusal(why: str) -> Meaning:
    return Meaning(say_why_not.name, {"why": why}, read_only=True, says=why)
