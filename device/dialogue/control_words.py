"""Words that are obeyed at once: no model is asked, no queue waited in.

    control_in("Okay, stop it, please.")        # "stop"
    control_in("Stop the timer.")               # None: that is a wish like any other

The whole text must be such a phrase, once or several times over, with or without politeness around it. So it can be
believed also where recognition is unsure: what sounds like "stop" over an answer stops it, and costs little if it was
something else. English. Sans-IO.
"""

import re
from typing import Literal

Control = Literal["stop", "never_mind", "repeat", "snooze"]

#: "Cancel it" and "cancel that" are not here: they may mean an order.
_PHRASES: dict[Control, str] = {
    "stop": "stop, stop it, stop that, stop this, stop talking, stop now, stop speaking, stop playing, stop ringing, "
    "be quiet, quiet, silence, shut up, hush, that is enough, that's enough, enough, shush",
    "never_mind": "never mind, nevermind, never mind that, forget it, forget about it, forget that, cancel",
    "repeat": "repeat, repeat that, repeat it, say that again, say it again, say again, once more, again, pardon, "
    "pardon me, come again, what did you say, what was that, can you repeat that, could you repeat that, one more time",
    "snooze": "snooze, snooze it, snooze that, snooze the alarm, snooze alarm",
}
_BEFORE = "ok, okay, oh, hey, please, just, now, can you, could you, would you, will you, no, well, alright, all right"
_BEHIND = "please, now, thanks, thank you, already, ok, okay, then"


def words_of(text: str) -> list[str]:
    """The words of a transcript: case, punctuation and the kind of apostrophe do not count."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.casefold().replace("’", "'"))


def phrases_of(texts: str) -> tuple[tuple[str, ...], ...]:
    """`texts`, divided by commas, as tuples of words: the longest first."""
    found = {tuple(words_of(text)) for text in texts.split(",")} - {()}
    return tuple(sorted(found, key=lambda words: (-len(words), words)))


def without_politeness(
    words: list[str], before: tuple[tuple[str, ...], ...], behind: tuple[tuple[str, ...], ...]
) -> list[str]:
    """`words` less what people say around a wish; never less than one word."""
    rest = list(words)
    while (lead := next((p for p in before if tuple(rest[: len(p)]) == p), None)) and len(rest) > len(lead):
        rest = rest[len(lead) :]
    while (tail := next((p for p in behind if tuple(rest[-len(p) :]) == p), None)) and len(rest) > len(tail):
        rest = rest[: -len(tail)]
    return rest


_KEYS: tuple[tuple[tuple[str, ...], Control], ...] = tuple(
    sorted(
        ((words, control) for control, texts in _PHRASES.items() for words in phrases_of(texts)),
        key=lambda each: -len(each[0]),
    )
)
_LEADS, _TAILS = phrases_of(_BEFORE), phrases_of(_BEHIND)
_MOST_WORDS = 12  # longer is no command, whatever it consists of


def control_in(text: str) -> Control | None:
    """What the whole of `text` commands; the last of several phrases counts, but "stop" before all others."""
    words = without_politeness(words_of(text), _LEADS, _TAILS)
    if not words or len(words) > _MOST_WORDS:
        return None
    found: list[Control] = []
    while words:
        match = next(((p, control) for p, control in _KEYS if tuple(words[: len(p)]) == p), None)
        if match is None:
            return None
        found.append(match[1])
        words = words[len(match[0]) :]
    return "stop" if "stop" in found and "snooze" not in found else found[-1]
