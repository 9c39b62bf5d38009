"""The short words of a listener, who does not want the turn.

    "Yeah, okay." in Backchannels()         # True

Imports nothing of ours: the configuration has them as a default. Sans-IO.
"""

import re

#: What a listener says without wanting the turn (with the spellings that Whisper has for it).
BACKCHANNELS = "mm-hm, mm-hmm, mhm, m, mm, hm, hmm, uh-huh, huh, uh, um, aha, ah, oh, yeah, yep, right, okay, ok, I see"


class Backchannels:
    """The short words of a listener. Case, punctuation and white space do not count."""

    def __init__(self, phrases: str = BACKCHANNELS) -> None:
        """`phrases`: divided by commas; empty: there are none."""
        self._keys = frozenset(key for phrase in phrases.split(",") if (key := _key(phrase)))

    def __contains__(self, text: str) -> bool:
        """Is the whole of `text` such a phrase, or several, one after the other?"""
        keys = [key for part in re.split(r"[.,;!?…]", text) if (key := _key(part))]
        return bool(keys) and all(key in self._keys for key in keys)


def _key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
