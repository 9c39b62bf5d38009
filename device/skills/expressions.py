"""Sentences of hassil spelled out: one walk over their parts, for whoever chooses which of several is taken.

class First(Speller):
    def chosen(self, alternative, spell): return spell(alternative.items[0])
    def value(self, reference, block): return "something"

First().text(sentence.expression, block.expansion_rules, block)      # "set [a|the] timer" -> "set a timer"
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference, Sentence, TextChunk
from hassil.intents import IntentData


class Speller(ABC):
    """What it leaves open: which alternative is taken, and what stands for a list."""

    def text(self, expression: Expression, rules: Mapping[str, Sentence], block: IntentData | None) -> str:
        """`expression` as it may be said. `rules` of its sentence; `block` that it is of, None: a value of a list."""
        if isinstance(expression, TextChunk):
            return str(expression.text)
        if isinstance(expression, Alternative):
            return self.chosen(expression, lambda item: self.text(item, rules, block))
        if isinstance(expression, Group):
            return "".join(self.text(item, rules, block) for item in expression.items)
        if isinstance(expression, RuleReference) and expression.rule_name in rules:
            return self.text(rules[expression.rule_name].expression, rules, block)
        if isinstance(expression, ListReference) and block is not None:
            return self.value(expression, block)
        return ""

    @abstractmethod
    def chosen(self, alternative: Alternative, spell: Callable[[Expression], str]) -> str:
        """One of the alternatives, spelled out by `spell`; "" for none of them."""

    @abstractmethod
    def value(self, reference: ListReference, block: IntentData) -> str:
        """What stands for a list, a range or a wildcard."""
