"""How one hypothesis comes to its words: by what it means and what is done for it, or by the language model.

    doing = Doing(answer, "Set a timer for five minutes.", messages, policy, calls)
    doing.begin(now)                    # [Understand]: is it known what that means?
    doing.understood(meaning, now)      # its words are prepared, if they are known beforehand; else [Reply]
    doing.commit(now, since)            # [Called, Act]; the words wait
    doing.acted(outcome, now)           # [CallEnded, Play]: it is done, so they are true

What changes nothing may be done before the commit, and what came of it is told with the commit. At most one call comes
of a hypothesis: a language model that asked for a tool is not given any with the result, which is data and can call
nothing. Sans-IO.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from device.dialogue.answer import Answer
from device.dialogue.commands import Act, Output, Reply, Understand
from device.dialogue.deeds import Call, Meaning, Outcome, Unable
from device.dialogue.events import Called, CallEnded, Understood
from models.protocols import SAMPLE_RATE_HZ, Floats, Message, ToolRequest, ToolSpec

#: What a language model may ask for at this moment: tools of servers come and go.
Offer = Callable[[], tuple[ToolSpec, ...]]
#: Is this request of a language model sound? What it means, or why not.
Check = Callable[[ToolRequest], Meaning | str]

_TURNS_REMEMBERED = 8  # one that is answered, one that waits, one that is being said, and some grace


def nothing_offered() -> tuple[ToolSpec, ...]:
    """An `Offer` of none."""
    return ()


def no_tools(request: ToolRequest) -> Meaning | str:
    """A `Check` where there are none."""
    return f"there is no tool '{request.name}'"


@dataclass(frozen=True, slots=True)
class DoingPolicy:
    """What is done, and what is said where nobody else has words for it."""

    interpreter: bool = False  #: is there one that answers `Understand`?
    second_look: bool = True  #: may it listen once more to what it does not know (`deeds.SecondLook`)?
    tools: Offer = nothing_offered  #: asked with each reply; the language model must be a `ToolCaller` if there are any
    longest_look_ms: float = 4_000.0  #: for the interpreter, a second look included; then the language model is asked
    longest_wait_ms: float = 10_000.0  #: for an outcome, after which the rest is told later
    done_text: str = "Done."
    failed_text: str = "Sorry, that did not work."
    unknown_text: str = "Sorry, I do not know whether that has worked."
    promise_text: str = "I will tell you when I know."
    longer_text: str = "That takes longer than I thought. I will tell you when I know."
    declined_text: str = "All right, I will leave it."
    left_text: str = "I did not get a clear yes, so I have left it."
    nothing_said_text: str = "I have not said anything yet."

    @property
    def fixed_texts(self) -> tuple[str, ...]:
        """What is said word for word: worth keeping as audio."""
        return (self.done_text, self.promise_text, self.declined_text)


def in_words(outcome: Outcome, meaning: Meaning | None, policy: DoingPolicy) -> str:
    """What is said of `outcome`, by itself."""
    fallback = {"done": policy.done_text, "failed": policy.failed_text, "unknown": policy.unknown_text}
    if not outcome.say and outcome.status == "done" and meaning is not None and meaning.says:
        return meaning.says
    return outcome.say or fallback[outcome.status]


class Calls:
    """Numbers for the calls of a turn; one that came to nothing is not used again."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}  # by turn, for the newest few

    def next(self, turn: int) -> int:
        index = self._next.pop(turn, 0)
        self._next[turn] = index + 1
        if len(self._next) > _TURNS_REMEMBERED:
            del self._next[min(self._next)]
        return index


class Doing:
    """One hypothesis. `job` and `turn` are those of its answer."""

    def __init__(
        self,
        answer: Answer,
        text: str,
        messages: tuple[Message, ...],
        policy: DoingPolicy,
        calls: Calls,
        check: Check = no_tools,
    ) -> None:
        """`messages`: the chat with `text` at its end."""
        self.answer = answer
        self.text = text
        self.meaning: Meaning | None = None  #: what is done for it; None: not known (yet), or nothing
        self.call: Call | None = None  #: the one that was given
        self.outcome: Outcome | None = None  #: what came of it
        self.settles: Literal["", "yes", "no", "again", "left"] = ""  #: what it is to the question that waits
        self._messages = messages
        self._policy = policy
        self._calls = calls
        self._check = check
        self.committed = False  #: is it the user's turn?
        self.asked = False  #: has the question been put?
        self._replied = False  # the language model was asked
        self._looked_at: int | None = None  # the interpreter was asked, and may still answer
        self._called_at = 0
        self._said = False  # its words stand, whatever comes later
        self._untold: list[Output] = []  # events of what was done before the commit

    @property
    def waits(self) -> bool:
        """Was a call given that has not come back?"""
        return self.call is not None and self.outcome is None

    @property
    def unready(self) -> bool:
        """Would nothing come of it yet, were it the user's turn now: no deed, and no sound of its answer?"""
        if self._looked_at is not None:
            return True
        waits_for_commit = self.meaning is not None and not self.meaning.question and self.call is None
        return not (waits_for_commit or self.answer.audible)

    def gave_up_looking(self, now: int) -> bool:
        """Has the interpreter been asked too long ago? True once, and its answer is not waited for any more."""
        since, limit = self._looked_at, self._policy.longest_look_ms * SAMPLE_RATE_HZ / 1000
        if since is None or now - since < limit:
            return False
        self._looked_at = None
        return True

    # --- how it begins: one of these --------------------------------------------------------------------------

    def begin(self, now: int, audio: Floats | None = None) -> list[Output]:
        """Nothing is known beforehand. `audio`: what the words were heard in, for a second look."""
        if self._policy.interpreter:
            self._looked_at = now
            return [Understand(self.answer.job, self.text, audio)]
        return self._reply(now)

    def mean(self, meaning: Meaning, now: int) -> list[Output]:
        """It is known what is to be done."""
        self.meaning = meaning
        out: list[Output] = []
        if meaning.question:
            out += self.answer.tell(meaning.question, now)
        elif meaning.aside:
            out += self.answer.tell(meaning.promise or self._policy.promise_text, now)
        elif meaning.says is not None:
            self.answer.hold()
            out += self.answer.tell(meaning.says or self._policy.done_text, now)
        if meaning.read_only and not (meaning.aside or meaning.question):
            out += self._act(now)
        return out + (self._go(now) if self.committed else [])

    def say(self, text: str, now: int) -> list[Output]:
        """Nothing is done, and this is said."""
        self._said = True
        return self.answer.tell(text, now)

    # --- what comes back --------------------------------------------------------------------------------------

    def understood(self, meaning: Meaning | Unable | None, now: int) -> list[Output]:
        """The answer to `Understand`, or that it is not waited for any more (None)."""
        self._looked_at = None
        if self.meaning is not None or self._replied or self._said:
            return []
        told = Understood(now, self.answer.turn, meaning.skill if isinstance(meaning, Meaning) else "")
        if isinstance(meaning, Meaning):
            return [told, *self.mean(meaning, now)]
        # a language model that may ask for tools may find one for it
        if meaning is not None and not self._policy.tools():
            return [told, *self.say(meaning.say, now)]
        return [told, *self._reply(now)]

    def requested(self, request: ToolRequest, now: int) -> list[Output]:
        """The language model asks for a tool in place of an answer. What is wrong with it is for the model to say."""
        if self.meaning is not None or self.answer.generated:
            return self.answer.written(now)
        checked = self._check(request)
        if isinstance(checked, str):
            return [Reply(self.answer.job, (*self._messages, Message("tool", checked)))]
        return self.mean(checked, now)

    def acted(self, outcome: Outcome, now: int, *, wanted: bool) -> list[Output]:
        """What came of the call. `wanted`: is there still an answer to be given? If not, it is only told of."""
        assert self.call is not None
        self.outcome = outcome
        aside = self.aside
        call = self.call
        ended = CallEnded(
            now, call.turn, call.index, call.skill, outcome.status, self.words(outcome) if aside else outcome.say,
            outcome.error, aside,
        )  # fmt: skip
        told: list[Output] = [ended]
        if not self.committed:
            self._untold, told = [*self._untold, ended], []
        return [*told, *(self._put_in_words(outcome, now) if wanted and not self._said and not aside else [])]

    def words(self, outcome: Outcome) -> str:
        """What is said of it, by itself."""
        return in_words(outcome, self.meaning, self._policy)

    @property
    def aside(self) -> bool:
        """Is the result told later, by itself?"""
        return self.meaning is not None and self.meaning.aside

    def _put_in_words(self, outcome: Outcome, now: int) -> list[Output]:
        assert self.meaning is not None
        self._said = True
        says, words = self.meaning.says, self.words(outcome)
        if says is not None:
            true = outcome.status == "done" and words == (says or self._policy.done_text)
            return self.answer.let_go(now) if true else self.answer.instead(words, now)
        if outcome.data and not outcome.say and self._policy.tools():
            return [Reply(self.answer.job, (*self._messages, Message("tool", outcome.data)))]
        return self.answer.tell(words, now)

    # --- the commit -------------------------------------------------------------------------------------------

    def commit(self, now: int, since: int) -> list[Output]:
        """The words are the user's turn. What was done for them beforehand is told, what waited for it is done."""
        self.committed = True
        told, self._untold = self._untold, []
        return [*told, *self._go(now), *self.answer.release(now, since)]

    def instead(self, text: str, now: int) -> list[Output]:
        """Nothing is to be done after all: `text` is said. Before the commit."""
        self.meaning = None
        self._said = True
        return self.answer.instead(text, now)

    def hear(self, now: int) -> list[Output]:
        """A block of the microphone. An outcome that is too long in coming is told later."""
        overdue = self.waits and self.committed and not self._said and not self.aside
        if not overdue or now - self._called_at < self._policy.longest_wait_ms * SAMPLE_RATE_HZ / 1000:
            return []
        assert self.meaning is not None
        self._said = True
        prepared, self.meaning = self.meaning.says is not None, replace(self.meaning, aside=True)
        if self.answer.interrupted_at is not None:
            return []
        text = self._policy.longer_text
        return self.answer.instead(text, now) if prepared else self.answer.tell(text, now)

    def _go(self, now: int) -> list[Output]:
        meaning = self.meaning
        return [] if meaning is None or meaning.question or self.call is not None else self._act(now)

    def _act(self, now: int) -> list[Output]:
        meaning, turn = self.meaning, self.answer.turn
        assert meaning is not None
        self.call = call = Call(turn, self._calls.next(turn), meaning.skill, meaning.arguments)
        self._called_at = now
        act = Act(self.answer.job, call, meaning.read_only, meaning.aside)
        called = Called(now, turn, call.index, call.skill, call.arguments)
        if not self.committed:
            self._untold.append(called)
            return [act]
        return [called, act]

    def _reply(self, now: int) -> list[Output]:  # noqa: ARG002 - all of these take the time
        self._replied = True
        return [Reply(self.answer.job, self._messages, self._policy.tools())]
