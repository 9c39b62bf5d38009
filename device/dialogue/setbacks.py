"""A model raised an error: what becomes of the turn that it worked for.

    setbacks = Setbacks(floor, mine, waking, ringing, unheard_text="Sorry, I could not make that out.")
    setbacks.failed(job, "stt", "out of memory", now)       # [Failure, ...], and that it could not be made out

Nothing ends the conversation: the next pause tries again, another stage decides alone, or it is said that it went
wrong. Sans-IO.
"""

from typing import Literal

from device.dialogue import events as ev
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.commands import Chime, Output
from device.dialogue.floor import Floor
from device.dialogue.ringing import Ringing
from device.dialogue.user_turn import UserTurn
from device.dialogue.waking import Waking

Stage = Literal["stt", "turn", "llm", "tts", "wake", "vad"]  #: whose model


class Setbacks:
    """Those of one conversation."""

    def __init__(
        self, floor: Floor, mine: AssistantTurn, waking: Waking, ringing: Ringing, *, unheard_text: str
    ) -> None:
        """`unheard_text`: said when it is over, and nobody could make out what it was."""
        self._floor = floor
        self._mine = mine
        self._waking = waking
        self._ringing = ringing
        self._unheard_text = unheard_text

    def failed(self, job: int, stage: Stage, message: str, now: int) -> list[Output]:
        """The model of `stage` raised, or hangs, while it worked for `job`."""
        if stage in ("wake", "vad"):  # no turn's: the button and, where it may, any voice still open one
            return [ev.Failure(now, 0, stage, message), Chime("error")]
        if self._waking.gave_up(job):
            return []  # whoever it was, nobody had invited them
        turn, answer = self._floor.turn, self._floor.working(job)
        rings = self._ringing.works_for(job)
        if answer is None and not rings and (turn is None or not turn.works_for(job)):
            return []
        number = answer.turn if answer is not None else 0 if rings else self._floor.committed + 1
        out: list[Output] = [ev.Failure(now, number, stage, message)]
        if stage == "stt":
            assert turn is not None
            out += self._unheard(turn, job, now)
        elif stage == "llm" and answer is not None:
            out += answer.failed(now)
        elif stage == "turn" and turn is not None:  # silence and words decide without it
            turn.failed(job)
        elif stage == "tts":  # what cannot be spoken can still be sounded
            out.append(Chime("error"))
        return out

    def _unheard(self, turn: UserTurn, job: int, now: int) -> list[Output]:
        turn.failed(job)
        out = turn.discard("failed", now)  # while the user still talks the next pause tries again
        if turn.ended:
            out += [*self._floor.drop(), *self._mine.silenced.settle_all()]
            out += self._mine.announce(self._unheard_text, now)
        return out
