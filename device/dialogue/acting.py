"""What is done for what was said, asked before it is done, and told when it is done later.

    acting = Acting(ActingPolicy(), mine, history)
    acting.begin(answer, "Cancel my order.", onset, probability, now)       # a hypothesis
    acting.understood(job, meaning, now)
    acting.commit(job, onset, probability, now, since)                      # [Asked] or [Called, Act] or nothing
    acting.at_pause(now, idle_since)                                        # what is said of its own accord

It ties a `Doing` for each hypothesis to the question that waits (`confirmation`) and to what waits to be told
(`telling`). Nothing in here commits. Sans-IO.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from device.dialogue import events as ev
from device.dialogue.answer import Answer
from device.dialogue.assistant_turn import AssistantTurn
from device.dialogue.commands import Output
from device.dialogue.confirmation import Confirmation, ConfirmationPolicy
from device.dialogue.control_words import control_in
from device.dialogue.deeds import Call, Meaning, Outcome, Unable, Undelivered
from device.dialogue.doing import Calls, Check, Doing, DoingPolicy, no_tools
from device.dialogue.history import History
from device.dialogue.telling import Telling
from models.protocols import SAMPLE_RATE_HZ, Floats, ToolRequest

_REMEMBERED = 16  # hypotheses: the one in hand, one that waits to go on, and some grace


@dataclass(frozen=True, slots=True)
class ActingPolicy:
    """How what is said becomes what is done."""

    doing: DoingPolicy = DoingPolicy()
    confirmation: ConfirmationPolicy = ConfirmationPolicy()
    natural_pause_ms: float = 700.0  #: so long nobody has spoken and nothing has sounded


class Acting:
    """One conversation's deeds."""

    def __init__(
        self,
        policy: ActingPolicy,
        mine: AssistantTurn,
        history: History,
        *,
        check: Check = no_tools,
        pending: Meaning | None = None,
        undelivered: Sequence[Undelivered] = (),
    ) -> None:
        """`pending`, `undelivered`: a question and results from before a restart."""
        self._policy = policy
        self._mine = mine
        self._history = history
        self._check = check
        self._calls = Calls()
        self._doings: dict[int, Doing] = {}  # by job, the newest behind
        self._open: dict[tuple[int, int], Doing] = {}  # by call, until it has come back
        self._confirmation = Confirmation(policy.confirmation, pending)
        self._telling = Telling(undelivered)

    # --- a hypothesis -----------------------------------------------------------------------------------------

    @property
    def looks_twice(self) -> bool:
        """Is the audio of use to `begin`?"""
        return self._policy.doing.interpreter and self._policy.doing.second_look

    def begin(
        self,
        answer: Answer,
        text: str,
        onset_sample: int,
        probability: float,
        now: int,
        *,
        audio: Floats | None = None,
    ) -> list[Output]:
        """Prepare what comes of `text`, which somebody began to say at `onset_sample`.

        `audio`: what it was heard in, if that may be listened to once more.
        """
        messages = self._history.messages_with(text)
        doing = Doing(answer, text, messages, self._policy.doing, self._calls, self._check)
        self._doings[answer.job] = doing
        # what was done for an earlier hypothesis before any commit came to nothing with it
        self._open = {call: each for call, each in self._open.items() if each.committed}
        while len(self._doings) > _REMEMBERED:
            del self._doings[next(iter(self._doings))]
        pending, texts = self._confirmation.pending, self._policy.doing
        repeat = control_in(text) == "repeat"
        if pending is None and repeat:
            return doing.say(self._mine.last_text or texts.nothing_said_text, now)
        if pending is None:
            return doing.begin(now, audio)
        reading = self._confirmation.reading(text, onset_sample, probability)
        if reading == "yes":
            doing.settles = "yes"
            # it was asked because it changes something
            return doing.mean(replace(pending.meaning, question="", read_only=False), now)
        if reading == "other" and not repeat:
            return doing.begin(now, audio)
        doing.settles = "again" if reading == "other" else reading
        says = {"again": pending.meaning.question, "no": texts.declined_text, "left": texts.left_text}
        return doing.say(says[doing.settles], now)

    def unready(self, job: int) -> bool:
        """Would nothing come of the hypothesis `job` yet, were it the user's turn now?"""
        doing = self._doings.get(job)
        return doing is not None and doing.unready

    def understood(self, job: int, meaning: Meaning | Unable | None, now: int) -> list[Output]:
        """The interpreter's answer to `Understand`, for an answer that is still wanted."""
        doing = self._doings.get(job)
        return [] if doing is None else self._noted(doing, doing.understood(meaning, now), now)

    def not_understood(self, now: int, wanted: Callable[[int], bool]) -> list[Output]:
        """Whose words have been looked up for too long is answered without. `wanted`: is this answer still?"""
        overdue = [job for job, doing in self._doings.items() if doing.gave_up_looking(now)]
        return [each for job in overdue if wanted(job) for each in self.understood(job, None, now)]

    def requested(self, job: int, request: ToolRequest, now: int) -> list[Output]:
        """The language model asks for a tool, for an answer that is still wanted."""
        doing = self._doings.get(job)
        return [] if doing is None else self._noted(doing, doing.requested(request, now), now)

    def acted(self, call: Call, outcome: Outcome, now: int, *, wanted: bool) -> list[Output]:
        """What came of `call`. `wanted`: its answer is still to be given."""
        doing = self._open.pop((call.turn, call.index), None)
        if doing is None:
            return []
        out = doing.acted(outcome, now, wanted=wanted)
        if doing.aside:
            self._telling.add(Undelivered(call.turn, call.index, doing.words(outcome)))
        return out

    # --- the commit -------------------------------------------------------------------------------------------

    def commit(self, job: int, onset_sample: int, probability: float, now: int, since: int) -> list[Output]:
        """The hypothesis `job` is the user's turn. `probability`: of its transcript, as it is known now."""
        doing = self._doings[job]
        turn, out = doing.answer.turn, list[Output]()
        if self._confirmation.pending is not None:
            reading = self._confirmation.reading(doing.text, onset_sample, probability)
            if doing.settles == "yes" and reading != "yes":  # what it was prepared on was surer than what it is now
                doing.settles = "again" if reading == "again" else "left"
                question = self._confirmation.pending.meaning.question
                text = question if reading == "again" else self._policy.doing.left_text
                out += doing.instead(text, now)
            out += self._settle(doing, turn, now)
        return out + self._noted(doing, doing.commit(now, since), now, committed=True)

    def _settle(self, doing: Doing, turn: int, now: int) -> list[Output]:
        pending = self._confirmation.pending
        assert pending is not None
        match doing.settles:
            case "again":
                if control_in(doing.text) != "repeat":  # who did not catch it may ask as often as they like
                    self._confirmation.put_again()
                return self._ask(pending.meaning, doing.answer, turn, now)
            case "yes" | "no" as answer:
                self._confirmation.settle()
                return [ev.Settled(now, turn, pending.turn, answer)]
            case _:
                self._confirmation.settle()
                return [ev.Settled(now, turn, pending.turn, "dropped")]

    def _ask(self, meaning: Meaning, answer: Answer, turn: int, now: int) -> list[Output]:
        self._confirmation.ask(meaning, answer, turn)
        return [ev.Asked(now, turn, meaning.skill, meaning.arguments, meaning.question)]

    def _noted(self, doing: Doing, out: list[Output], now: int, *, committed: bool = False) -> list[Output]:
        """Remember a call that was given, and a question that is put."""
        call = doing.call
        if call is not None and doing.waits:
            self._open[(call.turn, call.index)] = doing
        asks = doing.meaning is not None and doing.meaning.question and not doing.asked
        if asks and (committed or doing.committed):
            assert doing.meaning is not None
            doing.asked = True
            return [*self._ask(doing.meaning, doing.answer, doing.answer.turn, now), *out]
        return out

    # --- of its own accord ------------------------------------------------------------------------------------

    def add(self, text: str) -> None:
        """To be said at the next natural pause."""
        self._telling.add(Undelivered(0, -1, text))

    def hear(self, now: int, idle_since: int | None) -> list[Output]:
        """A block of the microphone. `idle_since`: nobody speaks and nothing sounds since then; None: that is not so.

        The question that waits and the results that nobody has heard are said in a pause.
        """
        out: list[Output] = []
        for doing in list(self._open.values()):
            out += doing.hear(now)
        answer = self._mine.in_hand
        if answer is not None and answer.started:
            self._telling.sounded(answer)
        out += self._telling.heard(now)
        if idle_since is None or now - idle_since < self._policy.natural_pause_ms * SAMPLE_RATE_HZ / 1000:
            return out
        pending = self._confirmation.pending
        if pending is not None:
            return out + self._wait_for_answer(now, idle_since)
        if (notice := self._telling.next()) is not None:
            said = self._mine.announce(notice.say, now)
            assert self._mine.in_hand is not None
            self._telling.began(notice, self._mine.in_hand)
            out += said
        return out

    def _wait_for_answer(self, now: int, idle_since: int) -> list[Output]:
        confirmation, pending = self._confirmation, self._confirmation.pending
        assert pending is not None
        if pending.broken_off:
            first = pending.answer is None  # it is from before a restart
            if first or confirmation.put_again():
                said = self._mine.announce(pending.meaning.question, now)
                assert self._mine.in_hand is not None
                return [*self._ask(pending.meaning, self._mine.in_hand, 0, now), *said]
        elif not confirmation.expired(now, idle_since):
            return []
        confirmation.settle()
        return [ev.Settled(now, 0, pending.turn, "dropped")]

    def stopped(self, turn: int, now: int) -> list[Output]:
        """Somebody said that it is enough: what is being told counts as told, what is being asked as declined."""
        out: list[Output] = [*self._telling.waved_away(now)]
        if self._confirmation.pending is not None:
            pending = self._confirmation.settle()
            out.append(ev.Settled(now, turn, pending.turn, "no"))
        return out

    @property
    def asking(self) -> bool:
        """Does a question wait?"""
        return self._confirmation.pending is not None
