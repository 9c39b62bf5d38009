"""What it can do in one session: skills, the timers behind them, the journal behind both, and the house around it.

    skills = PersonaSkills(persona, settings)
    with Abilities(skills, persona, settings, recorder, controls, keep=True) as able:
        assistant = Assistant(..., interpreter=able.interpreter, doer=able.runner, on_snooze=able.on_snooze)
        able.begin(assistant)       # from here on timers ring
        able.on_event(event)        # every event of the conversation

It ties together what knows nothing of each other: `device.skills`, `device.session` and the conversation.
"""

import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Self, TypeVar

from device.config import Settings
from device.config.dirs import config_dir
from device.diagnostics.board import BoardReader
from device.dialogue import events as ev
from device.dialogue.agreement import same_words
from device.dialogue.deeds import Meaning, Undelivered
from device.dialogue.loop import Assistant
from device.dialogue.ringing import SNOOZABLE_MS
from device.dialogue.workers import Worker
from device.home.bridges import Bridges
from device.persona import Persona
from device.personas.skillset import load_persona_skills, permitted
from device.session.journal import Journal
from device.session.recorder import SessionRecorder
from device.session.resumption import PendingQuestion
from device.skills.journal import MemoryJournal, MemoryState
from device.skills.lent import Lent, Recollection, asks
from device.skills.live_skillset import LiveSkillset
from device.skills.meanings import Refused
from device.skills.runner import SkillRunner
from device.skills.services import ConversationMemory, Customs, DeviceControls, DeviceStatus, SkillCatalog
from device.skills.skill import Services, Skill, State
from device.skills.skillset import Skillset
from device.skills.timer_list import timers_json
from device.skills.timer_records import Ring
from device.skills.timer_watch import TimerWatch
from device.skills.timers import TimerBook, TimerDesk
from device.skills.tool_calls import ToolShelf, tool_check
from models.protocols import ToolSpec

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_WRITTEN_S = 5.0  # so long the end waits for what is to be written down
# so long the book keeps what was stopped: the conversation decides what can be put off, and the clerk may be late
_SNOOZABLE_S = SNOOZABLE_MS / 1000 + _WRITTEN_S


class PersonaSkills:
    """The skills of a persona. They are there before what they are lent is: some of that tells of them.

    What is wrong in a file of skills or sentences is logged, a line each, and left out.
    """

    def __init__(self, persona: Persona, settings: Settings) -> None:
        self._persona = permitted(persona, enabled=settings.skills.enabled)
        self._settings = settings
        self._state: Callable[[str], State] = MemoryJournal().state
        self._services: Services = Lent()
        self.live = LiveSkillset(self._load)
        for complaint in self.live.complaints:
            _log.warning("%s", complaint)

    def lend(self, state: Callable[[str], State], services: Services) -> None:
        """From here on they have these."""
        self._state, self._services = state, services

    def get(self, kind: type[_T]) -> _T:
        """`Services`. Raises SkillError."""
        return self._services.get(kind)

    def _state_of(self, group: str) -> State:
        return self._state(group)

    def _load(self, tools: Collection[Skill]) -> Skillset:
        return load_persona_skills(
            self._persona,
            self._settings.skills.folder or config_dir() / "skills.d",
            language=self._settings.stt.language,
            state=self._state_of,
            services=self,
            tools=tools if self._settings.skills.enabled else (),
        )


class Abilities:
    """Of one session. `close` before the recorder is closed: timers are written through it."""

    def __init__(
        self,
        skills: PersonaSkills,
        persona: Persona,
        settings: Settings,
        recorder: SessionRecorder,
        controls: DeviceControls,
        *,
        keep: bool,
    ) -> None:
        """`keep`: timers and alarms are those of the device, and outlive the session, and the house may see it; else
        they end with it, and nobody does.
        """
        self.journal = Journal(recorder)
        book = TimerBook(
            self.journal.state("timers") if keep else MemoryState(),
            late_s=settings.timers.late_s,
            max_ring_s=settings.timers.ring_s,
            snoozable_s=_SNOOZABLE_S,
            clock_hours=settings.clock.hours,
        )
        self._watch = TimerWatch(book, self._on_ring, self._on_silence)
        self._clerk = Worker("clerk")  # writes down what the conversation does with timers: no ear waits for a disk
        lent: dict[type[Any], Any] = {
            TimerDesk: self._watch,
            DeviceControls: controls,
            DeviceStatus: BoardReader(settings.session.database.parent),
            Customs: Customs(clock_hours=settings.clock.hours),
            Persona: persona,
        }
        self.skills = live = skills.live
        self._memory = Recollection(lambda text: asks(live.fast_path, text))
        services = Lent({**lent, ConversationMemory: self._memory, SkillCatalog: live})
        skills.lend(self.journal.state, services)
        self._bridges = Bridges(settings, on_skills=self._renew) if keep else None
        self._controls = controls
        self.runner = SkillRunner(
            live.meanings, self.journal, services, session=str(recorder.session_id), language=settings.stt.language
        )
        self._shelf = ToolShelf()
        self._tools: tuple[ToolSpec, ...] | None = None  # nobody has asked
        self.interpreter = live.fast_path
        self.check = tool_check(live.meanings)
        self._assistant: Assistant | None = None
        self._missed: dict[int, str] = {}  # what is being told of alarms that nobody heard: number -> its text

    def _renew(self) -> None:
        """Tools of servers have come or gone. From a thread of the bridges."""
        if self._bridges is not None:
            self.skills.renew(self._bridges.skills, self._bridges.known)
            if self._tools is not None:
                self._tools = self._shelf.of(self.skills.registry)

    def tools(self) -> tuple[ToolSpec, ...]:
        """For a language model that can ask for them: those that are there now. First before `begin`."""
        if self._tools is None:
            self._tools = self._shelf.of(self.skills.registry)
        return self._tools

    @property
    def undelivered(self) -> list[Undelivered]:
        """What came of calls before, and nobody has heard."""
        return self.journal.undelivered()

    def pending(self, question: PendingQuestion | None) -> Meaning | None:
        """A question of a session that broke off, to be put again; None: there is none, or its skill is gone."""
        if question is None:
            return None
        meaning = self.skills.meanings.of(question.skill, question.arguments)
        if isinstance(meaning, Refused):
            _log.warning("a question is not put again: skill %s does not take it any more", question.skill)
            return None
        return meaning

    def status(self) -> dict[str, Any]:
        """What is set, the next one first; what rings; what is not there of the house. Names are words of users."""
        with self._watch.open() as (book, now):
            timers, rings = timers_json(book, now), [ring.label for ring in book.ringing]
        house = dict(self._bridges.trouble) if self._bridges is not None else {}
        return {"timers": timers, "rings": rings, "house": house}

    def begin(self, assistant: Assistant) -> None:
        """Timers ring from here on, and the house is told what goes on. Raises ConfigError: it cannot be."""
        self._assistant = assistant
        self._watch.__enter__()
        if self._bridges is not None:
            self._bridges.start(self._controls, on_announce=assistant.announce)

    def on_event(self, event: ev.Event) -> None:
        """Every event of the conversation, in order."""
        self._memory.on_event(event)
        if self._bridges is not None:
            self._bridges.on_event(event)
        match event:
            case ev.RingEnd(name=name, reason="stopped" | "button"):  # by name: another may be due and yet unheard
                self._clerk.give(partial(self._watch.stop_ringing, name))
            case ev.PlayoutEnd(turn=0, generated=text, heard=heard) if heard == text:
                for number, missed in self._missed.copy().items():  # the thread of the timers adds to it meanwhile
                    if same_words(missed, text):
                        del self._missed[number]
                        self._clerk.give(partial(self._watch.told, number))

    def on_snooze(self, name: str) -> None:
        """What rings under `name`, or was just stopped, is to ring again later."""
        self._clerk.give(partial(self._watch.snooze, name))

    def close(self) -> None:
        """Nothing rings any more, and the house is told."""
        self._clerk.finish(_WRITTEN_S)
        self._watch.close()
        if self._bridges is not None:
            self._bridges.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # from the thread of the timers, and of a skill

    def _on_ring(self, ring: Ring) -> None:
        if self._assistant is None:
            return
        if ring.kind == "missed":
            self._missed[ring.id] = ring.text
            self._assistant.announce(ring.text)
        else:
            self._assistant.ring(ring.label, ring.text)

    def _on_silence(self, label: str) -> None:
        if self._assistant is not None:
            self._assistant.stop_ringing(label)
