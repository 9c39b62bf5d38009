"""An answer is begun before the user has finished: what they may have said, and what they have said so far.

    speculation = Speculation(history, mine, acting, controls, degrade, enabled=True)
    speculation.warm(turn, "What is the capital of fr")  # the language model reads along
    speculation.suppose(turn, heard, now)               # a pause: these words may be all
    speculation.prepare(turn, heard, now)               # they are

One hypothesis a turn, which is one cancel scope; nothing of it is final before the commit. Sans-IO.
"""

from device.dialogue.acting import Acting
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.commands import Output, Warm
from device.dialogue.control_words import control_in
from device.dialogue.controls import Controls
from device.dialogue.degrade import Degrade
from device.dialogue.events import Supposed
from device.dialogue.history import History
from device.dialogue.listening import Heard
from device.dialogue.user_turn import Hypothesis, UserTurn
from models.protocols import Floats

#: Marks at the end of what is not yet at its end: the recogniser's guess, and not what follows.
_END_MARKS = " .,;:?!-…"


class Speculation:
    """Makes the hypotheses of a conversation."""

    def __init__(
        self,
        history: History,
        mine: AssistantTurn,
        acting: Acting,
        controls: Controls,
        degrade: Degrade,
        *,
        enabled: bool,
    ) -> None:
        """`enabled`: else nothing is begun before the end; `degrade` may say so for a while."""
        self._history = history
        self._mine = mine
        self._acting = acting
        self._controls = controls
        self._degrade = degrade
        self._enabled = enabled

    @property
    def _allowed(self) -> bool:
        return self._enabled and self._degrade.speculate

    def warm(self, turn: UserTurn, text: str) -> list[Output]:
        """What was said so far, while the user goes on: what is read now is not waited for later.

        Also the words that may still change: as far as they stay, they are read; of the others nothing is left.
        """
        words = text.rstrip(_END_MARKS)
        if turn.hypothesis is not None or not self._allowed or words in ("", turn.warmed):
            return []
        turn.warmed = words
        return [Warm(self._history.messages_with(words))]

    def suppose(self, turn: UserTurn, heard: Heard, now: int) -> list[Output]:
        """The user may have finished with these words: prepare the answer to them."""
        if turn.supposes(heard.text):
            return []
        out = turn.discard("other_words", now)
        nothing = self._mine.silenced.excuse(heard.text, by_button=turn.held) is not None
        if self._allowed and not nothing and self._controls.commanded(turn, heard.text, now) is None:
            out += self.prepare(turn, heard, now)
        return out

    def prepare(self, turn: UserTurn, heard: Heard, now: int) -> list[Output]:
        """There are words: what was being said before them is over, and an answer to them is begun."""
        out = self._mine.silenced.settle_all()
        answer, text = self._mine.draft(turn.number, now), heard.text
        turn.hypothesis = Hypothesis(answer.job, text, answer)
        out.append(Supposed(now, turn.number, text))
        probability, audio = heard.transcript.probability, self._audio(turn, heard)
        return out + self._acting.begin(answer, text, turn.onset_sample, probability, now, audio=audio)

    def _audio(self, turn: UserTurn, heard: Heard) -> Floats | None:
        """For a second look. A control word is none that was misheard; a machine that is behind hears nothing twice."""
        wanted = self._acting.looks_twice and self._degrade.context_scale == 1 and control_in(heard.text) is None
        return turn.audio_of(heard) if wanted else None
