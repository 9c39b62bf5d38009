"""A conversation with recordings in the place of a user, on the virtual card, in real time.

    rehearsal = Rehearsal(settings, persona, models, lines, timing, card, on_event=log.write)
    rehearsal.run()
    for turn in rehearsal.result().turns: print(turn.ttfa_ms)

It is the appliance itself (`device.appliance`): only the card and the user are not real.
"""

from collections.abc import Callable
from dataclasses import dataclass

from device.appliance import Appliance
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.converse.report import TurnReport, turn_reports
from device.converse.script import Action, Finish, Line, Say, Script, Timing
from device.dialogue.events import Event
from device.dialogue.loop import Assistant, Models
from device.persona import Persona


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    turns: list[TurnReport]
    placed: dict[int, int]  #: line -> capture sample at which it began
    events: list[Event]


class Rehearsal:
    """One session. `run` once."""

    def __init__(
        self,
        settings: Settings,
        persona: Persona,
        models: Models,
        lines: list[Line],
        timing: Timing,
        card: VirtualCard,
        *,
        on_event: Callable[[Event], None] = lambda _event: None,
        on_block: Callable[[int], None] = lambda _sample: None,
    ) -> None:
        """`card` must keep what it plays (see its recorder). `on_event`, `on_block`: see `Assistant`; a hand on the
        talk button acts from there. Raises SessionError."""
        self._lines = lines
        self.card = card
        self._script = Script(lines, timing)
        self._events: list[Event] = []
        self._on_event = on_event
        self._on_block = on_block
        self._finish_at: int | None = None
        self._appliance = Appliance(
            settings, persona, models, card, on_event=self._hear_event, on_block=self._hear_block
        )

    def run(self) -> None:
        """Until the last answer has ended. Raises AudioError, SessionError; `result` tells what there is even so."""
        with self._appliance:
            self._act(self._script.begin())
            self._appliance.run()

    def result(self) -> Result:
        """What has come of it so far: also after an interruption."""
        _mic, speaker = self.card.recording()
        turns = turn_reports(self._lines, self._script.placed, self._events, speaker)
        return Result(turns, dict(self._script.placed), list(self._events))

    def _hear_event(self, event: Event) -> None:
        self._events.append(event)
        self._script.on_event(event)
        self._on_event(event)

    @property
    def assistant(self) -> Assistant:
        """Its talk button, and what else one can do to it."""
        return self._appliance.assistant

    def _hear_block(self, now: int) -> None:
        self._on_block(now)
        self._act(self._script.on_block(now))
        if self._finish_at is not None and now >= self._finish_at:
            self._appliance.assistant.stop()

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Say(line, at_sample):
                    self.card.say(self._lines[line].pcm, at_sample)
                case Finish(at_sample):
                    self._finish_at = at_sample
