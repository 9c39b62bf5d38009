"""Obeys the words that are obeyed at once (`control_words`): on any transcript, without a turn, without a model.

    controls = Controls(mine, acting, ringing)
    controls.at_once(turn, "Stop.", now)        # any transcript, also half a sentence: what sounds or rings ends
    controls.commanded(turn, "Stop.", now)      # "stop": no answer is prepared to these words
    controls.obey(turn, "stop", now)            # the sentence was no more than that

While something sounds or rings a word is obeyed as soon as it is read, however sure the recogniser is. If the sentence
goes on ("stop the timer") it is a turn like any other in the end, and what has fallen silent stays silent. Sans-IO.
"""

from device.dialogue.acting import Acting
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.commands import Chime, Output, Snooze
from device.dialogue.control_words import Control, control_in
from device.dialogue.events import Controlled
from device.dialogue.ringing import Ringing
from device.dialogue.user_turn import UserTurn


class Controls:
    """One conversation's."""

    def __init__(self, mine: AssistantTurn, acting: Acting, ringing: Ringing) -> None:
        self._mine = mine
        self._acting = acting
        self._ringing = ringing

    def at_once(self, turn: UserTurn, text: str, now: int) -> list[Output]:
        """What follows from a transcript while something sounds or rings; once a turn."""
        control = self._known(turn, text, now)
        disturbed = self._ringing.active or self._mine.under_way is not None
        if control is None or turn.obeyed or not disturbed:
            return []
        turn.obeyed = True
        return self.end(control, turn.number, now)

    def commanded(self, turn: UserTurn, text: str, now: int) -> Control | None:
        """Is `text` a command that no turn comes of? While a question waits it is an answer to that."""
        control = self._known(turn, text, now)
        return None if control is None or (self._acting.asking and not turn.obeyed) else control

    def obey(self, turn: UserTurn, control: Control, now: int) -> list[Output]:
        """The whole sentence was `control`. Nothing, if that has been obeyed."""
        return [] if turn.obeyed else [*self.end(control, turn.number, now), Chime("stopped")]

    def overheard(self, control: Control, now: int) -> list[Output]:
        """Somebody who may not open a turn said so over what sounds or rings (wake mode)."""
        if control == "repeat" or (control == "snooze" and not self._ringing.snoozable(now)):
            return []
        return [*self.end(control, 0, now), Chime("stopped")]

    def _known(self, turn: UserTurn, text: str, now: int) -> Control | None:
        control = control_in(text)
        if control == "repeat":
            return None  # it has an answer
        if control == "snooze" and not (turn.obeyed or self._ringing.snoozable(now)):
            return None  # it means something else
        return control

    def end(self, control: Control, number: int, now: int) -> list[Output]:
        """All that sounds and rings ends, and what is being told or asked is declined; but not by who only wants the
        ringing to stop. `number`: the turn in which it was said."""
        meant_for_a_ring = self._ringing.active and self._mine.under_way is None
        rung, names = self._ringing.stop("snoozed" if control == "snooze" else "stopped", now)
        return [
            Controlled(now, number, control),
            *([] if meant_for_a_ring else self._acting.stopped(number, now)),
            *self._mine.over(now, now),
            *self._mine.silenced.give_up(),
            *rung,
            *([Snooze(name) for name in names] if control == "snooze" else []),
        ]
