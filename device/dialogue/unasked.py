"""What is said and rung without having been asked for just now, and when there is room for it.

    unasked = Unasked(mine, acting, ringing)
    unasked.ring_on(now, played, turn, silent=False)    # every block: what rings has the right of way behind a clause
    unasked.hear(now, quiet=True)                       # every block: results and questions, at a natural pause

Sans-IO.
"""

from device.card import Span
from device.dialogue.acting import Acting
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.commands import Output
from device.dialogue.ringing import Ringing
from device.dialogue.user_turn import UserTurn


class Unasked:
    """Knows since when it is quiet."""

    def __init__(self, mine: AssistantTurn, acting: Acting, ringing: Ringing) -> None:
        self._mine = mine
        self._acting = acting
        self._ringing = ringing
        self._busy_at = 0  # the newest moment in which somebody spoke or something sounded

    def voice(self, end_sample: int) -> None:
        """There is a voice in the room up to here, whether or not it opens a turn."""
        self._busy_at = max(self._busy_at, end_sample)

    def ring_on(
        self, now: int, played: Span, turn: UserTurn | None, *, silent: bool, somebody: bool = False
    ) -> list[Output]:
        """A block went to the converter. `turn`: the user's; `silent`: nothing can sound.

        `somebody`: there is a voice, or will be, that is not a turn yet.
        """
        answer = self._mine.in_hand
        out: list[Output] = []
        if answer is not None and self._ringing.wants_the_floor(now, between_clauses=answer.between_clauses):
            out += self._mine.over(now, now)
        talking = somebody or (turn is not None and not turn.ended)
        return out + self._ringing.hear(now, played, talking=talking, busy=silent or self._mine.under_way is not None)

    def hear(self, now: int, *, quiet: bool) -> list[Output]:
        """A block of the microphone. `quiet`: nobody has the turn, and sound can be heard."""
        speaking = self._mine.under_way is not None or bool(self._mine.silenced.answers)
        idle = quiet and not speaking and not self._ringing.active
        if not idle:
            self._busy_at = now
        return self._acting.hear(now, self._busy_at if idle else None)
