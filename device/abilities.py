"""What it can do in one session: skills, the timers behind them, the journal behind both, and the house around it.

    with Abilities(persona, settings, recorder, controls, keep=True) as able:
        assistant = Assistant(..., interpreter=able.interpreter, doer=able.runner, on_snooze=able.on_snooze)
        able.begin(assistant)       # from here on timers ring
        able.on_event(event)        # every event of the conversation

It ties together what knows nothing of each other: `device.skills`, `device.session` and the conversation.
"""

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Self, TypeVar

from device.config import Settings
from device.config.dirs import config_dir
from device.diagnostics.board import BoardReader
from device.dialogue import events as ev
from device.dialogue.deeds import Meaning, Undelivered
from device.dialogue.loop import Assistant
from device.home.bridges import Bridges
from device.persona import Persona
from device.personas.skillset import load_persona_skills
from device.session.journal import Journal
from device.session.recorder import SessionRecorder
from device.session.resumption import PendingQuestion
from device.skills.journal import MemoryState
from device.skills.lent import Lent, Recollection, asks
from device.skills.live_skillset import LiveSkillset
from device.skills.meanings import Refused
from device.skills.runner import SkillRunner
from device.skills.services import ConversationMemory, Customs, DeviceControls, DeviceStatus, SkillCatalog
from device.skills.skill import Skill
from device.skills.skillset import Skillset
from device.skills.timer_records import Ring
from device.skills.timer_watch import TimerWatch
from device.skills.timers import TimerBook, TimerDesk
from device.skills.tool_calls import tool_check, tool_specs
from models.protocols import ToolSpec

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Abilities:
    """Of one session. `close` before the recorder is closed: timers are written through it."""

    def __init__(
        self, persona: Persona, settings: Settings, recorder: SessionRecorder, controls: DeviceControls, *, keep: bool
    ) -> None:
        """`keep`: timers and alarms are those of the device, and outlive the session, and the house may see it; else
        they end with it, and nobody does.

        What is wrong in a file of skills or sentences is logged, a line each, and left out.
        """
        self.journal = Journal(recorder)
        book = TimerBook(
            self.journal.state("timers") if keep else MemoryState(),
            late_s=settings.timers.late_s,
            max_ring_s=settings.timers.ring_s,
            clock_hours=settings.clock.hours,
        )
        self._watch = TimerWatch(book, self._on_ring, self._on_silence)
        lent: dict[type[Any], Any] = {
            TimerDesk: self._watch,
            DeviceControls: controls,
            DeviceStatus: BoardReader(settings.session.database.parent),
            Customs: Customs(clock_hours=settings.clock.hours),
            Persona: persona,
        }
        self._lent = Lent(lent)
        skills = LiveSkillset(lambda tools: self._load(persona, settings, tools))
        for complaint in skills.complaints:
            _log.warning("%s", complaint)
        self.skills = skills
        self._bridges = Bridges(settings, on_skills=self._renew) if keep else None
        self._controls = controls
        self._memory = Recollection(lambda text: asks(skills.fast_path, text))
        self._lent = Lent({**lent, ConversationMemory: self._memory, SkillCatalog: skills})
        self.runner = SkillRunner(
            skills.meanings, self.journal, self, session=str(recorder.session_id), language=settings.stt.language
        )
        self.interpreter = skills.fast_path
        self.check = tool_check(skills.meanings)
        self._assistant: Assistant | None = None
        self._missed: dict[str, int] = {}  # what is being told of alarms that nobody heard: text -> its number

    def _load(self, persona: Persona, settings: Settings, tools: Collection[Skill]) -> Skillset:
        if not settings.skills.enabled:
            persona = replace(persona, skills=(), own_skills=None)
        return load_persona_skills(
            persona,
            settings.skills.folder or config_dir() / "skills.d",
            language=settings.stt.language,
            state=self.journal.state,
            services=self,
            tools=tools if settings.skills.enabled else (),
        )

    def _renew(self) -> None:
        """Tools of servers have come or gone. From a thread of the bridges."""
        if self._bridges is not None:
            self.skills.renew(self._bridges.skills, self._bridges.known)

    def get(self, kind: type[_T]) -> _T:
        """`Services` of the skills. Raises SkillError."""
        return self._lent.get(kind)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """For a language model that can ask for them."""
        return tool_specs(self.skills.registry)

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
            _log.warning("a question is not put again: %s", meaning.error)
            return None
        return meaning

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
            case ev.RingEnd(reason="stopped" | "button"):
                self._watch.stop_ringing()
            case ev.PlayoutEnd(turn=0, generated=text, heard=heard) if heard == text and text in self._missed:
                self._watch.told(self._missed.pop(text))

    def on_snooze(self, name: str) -> None:  # noqa: ARG002 - all that rings is put off
        """What rings is to ring again later."""
        self._watch.snooze()

    def close(self) -> None:
        """Nothing rings any more, and the house is told."""
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
            self._missed[ring.text] = ring.id
            self._assistant.announce(ring.text)
        else:
            self._assistant.ring(ring.label, ring.text)

    def _on_silence(self) -> None:
        if self._assistant is not None:
            self._assistant.stop_ringing()
