"""The chat so far is a small model's examples: what it sees there it does again. Which of it is no example?

    shown = good_examples(messages, ruts=ruts_in(messages))

Of two hours' talk with a model of 135 million weights (`nearfield bench soak`) the second hour was "The answer is 1.",
to whatever was asked: a sum had been answered like that, the next question was too, and then there was nothing else to
be seen. And an answer that was interrupted at "The moon is a" had every later one end there. So the model is not shown

- exchanges in which one answer (numbers aside) was given to `RUT` different questions or more: a rut;
- an exchange whose answer broke off within its first sentence, once another follows it: until then it may be gone on
  with;
- apologies: they are ours, and it is no answer that something went wrong.

Without them the chat of that soak, 240 messages then, had five right answers to five questions, with them none; a short
one of the kind is in tests/models_adapters/test_long_chat.py. Pure logic; the session record and "say that again" know
everything.
"""

import re
from collections import defaultdict
from collections.abc import Sequence, Set

from models.protocols import Message

#: One answer to so many different questions is none.
RUT = 3
#: ... if it has so many words, or letters: "Yes." and "No, thanks." fit many questions.
_LEAST_WORDS = 3
_LEAST_LETTERS = 12
_NUMBER = re.compile(r"\d+(?:[.:,]\d+)*")
_WHOLE = re.compile(r"[.!?。！？؟।…][\"'”’)\]]*(?:\s|$)")

Exchange = tuple[Message, ...]  # a user's message, and the answer if there was one


def ruts_in(messages: Sequence[Message]) -> set[str]:
    """What was answered to `RUT` different questions, as `good_examples` wants it."""
    asked: dict[str, set[str]] = defaultdict(set)
    for exchange in _exchanges(messages):
        if len(exchange) == 2:
            asked[_key(exchange[1].text)].add(_key(exchange[0].text))
    return {key for key, questions in asked.items() if len(questions) >= RUT and _says_much(key)}


def good_examples(
    messages: Sequence[Message],
    *,
    ruts: Set[str] = frozenset(),
    apologies: Set[str] = frozenset(),
    broken_off: str = "",
) -> list[Message]:
    """`messages` without what a model must not learn from; what is not an exchange (the prompt) stays.

    `apologies`: answers that are said when there is none. `broken_off`: how the answer before the newest one stands
    there, if it was interrupted.
    """
    exchanges = _exchanges(messages)
    out: list[Message] = []
    for number, exchange in enumerate(exchanges, start=1):
        if len(exchange) == 2:
            answer, before_last = exchange[1].text, number + 1 == len(exchanges)
            broken = before_last and answer == broken_off and not _WHOLE.search(answer)
            if answer in apologies or _key(answer) in ruts or broken:
                continue
        out += exchange
    return out


def _exchanges(messages: Sequence[Message]) -> list[Exchange]:
    """A user's message and what follows it belong together; others stand alone."""
    out: list[Exchange] = []
    for message in messages:
        if message.role == "assistant" and out and out[-1][-1].role == "user":
            out[-1] = (*out[-1], message)
        else:
            out.append((message,))
    return out


def _key(text: str) -> str:
    """What is left of it when case, marks and numbers do not count."""
    return " ".join(re.findall(r"\w+|#", _NUMBER.sub("#", text.casefold())))


def _says_much(key: str) -> bool:
    return len(key.split()) >= _LEAST_WORDS or len(key) >= _LEAST_LETTERS
