"""The first words of an answer, said before its first clause is complete.

    first = FirstWords(job=3, turn=1)
    first.ask(splitter, now)            # [Speak("The capital of Fra", opening=True)], once, where it pays
    first.came(speech, now, text)       # the voice's answer; the rest comes with the clause, which begins with them

Sans-IO.
"""

from device.dialogue.clauses import ClauseSplitter
from device.dialogue.commands import Output, Speak
from device.dialogue.events import Opening
from device.dialogue.rounds import without_rounds
from device.dialogue.text_stream import TextStream
from models.protocols import Speech


class FirstWords:
    """Of one answer."""

    def __init__(self, job: int, turn: int) -> None:
        self._job = job
        self._turn = turn
        self._asked = 0  # when
        self.words = ""  #: the clause begins with these, and some of them may sound already; "": none
        self.took = 0  #: samples of the clock until they were audio

    def ask(self, splitter: ClauseSplitter, now: int) -> list[Output]:
        """Have them said if there are enough of them, and what is behind them will be there in time."""
        text = splitter.opening()
        if text is None or without_rounds(text) != text:  # of what turns in circles less is said than was written
            return []
        self.words, self._asked = text.rpartition(" ")[0], now
        return [Speak(self._job, 0, text, opening=True)]

    def came(self, speech: Speech | None, now: int, text: TextStream) -> list[Output]:
        """They are audio; None: they cannot be said before the clause is there."""
        if speech is None:
            self.words = ""
            return []
        self.took = now - self._asked
        text.waited(self.took)
        return [Opening(self._asked, self._turn, self.words)]
