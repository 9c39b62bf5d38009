"""What of a long chat still fits into the context of the language model.

    window = fit(messages, count=tokens_of, budget_tokens=1800)

Pure logic. The cut is a function of the chat alone and moves in large steps: a chat that grows turn by turn keeps the
same beginning for many turns, and with it the KV cache of that beginning. (Dropping just enough each turn would move
the beginning every time, and the whole prompt would be evaluated anew.)

The cut moves when a turn is over, not when the next one begins: room for a question is kept free. So it is the prefill
behind an answer, while nobody waits, that evaluates the shorter chat; the next reply finds it done. Only a question
that is longer than that room moves the cut itself.
"""

from collections.abc import Callable, Sequence

from models.errors import ModelRunError
from models.protocols import Message

#: What a chat template puts around one message, at most (ChatML 5, Llama 3 and Gemma 6).
TEMPLATE_TOKENS = 8
#: After a cut the chat fills this share of the budget.
KEEP_SHARE = 0.5
#: Kept free behind a finished turn for the question to come, as a share of what the chat may fill beside the persona:
#: in a context of 1,024 tokens some 150, more than half a minute of talking.
QUESTION_SHARE = 0.2
#: A persona longer than this share of the budget leaves no room to talk.
MAX_SYSTEM_SHARE = 0.75

Count = Callable[[str], int]


def fit(messages: Sequence[Message], *, count: Count, budget_tokens: int) -> list[Message]:
    """The messages that are shown to the model.

    Leading system messages always stay. Of the rest the oldest whole turns (a user message and all up to the next)
    go, in batches, until the chat fills half of what it may. The last turn always stays; is even that too long, then
    the beginning of its user message is cut off: people put the question last. `count` gives the tokens of a text,
    `budget_tokens` what all messages may take together. Raises ModelRunError when the system messages leave no room.
    """
    heads = _leading_systems(messages)
    systems, rest = list(messages[:heads]), messages[heads:]
    room = budget_tokens - sum(count(m.text) + TEMPLATE_TOKENS for m in systems)
    if room < budget_tokens * (1 - MAX_SYSTEM_SHARE):
        raise ModelRunError(
            f"the persona takes {budget_tokens - room} of the {budget_tokens} tokens that the chat may fill",
            hint="shorten the persona, or raise the context size of the language model",
        )
    turns = _turns(rest)
    sizes = [sum(count(m.text) + TEMPLATE_TOKENS for m in turn) for turn in turns]
    start, total = 0, 0
    for i, size in enumerate(sizes):
        question = count(turns[i][0].text) + TEMPLATE_TOKENS
        if total + question > room:  # as it was when the turn was but a question
            start, total = _cut(sizes, start, i, total, room * KEEP_SHARE - question)
        total += size
        finished = turns[i][-1].role == "assistant"
        if total > room * (1 - QUESTION_SHARE if finished else 1):
            start, total = _cut(sizes, start, i, total, room * KEEP_SHARE)
    kept = [m for turn in turns[start:] for m in turn]
    if total > room:
        kept = _shorten(kept, count=count, excess_tokens=total - room)
    return systems + kept


def _cut(sizes: Sequence[int], start: int, end: int, total: int, goal: float) -> tuple[int, int]:
    """Drop turns from `start` on, but none from `end` on, until no more than `goal` is left."""
    while start < end and total > goal:
        total -= sizes[start]
        start += 1
    return start, total


def _leading_systems(messages: Sequence[Message]) -> int:
    return next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Groups that begin with a user message each (the first one may begin otherwise)."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _shorten(turn: list[Message], *, count: Count, excess_tokens: int) -> list[Message]:
    """`turn` with words taken from the front of its longest message until it is `excess_tokens` shorter."""
    longest = max(range(len(turn)), key=lambda i: count(turn[i].text))
    words = turn[longest].text.split()
    want = count(turn[longest].text) - excess_tokens
    low, high = 0, len(words)  # the fewest words to drop, by bisection: tokens fall with every word dropped
    while low < high:
        middle = (low + high) // 2
        if count(" ".join(words[middle:])) <= want:
            high = middle
        else:
            low = middle + 1
    return [*turn[:longest], Message(turn[longest].role, " ".join(words[low:])), *turn[longest + 1 :]]
