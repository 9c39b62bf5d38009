"""The rim of what is done: looks up what words mean, and carries out calls, each in threads of its own.

    deeds = DeedWorkers(interpreter, doer, understood=..., acted=..., alive=jobs.alive, hear_again=models.hear_again)
    deeds.understand(Understand(job, text)); deeds.act(Act(job, call, read_only=False))

Quick calls are carried out one behind the other, so that what was said first is done first; those that take long have
a few threads, so that nobody waits for them. What fails in here, `sys.exit` included, is an outcome like any other:
somebody waits for it.

Words that mean nothing but are near to something that does are recognised once more (`deeds.SecondLook`), in the
recogniser's thread: while that is busy, or cannot, they mean nothing. What means nothing and is an order all the same
is told apart (`deeds.KnowsOrders`).
"""

import logging
from collections.abc import Callable
from functools import partial

from device.dialogue.commands import Act, Understand
from device.dialogue.deeds import Call, Doer, Interpreter, KnowsOrders, Meaning, Outcome, SecondLook, Unable
from device.dialogue.workers import Worker
from models.protocols import Floats

_log = logging.getLogger(__name__)

_ASIDE = 4  # calls that are carried out aside at a time
_FULL = Outcome("failed", "Sorry, too much is going on. Please try again.", error="too many calls wait")
_NOBODY = Outcome("failed", error="nobody is there to carry it out")

#: Recognise the audio of a job with this text in mind, and pass on what was heard; False: not now.
HearAgain = Callable[[int, Floats, str, Callable[[str], None]], bool]


def never_again(_job: int, _audio: Floats, _expected: str, _then: Callable[[str], None]) -> bool:
    """A `HearAgain` where nobody hears anything twice."""
    return False


class DeedWorkers:
    """`understood` and `acted` are called from the threads in here."""

    def __init__(
        self,
        interpreter: Interpreter | None,
        doer: Doer | None,
        *,
        understood: Callable[[int, Meaning | Unable | None], None],
        acted: Callable[[int, Call, Outcome], None],
        alive: Callable[[int], bool],
        hear_again: HearAgain = never_again,
    ) -> None:
        """`alive`: is this job still wanted?"""
        self._interpreter = interpreter
        self._doer = doer
        self._understood = understood
        self._acted = acted
        self._alive = alive
        self._hear_again = hear_again
        self._intent = Worker("intent")
        self._quick = Worker("skills")
        self._aside = Worker("skills-aside", threads=_ASIDE)
        if isinstance(interpreter, SecondLook):
            self._intent.give(
                partial(self._is_near, interpreter, "")
            )  # what it needs for that is made at the first call

    def understand(self, command: Understand) -> None:
        """Look whether these words mean something."""
        self._intent.give(partial(self._interpret, command))

    def act(self, command: Act) -> None:
        """Carry this out."""
        worker = self._aside if command.aside else self._quick
        if not worker.offer(partial(self._carry_out, command)):
            self._acted(command.job, command.call, _FULL)

    def finish(self, timeout_s: float) -> None:
        """No more comes; wait so long for what is in work."""
        for worker in (self._intent, self._quick, self._aside):
            worker.finish(timeout_s)

    def _interpret(self, command: Understand) -> None:
        meaning = None
        if not self._alive(command.job):
            return
        try:
            if self._interpreter is not None:
                meaning = self._interpreter.interpret(command.text)
        except BaseException as error:  # noqa: BLE001 - the language model is asked in its place
            _log.error("what was said could not be looked up: %s", type(error).__name__)
            _log.debug("where it failed", exc_info=error)
        if meaning is None and self._looks_again(command):
            return
        self._tell(command, meaning)

    def _looks_again(self, command: Understand) -> bool:
        """Is it being recognised once more? Then `_guess` goes on with it."""
        look = self._interpreter
        if command.audio is None or not isinstance(look, SecondLook):
            return False
        if not self._is_near(look, command.text):
            return False
        return self._hear_again(command.job, command.audio, look.hints, partial(self._heard_again, look, command))

    def _is_near(self, look: SecondLook, text: str) -> bool:
        try:
            return look.near(text)
        except BaseException as error:  # noqa: BLE001 - the language model is asked in its place
            _log.error("a second look failed: %s", type(error).__name__)
            _log.debug("where it failed", exc_info=error)
            return False

    def _heard_again(self, look: SecondLook, command: Understand, again: str) -> None:
        """In the recogniser's thread, which has other things to do."""
        if not again or not self._intent.offer(partial(self._guess, look, command, again)):
            self._tell(command, None)

    def _guess(self, look: SecondLook, command: Understand, again: str) -> None:
        meaning = None
        try:
            meaning = look.guess(command.text, again)
        except BaseException as error:  # noqa: BLE001 - as above
            _log.error("what was heard again could not be looked up: %s", type(error).__name__)
            _log.debug("where it failed", exc_info=error)
        self._tell(command, meaning)

    def _tell(self, command: Understand, meaning: Meaning | None) -> None:
        unable = None
        try:
            if meaning is None and isinstance(self._interpreter, KnowsOrders):
                unable = self._interpreter.unable(command.text)
        except BaseException as error:  # noqa: BLE001 - as above
            _log.error("it cannot be told whether that was an order: %s", type(error).__name__)
            _log.debug("where it failed", exc_info=error)
        self._understood(command.job, meaning or unable)

    def _carry_out(self, command: Act) -> None:
        if command.read_only and not self._alive(command.job):
            return  # it was for a hypothesis that came to nothing
        outcome = _NOBODY
        try:
            if self._doer is not None:
                outcome = self._doer.carry_out(command.call)
        except BaseException as error:  # noqa: BLE001 - it may have been done before it failed
            _log.error("skill '%s' failed: %s", command.call.skill, type(error).__name__)
            _log.debug("where it failed", exc_info=error)
            outcome = Outcome("unknown", error=str(error) or type(error).__name__)
        self._acted(command.job, command.call, outcome)
