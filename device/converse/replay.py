"""Runs a kept turn again, through today's code, on the virtual card and in real time.

    again = Replay(settings, persona, models, kept).run()
    again.text, again.reply, again.trace

The conversation before it is there; the record that is written is a file of its own that goes away, and whatever
would change something outside is not done: the outcome that it had then is given again.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from device.appliance import Appliance, Rerun
from device.audio.recording import MemoryRecorder
from device.audio.virtual import VirtualCard
from device.config import Settings
from device.config.schema import RetentionSettings
from device.converse.kept_turn import KeptTurn
from device.converse.room_tone import in_its_room
from device.dialogue import events as ev
from device.dialogue.deeds import Call, Doer, Outcome
from device.dialogue.loop import Models
from device.persona import Persona
from device.session.records import StoredCall
from device.skills.live_skillset import LiveSkillset
from device.skills.meanings import Refused
from device.telemetry.turn_trace import TurnTrace
from models.protocols import SAMPLE_RATE_HZ

_NOT_DONE = Outcome("failed", "I don't do that a second time.", error="a replay changes nothing")


@dataclass(frozen=True, slots=True)
class ReplayTiming:
    """When it is over."""

    lead_s: float = 0.5  #: silence before the turn, and as much of its room
    question_s: float = 20.0  #: a question from before it is put again first: so long it is waited for
    patience_s: float = 5.0  #: behind the sound, when no turn comes of it
    tail_s: float = 0.3  #: behind the answer
    longest_s: float = 90.0  #: behind the sound, whatever goes on


@dataclass(frozen=True, slots=True)
class Again:
    """What came of it now. `trace` None, texts "": no turn came of it."""

    text: str
    reason: str  #: of the commit
    reply: str  #: all that was written of the answer
    calls: tuple[tuple[str, dict[str, object]], ...]  #: (skill, arguments)
    errors: tuple[str, ...]
    turns: int  #: that the sound became: one is right
    trace: TurnTrace | None


class CarefulHands:
    """Carries out what ends with this session or changes nothing; of all else gives what came of it then."""

    def __init__(self, doer: Doer, skills: LiveSkillset, calls: tuple[StoredCall, ...]) -> None:
        self._doer = doer
        self._skills = skills
        self._calls = calls

    def carry_out(self, call: Call) -> Outcome:
        """`Doer`. What comes with the software keeps its books in the record, which is a passing one."""
        meanings = self._skills.meanings
        checked = meanings.check(call.skill, call.arguments)
        if isinstance(checked, Refused) or checked.skill.read_only or meanings.is_ours(call.skill):
            return self._doer.carry_out(call)
        for then in self._calls:
            if then.skill == call.skill and then.arguments == dict(call.arguments) and then.status is not None:
                return Outcome(then.status, then.say, then.data, then.error)
        return _NOT_DONE


class Replay:
    """One turn. `run` once."""

    def __init__(
        self,
        settings: Settings,
        persona: Persona,
        models: Models,
        kept: KeptTurn,
        timing: ReplayTiming = ReplayTiming(),
        *,
        speed: float = 1.0,
    ) -> None:
        """`settings`: as in force; what would reach out of the replay is taken out here. `speed`: of the clock."""
        self._settings = settings
        self._persona = replace(persona, greeting="")
        self._models = models
        self._kept = kept
        self._timing = timing
        self._pcm, self._lead = in_its_room(kept.pcm, before_s=timing.lead_s, after_s=timing.patience_s)
        self._card = VirtualCard(recorder=MemoryRecorder(), speed=speed)
        self._events: list[ev.Event] = []
        self._said_at: int | None = None  # where the turn's sound begins
        self._pressed = False
        self._released = False
        self._state: ev.State = "idle"
        self._answered = 0  # when the last answer ended

    def run(self) -> Again:
        """Blocks for about as long as the turn took. Raises AudioError, SessionError."""
        with tempfile.TemporaryDirectory(prefix="nearfield-replay-") as folder:
            settings = passing(self._settings, Path(folder), held=self._kept.held is not None)
            hands = Rerun(self._kept.before, lambda doer, skills: CarefulHands(doer, skills, self._kept.calls))
            appliance = Appliance(
                settings,
                self._persona,
                self._models,
                self._card,
                on_event=self._on_event,
                on_block=self._on_block,
                rerun=hands,
            )
            self._assistant = appliance.assistant
            with appliance:
                appliance.run()
        return _what_came(self._events)

    def _on_event(self, event: ev.Event) -> None:
        self._events.append(event)
        match event:
            case ev.StateChange(state=state):
                self._state = state
            case ev.PlayoutEnd() | ev.Interrupted():
                self._answered = event.sample

    def _on_block(self, now: int) -> None:
        if self._said_at is None:
            if self._may_begin(now):
                self._said_at = self._lead + self._card.say(self._pcm, now + SAMPLE_RATE_HZ // 50)
            return
        if self._kept.held is not None:
            self._hold(now, *(self._said_at + each for each in self._kept.held))
        end = self._said_at + len(self._kept.pcm)
        if self._is_over(now, end):
            self._assistant.stop()

    def _hold(self, now: int, press: int, release: int) -> None:
        """The button goes down and comes up at these samples, by which the conversation counts as it did then."""
        if not self._pressed and now >= press:
            self._pressed = True
            self._assistant.press(sample=press)
        if not self._released and now >= release:
            self._released = True
            self._assistant.release(sample=release)

    def _may_begin(self, now: int) -> bool:
        timing = self._timing
        if now < timing.lead_s * SAMPLE_RATE_HZ:
            return False
        if self._kept.before.question is None or now > timing.question_s * SAMPLE_RATE_HZ:
            return True
        put = any(isinstance(event, ev.PlayoutEnd) for event in self._events)
        return put and self._state == "idle" and now >= self._answered + timing.lead_s * SAMPLE_RATE_HZ

    def _is_over(self, now: int, end: int) -> bool:
        timing = self._timing
        if now > end + timing.longest_s * SAMPLE_RATE_HZ:
            return True
        if self._state not in ("idle", "attentive", "ringing") or now < end:
            return False
        committed = any(isinstance(event, ev.Commit) for event in self._events)
        if committed and self._answered > (self._said_at or 0):
            return now > max(end, self._answered) + timing.tail_s * SAMPLE_RATE_HZ
        return now > end + timing.patience_s * SAMPLE_RATE_HZ


def passing(settings: Settings, folder: Path, *, held: bool) -> Settings:
    """`settings` of a session that leaves nothing behind: its record is in `folder`, its sound is not kept.

    Whoever had the turn was listened to, so nobody has to be called by a wake word or, unless `held`, by a button.
    """
    session = settings.session.model_copy(update={"database": folder / "sessions.db"})
    turn = settings.turn.model_copy(update={"listen": "push-to-talk" if held else "open"})
    update = {"session": session, "retention": RetentionSettings(audio=0), "turn": turn}
    return settings.model_copy(update=update)


def _what_came(events: list[ev.Event]) -> Again:
    commits = [event for event in events if isinstance(event, ev.Commit)]
    errors = tuple(f"{event.stage}: {event.message}" for event in events if isinstance(event, ev.Failure))
    if not commits:
        return Again("", "", "", (), errors, 0, None)
    turn = commits[0].turn
    ends = [event for event in events if isinstance(event, ev.PlayoutEnd | ev.Interrupted) and event.turn == turn]
    return Again(
        text=commits[0].text,
        reason=commits[0].reason,
        reply=ends[-1].generated if ends else "",
        calls=tuple((e.skill, dict(e.arguments)) for e in events if isinstance(e, ev.Called) and e.turn == turn),
        errors=errors,
        turns=len(commits),
        trace=TurnTrace.of_events(turn, events),
    )
