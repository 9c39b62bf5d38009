"""A small model that turns in circles is heard once: what it says again is left out.

    rounds = Rounds()
    rounds.fresh("Thank you. Thank you. Thank you.")   # "Thank you. Thank you."
    rounds.fresh("I am a voice assistant.")             # as it is; the second time ""

The language model is stopped by its own guard (`models.loop_guard`), but only after some rounds, which have been
written by then. People repeat themselves too: "no, no", "bye bye", a short sentence twice. So one round more is let
through when it is short. Sans-IO.
"""

import re

_LONG_WORDS = 4  # a clause of so many words is not said twice in one answer
_REMEMBERED = 8  # clauses: circles of more are longer than an answer
_TIMES = 2  # short ones may be heard so often
_CYCLE_WORDS = 12  # longest cycle within one clause


class Rounds:
    """The clauses of one answer so far."""

    def __init__(self) -> None:
        self._past: list[str] = []

    def fresh(self, clause: str) -> str:
        """`clause` without rounds that were there before; "" when nothing is left."""
        clause = without_rounds(clause)
        key = _key(clause)
        seen = self._past.count(key)
        long = len(key.split()) >= _LONG_WORDS
        if key and seen >= (1 if long else _TIMES):
            return ""
        self._past = [*self._past[1 - _REMEMBERED :], key]
        return clause


def without_rounds(text: str) -> str:
    """`text` with every cycle of words that comes three times or more, one behind the other, cut to its first two.

    Numbers may repeat as they like: "one one one" is dictated.
    """
    words = text.split()
    keys = [_key(w) for w in words]
    i = 0
    while i < len(words):
        for period in range(1, min(_CYCLE_WORDS, (len(words) - i) // 3) + 1):
            rounds = 1
            while keys[i : i + period] == keys[i + rounds * period : i + (rounds + 1) * period]:
                rounds += 1
            if rounds > _TIMES and any(k.isalpha() for k in keys[i : i + period]):
                start, end = i + _TIMES * period, i + rounds * period
                words[start - 1] = words[end - 1]  # with the sign that the last one ends in
                del words[start:end], keys[start:end]
                break
        i += 1
    return " ".join(words)


def _key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
