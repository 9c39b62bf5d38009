"""The commit boundary: what may happen before a turn is committed, and what only after it.

    boundary = CommitBoundary(History(prompt))
    boundary.admit([Reply(3, messages), Play(3, 0, speech)])        # the Play is refused: 3 is not committed
    boundary.commit(3, "What time is it?")                           # ... now it is, and history has the words

Before the commit a transcript may change with every word, so all that is done is reversible preparation: decoding,
judging, prefilling, writing, synthesising. What cannot be taken back, namely sound, history and what a skill does to
the world, belongs to a job that was committed. Every output of the conversation goes through `admit`: that is the one
place where this is decided. A refusal is a mistake in the program; it is told, and the act does not happen. Sans-IO.
"""

import logging
from collections import deque
from collections.abc import Iterable

from device.dialogue.commands import Act, Output, Play
from device.dialogue.history import History

_log = logging.getLogger(__name__)

#: Committed jobs that may still have something to play: the answer in hand, one that waits to go on, and some grace.
_REMEMBERED = 16


class CommitBoundary:
    """Knows which jobs are committed. Jobs rise: one that is long past is not asked about any more."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._committed: deque[int] = deque(maxlen=_REMEMBERED)
        self._acted: deque[int] = deque(maxlen=_REMEMBERED)  # committed jobs that have changed something

    def commit(self, job: int, text: str) -> None:
        """The user said `text` and has finished: the answer of `job` is the assistant's turn."""
        self._history.user(text)
        self._committed.append(job)

    def announce(self, job: int) -> None:
        """`job` says something of the assistant's own, which answers no turn: nothing unstable is in it."""
        if job not in self._committed:
            self._committed.append(job)

    def committed(self, job: int) -> bool:
        """May what cannot be taken back be done for `job`?"""
        return job in self._committed

    def admit(self, outputs: Iterable[Output]) -> list[Output]:
        """`outputs` without what is not allowed yet, and without a second act for the same words."""
        out: list[Output] = []
        for output in outputs:
            if isinstance(output, Play | Act) and _irreversible(output) and not self.committed(output.job):
                _log.error("refused before the commit: %s of job %d", type(output).__name__, output.job)
                continue
            if isinstance(output, Act) and not output.read_only:
                if output.job in self._acted:
                    _log.error("refused: a second act of job %d", output.job)
                    continue
                self._acted.append(output.job)
            out.append(output)
        return out


def _irreversible(output: Play | Act) -> bool:
    """What cannot be taken back. Everything else is preparation, or puts an end to something."""
    return isinstance(output, Play) or not output.read_only
