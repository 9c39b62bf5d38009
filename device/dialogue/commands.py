"""What the conversation asks of the world outside; the rim (`device.dialogue.loop`) carries it out.

`job` names what a piece of work belongs to: a decode, or a hypothesis with all that is made for it, which is one
cancel scope. `Cancel(job)` ends all of it, and whatever still comes back for that job is ignored. `Suspend(job)` keeps
it alive beside the next one, for an answer that was interrupted and may go on (`Continue`): what is in work for it
comes to its end, nothing more is asked or played.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from device.dialogue.deeds import Call
from device.dialogue.events import Event
from models.protocols import Effort, Floats, Message, Speech, ToolSpec


@dataclass(frozen=True, slots=True)
class Decode:
    """Recognise `audio`, (n,) float32 16 kHz; answer with `Conversation.transcribed`."""

    job: int
    audio: Floats
    effort: Effort = "final"


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the turn model about `audio`, (n,) float32 16 kHz; answer with `Conversation.judged`."""

    job: int
    audio: Floats


@dataclass(frozen=True, slots=True)
class Reply:
    """Write an answer to `messages`; answer with `token`s and one `written`, or with one `requested`.

    `tools`: what the model may ask for instead of answering.
    """

    job: int
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Understand:
    """Look whether these words mean something that is done without a language model; answer with `understood`.

    `audio`, (n,) float32 16 kHz: what they were heard in, if that may be listened to once more.
    """

    job: int
    text: str
    audio: Floats | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Act:
    """Carry out a call; answer with `acted`. Cannot be taken back, unless `read_only`.

    `aside`: it takes long, and others must not wait for it.
    """

    job: int
    call: Call
    read_only: bool
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise one clause; answer with `spoken`, once, or part by part if that is how the voice has it.

    `apart`: it is no part of an answer, but of what rings beside it; it comes back whole.
    `opening`: the first words of a clause that is still being written. Answer with a part of it, or that none comes;
    the clause, which begins with them (the last one may lack letters), is asked for under the same index later.
    """

    job: int
    index: int
    text: str
    apart: bool = False
    opening: bool = False

    @property
    def first(self) -> bool:
        """Does somebody wait for the first sound of it?"""
        return self.index == 0 and not self.apart


@dataclass(frozen=True, slots=True)
class Play:
    """Queue a clause, or a part of one, for the loudspeaker; answer with `queued`."""

    job: int
    index: int
    speech: Speech


@dataclass(frozen=True, slots=True)
class Flush:
    """Drop all that is queued for the loudspeaker, at once."""


@dataclass(frozen=True, slots=True)
class Chime:
    """Play an earcon, if there is one of that name and no answer sounds; no answer expected."""

    name: str
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Snooze:
    """What rings under this name is to ring again later: that is arranged by whoever had it ring."""

    name: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nothing of this job is wanted any more."""

    job: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """This job waits: its work is still wanted, though another job begins."""

    job: int


@dataclass(frozen=True, slots=True)
class Continue:
    """The suspended job is the one in hand again."""

    job: int


@dataclass(frozen=True, slots=True)
class Warm:
    """Prefill the language model with the chat so far; no answer expected."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have these texts spoken once, while the voice has nothing else to do: it keeps them; no answer expected."""

    texts: tuple[str, ...]


Command = (
    Decode
    | Judge
    | Understand
    | Reply
    | Act
    | Speak
    | Play
    | Flush
    | Chime
    | Snooze
    | Cancel
    | Suspend
    | Continue
    | Warm
    | Prepare
)
Output = Event | Command


class Jobs:
    """Numbers for pieces of work, each given out once."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)

    def next(self) -> int:
        return next(self._numbers)


class LiveJobs:
    """Which jobs are still wanted: a decode, the answer in hand, at most one that is suspended, and what rings.

    `apply` every command, from one thread; ask `alive` from any.
    """

    def __init__(self) -> None:
        # decode, in hand, suspended: replaced as a whole
        self._jobs: tuple[int | None, int | None, int | None] = (None, None, None)
        self._apart: frozenset[int] = frozenset()

    def apply(self, command: Command) -> None:
        decode, in_hand, suspended = self._jobs
        match command:
            case Decode(job):
                decode = job
            case Speak(job, apart=True):
                self._apart |= {job}
            case Understand(job) | Reply(job) | Act(job) | Speak(job) if job not in self._jobs:
                in_hand = job
            case Cancel(job):
                self._apart -= {job}
                decode, in_hand, suspended = (None if j == job else j for j in self._jobs)
            case Suspend(job):
                in_hand, suspended = None, job
            case Continue(job):
                in_hand, suspended = job, None
        self._jobs = (decode, in_hand, suspended)

    def clear(self) -> None:
        """Nothing is wanted any more."""
        self._jobs, self._apart = (None, None, None), frozenset()

    def alive(self, job: int) -> bool:
        return job in self._jobs or job in self._apart
