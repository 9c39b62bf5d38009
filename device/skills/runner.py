"""Carries out calls of skills, whatever they do: raise, hang, or give back rubbish.

    runner = SkillRunner(Meanings(registry, responses), journal, services)
    outcome = runner.carry_out(Call(turn=3, index=0, skill="set_timer", arguments={"seconds": 300}))

Each call runs in a thread of its own and is waited for as long as the skill says. One that has not ended by then is
left alone: a thread cannot be stopped. Three that hang like that, and nothing more is started until one comes back.
A call that failed for certain is "failed"; where it may have been done, "unknown".
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from device.dialogue.deeds import Call, Outcome
from device.skills.journal import Journal
from device.skills.lent import Lent
from device.skills.meanings import Checked, Meanings, Refused
from device.skills.skill import Context, Result, Services, SkillError, SkillUnsureError

_log = logging.getLogger(__name__)

MOST_HUNG = 3
MOST_RUNNING = 8  #: at once, the hung ones among them
MOST_SAY_CHARS = 2_000
MOST_DATA_CHARS = 32_000

_BROKEN = "Sorry, that did not work."
_UNSURE = "Sorry, I am not sure whether that worked."
_NO_JOURNAL = "I can't do that now: I cannot write down that I do it."
_HUNG = "I can't do that now: things that I began earlier have not come to an end."


class SkillRunner:
    """The `Doer`. Safe to use from several threads."""

    def __init__(
        self,
        meanings: Meanings,
        journal: Journal,
        services: Services | None = None,
        *,
        session: str = "",
        language: str = "en",
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        recorded: bool = True,
    ) -> None:
        """`session` begins `Context.key`, which names a call for good; `now` gives the time with its zone.

        `recorded`: the journal is that of the session record, where it can be read why a call failed.
        """
        self._recorded = recorded
        self._meanings = meanings
        self._journal = journal
        self._services = services or Lent()
        self._session = session
        self._language = language
        self._now = now
        self._lock = threading.Lock()
        self._running = 0
        self._hung: list[_Run] = []

    @property
    def hung(self) -> list[str]:
        """The skills that were left alone and have not come back, by name."""
        with self._lock:
            return sorted(run.skill for run in self._hung)

    def carry_out(self, call: Call) -> Outcome:
        """At most once a call. Blocks for the skill's `timeout_s` at most; never raises."""
        checked = self._meanings.check(call.skill, call.arguments)
        if isinstance(checked, Refused):
            return Outcome("failed", checked.say, error=checked.error)
        if full := self._full():
            return full
        try:
            before = self._journal.begin_call(call, checked.skill.read_only, checked.skill.aside)
        except Exception as error:  # noqa: BLE001 - a disk, a database
            _log.exception("call of %s is not written down, and not carried out", call.skill)
            before = Outcome("failed", _NO_JOURNAL, error=f"journal: {_reason(error)}")
        if before is not None:
            return before
        outcome = self._run(call, checked)
        if outcome.status != "done":
            if self._recorded:
                _log.warning("skill %s: %s ('nearfield sessions show' says why)", call.skill, outcome.status)
            _log.debug("skill %s: %s", call.skill, outcome.error)  # may repeat what was said
        try:
            self._journal.end_call(call, outcome)
        except Exception:  # noqa: BLE001 - it is done, and that is what is told
            _log.exception("what came of %s is not written down", call.skill)
        return outcome

    def _full(self) -> Outcome | None:
        with self._lock:
            if len(self._hung) >= MOST_HUNG:
                names = ", ".join(sorted({run.skill for run in self._hung}))
                return Outcome("failed", _HUNG, error=f"{len(self._hung)} calls hang: {names}")
            if self._running >= MOST_RUNNING:
                return Outcome("failed", "I am busy with other things.", error=f"{self._running} calls are running")
            return None

    def _run(self, call: Call, checked: Checked) -> Outcome:
        skill = checked.skill
        run = _Run(skill.name)
        with self._lock:
            self._running += 1
        # a daemon: one that hangs must not keep the appliance from ending
        name = f"nearfield-skill-{skill.name}"
        try:
            threading.Thread(target=self._work, args=(run, call, checked), name=name, daemon=True).start()
        except RuntimeError as error:  # no more threads, no memory
            self._end(run)
            return Outcome("failed", _BROKEN, error=_reason(error))
        try:
            returned = run.answer.get(timeout=skill.timeout_s)
        except queue.Empty:
            with self._lock:
                if not run.ended:
                    self._hung.append(run)
            return _not_done(skill.read_only, f"not ended after {skill.timeout_s:g} s", "That took too long.")
        if isinstance(returned, SkillError):
            return Outcome("failed", returned.message, error=returned.hint or returned.message)
        if isinstance(returned, SkillUnsureError):
            return _not_done(skill.read_only, returned.message)
        if isinstance(returned, BaseException):
            return _not_done(skill.read_only, f"raised {_reason(returned)}")
        return self._outcome(checked, returned)

    def _work(self, run: "_Run", call: Call, checked: Checked) -> None:
        skill = checked.skill
        try:
            if skill.wants_context:
                key = ".".join(part for part in (self._session, str(call.turn), str(call.index)) if part)
                state = self._journal.state(skill.group)
                context = Context(self._now(), key, state, self._services, self._language)
                returned = skill.run(context, **checked.values)
            else:
                returned = skill.run(**checked.values)
            run.answer.put(Result(returned) if isinstance(returned, str) else returned)
        except (SkillError, SkillUnsureError) as error:
            run.answer.put(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it ends a thread without a word
            _log.warning("skill %s raised %s", skill.name, type(error).__name__)
            _log.debug("where it failed", exc_info=error)  # may repeat what was said
            run.answer.put(error)
        finally:
            self._end(run)

    def _end(self, run: "_Run") -> None:
        with self._lock:
            run.ended = True
            self._running -= 1
            if run in self._hung:
                self._hung.remove(run)

    def _outcome(self, checked: Checked, returned: Any) -> Outcome:
        read_only = checked.skill.read_only
        if not (isinstance(returned, Result) and isinstance(returned.say, str) and isinstance(returned.data, Mapping)):
            return _not_done(read_only, f"gave back {type(returned).__name__}, neither a text nor a Result")
        data, error = _as_json(returned.data)
        own = " ".join(returned.say.split())
        say: str | None = own
        if returned.last_resort or not own:
            words = self._meanings.words(checked, returned.data if not error else {})
            say = (own or None) if words is None else words
        if say is None:
            if error:
                return _not_done(read_only, error)
            say = "" if data else "Done."
        if len(say) > MOST_SAY_CHARS:
            error = error or f"its text of {len(say):,} characters was cut"
            say = _cut(say)
        return Outcome("done", say, data, error)


class _Run:
    """One call while it runs."""

    def __init__(self, skill: str) -> None:
        self.skill = skill
        self.answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ended = False


def _not_done(read_only: bool, error: str, say: str = "") -> Outcome:
    """What changes nothing has failed for certain; anything else may have been done."""
    if read_only:
        return Outcome("failed", say or _BROKEN, error=error)
    return Outcome("unknown", f"{say} {_UNSURE}".strip(), error=error)


def _as_json(data: Mapping[str, Any]) -> tuple[str, str]:
    """`data` as JSON, and what is wrong with it; "" for none."""
    if not data:
        return "", ""
    try:
        text = json.dumps(dict(data), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return "", f"its data is not JSON: {error}"
    if len(text) > MOST_DATA_CHARS:
        return "", f"its data is too long: {len(text):,} characters"
    return text, ""


def _cut(text: str) -> str:
    """To the last end of a sentence that fits, or the last word."""
    head = text[:MOST_SAY_CHARS]
    for sign in (". ", "! ", "? ", " "):
        if (end := head.rfind(sign)) > 0:
            return head[: end + 1].rstrip()
    return head


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
