"""What it can do in one session: skills, the timers behind them, and the journal behind both.

    with Abilities(skills, settings, recorder, controls) as able:
        assistant = Assistant(..., interpreter=able.interpreter, doer=able.runner, on_snooze=able.on_snooze)
        able.begin(assistant)       # from here on timers ring
        able.on_event(event)        # every event of the conversation

It ties together what knows nothing of each other: `device.skills`, `device.session` and the conversation.
"""

import logging
from collections.abc import Collection
from typing import Self

from device.config import Settings
from device.config.dirs import config_dir
from device.diagnostics.board import BoardReader
from device.dialogue import events as ev
from device.dialogue.deeds import Meaning, Undelivered
from device.dialogue.loop import Assistant
from device.session.journal import Journal
from device.session.recorder import SessionRecorder
from device.session.resumption import PendingQuestion
from device.skills.journal import MemoryState
from device.skills.lent import Lent, Loaded, Recollection, asks
from device.skills.meanings import Refused
from device.skills.runner import SkillRunner
from device.skills.services import ConversationMemory, Customs, DeviceControls, DeviceStatus, SkillCatalog
from device.skills.skillset import Skillset, load_skillset
from device.skills.timer_records import Ring
from device.skills.timer_watch import TimerWatch
from device.skills.timers import TimerBook, TimerDesk
from device.skills.tool_calls import tool_check, tool_specs
from models.protocols import ToolSpec

_log = logging.getLogger(__name__)


def load_abilities(settings: Settings, allowed: Collection[str] | None = None) -> Skillset:
    """The skills of the configuration: ours, those of installed packages and the owner's own.

    `allowed`: names of skills or groups that a persona is content with (None: all). What is wrong in a file is logged,
    a line each, and left out.
    """
    folder = settings.skills.folder or config_dir() / "skills.d"
    skills = load_skillset(
        folder, language=settings.stt.language, allowed=allowed if settings.skills.enabled else frozenset()
    )
    for complaint in skills.complaints:
        _log.warning("%s", complaint)
    return skills


class Abilities:
    """Of one session. `close` before the recorder is closed: timers are written through it."""

    def __init__(
        self, skills: Skillset, settings: Settings, recorder: SessionRecorder, controls: DeviceControls, *, keep: bool
    ) -> None:
        """`keep`: timers and alarms are those of the device, and outlive the session; else they end with it."""
        self.skills = skills
        self.journal = Journal(recorder)
        book = TimerBook(
            self.journal.state("timers") if keep else MemoryState(),
            late_s=settings.timers.late_s,
            max_ring_s=settings.timers.ring_s,
            clock_hours=settings.clock.hours,
        )
        self._watch = TimerWatch(book, self._on_ring, self._on_silence)
        self._memory = Recollection(lambda text: asks(skills.fast_path, text))
        lent = Lent(
            {
                TimerDesk: self._watch,
                DeviceControls: controls,
                ConversationMemory: self._memory,
                SkillCatalog: Loaded(skills.registry),
                DeviceStatus: BoardReader(settings.session.database.parent),
                Customs: Customs(clock_hours=settings.clock.hours),
            }
        )
        self.runner = SkillRunner(
            skills.meanings, self.journal, lent, session=str(recorder.session_id), language=settings.stt.language
        )
        self.interpreter = skills.fast_path
        self.check = tool_check(skills.meanings)
        self._assistant: Assistant | None = None
        self._missed: dict[str, int] = {}  # what is being told of alarms that nobody heard: text -> its number

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
        """Timers ring from here on."""
        self._assistant = assistant
        self._watch.__enter__()

    def on_event(self, event: ev.Event) -> None:
        """Every event of the conversation, in order."""
        self._memory.on_event(event)
        match event:
            case ev.RingEnd(reason="stopped" | "button"):
                self._watch.stop_ringing()
            case ev.PlayoutEnd(turn=0, generated=text, heard=heard) if heard == text and text in self._missed:
                self._watch.told(self._missed.pop(text))

    def on_snooze(self, name: str) -> None:  # noqa: ARG002 - all that rings is put off
        """What rings is to ring again later."""
        self._watch.snooze()

    def close(self) -> None:
        """Nothing rings any more."""
        self._watch.close()

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
