"""A small model's habit of saying the same thing for ever, noticed early.

    guard = LoopGuard()
    if guard.add(token): stop()

Pure logic over token ids, no model.
"""

from collections.abc import Sequence

#: The longest cycle that is looked for: three spoken sentences of the length that this appliance gives.
MAX_PERIOD_TOKENS = 64
#: So many tokens must lie in the repeated stretch before it counts as a loop: "no, no, no" and "bye bye" are speech,
#: the same eight tokens twice over, or one token sixteen times, are not.
MIN_LOOP_TOKENS = 16


def loop_period(tokens: Sequence[int]) -> int:
    """Length of the cycle that `tokens` ends in, 0 if there is none.

    A cycle of p tokens counts when it fills at least `MIN_LOOP_TOKENS` at the end, and at least twice.
    """
    n = len(tokens)
    for period in range(1, min(MAX_PERIOD_TOKENS, n // 2) + 1):
        span = max(2, -(-MIN_LOOP_TOKENS // period)) * period
        if span <= n and all(tokens[i] == tokens[i - period] for i in range(n - span + period, n)):
            return period
    return 0


def loop_start(tokens: Sequence[int]) -> int | None:
    """Where the repetition begins in `tokens` that end in a loop (the first round is kept); None if they do not."""
    period = loop_period(tokens)
    if not period:
        return None
    start = len(tokens)
    while start > period and tokens[start - 1] == tokens[start - 1 - period]:
        start -= 1
    return start


class LoopGuard:
    """Remembers as many tokens as it needs, and no more."""

    def __init__(self) -> None:
        self._tail: list[int] = []

    def add(self, token: int) -> bool:
        """True when, with `token`, the answer has begun to turn in circles."""
        self._tail.append(token)
        del self._tail[: -2 * MAX_PERIOD_TOKENS]
        return loop_period(self._tail) > 0
