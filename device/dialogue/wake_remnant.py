"""What the recogniser still hears of the wake word, taken off the command.

    without_wake_word("Nabu, what time is it?", "Okay Nabu")    # "What time is it?"

The recogniser is given the sound from behind the word, but not to the millisecond: the end of the word may be in it,
and in open mode all of it is. What is taken off are leading words that are spelled or sound nearly like the end of the
phrase. When in doubt nothing is: a word too many does less harm than one too few. Sans-IO.
"""

import re
from difflib import SequenceMatcher

#: How alike, 0..1 (difflib's ratio), letters must be to be the same word heard badly: "naboo" and "nabu" are 0.67.
_ALIKE = 0.65
#: Letters that a last sound may be written with: "Nabu", "Naboo", "Nabow".
_SAME_SOUND = {"u": "ow", "s": "zce", "a": "hr", "t": "d"}
_MOST_WORDS = 3  # that a recogniser makes of a wake word


def without_wake_word(text: str, phrase: str) -> str:
    """`text` less what of `phrase` it begins with, and what divides them; "" when there is nothing else."""
    said = _letters(phrase)
    tails = {said, *(_letters(" ".join(phrase.split()[i:])) for i in range(1, len(phrase.split())))}
    heads = list(re.finditer(r"[^\W_]+(?:['’][^\W_]+)*", text))[:_MOST_WORDS]
    for count in range(len(heads), 0, -1):
        head = _letters(text[heads[0].start() : heads[count - 1].end()])
        if any(_alike(head, tail) for tail in tails):
            rest = text[heads[count - 1].end() :].lstrip(" ,.;:!?-–—…")
            return rest[:1].upper() + rest[1:]
    return text


def _alike(head: str, tail: str) -> bool:
    if len(tail) < 4 or abs(len(head) - len(tail)) > 2:
        return head == tail
    # what ends in another sound is another word: "harvest" is no "jarvis", "relax" no "alexa"
    return SequenceMatcher(None, head, tail).ratio() >= _ALIKE and head[-1:] in {
        tail[-1:],
        *_SAME_SOUND.get(tail[-1:], ""),
    }


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
