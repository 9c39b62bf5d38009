"""What is done beside talking: what words mean, what is to be done for them, what came of it.

    meaning = Meaning("set_timer", {"seconds": 300}, says="Timer set for 5 minutes.")
    call = Call(turn=3, index=0, skill=meaning.skill, arguments=meaning.arguments)
    outcome = Outcome("done", say="Timer set for 5 minutes.")

The vocabulary that the conversation and the skills share; the conversation knows no skill. Sans-IO.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

#: What json.dumps takes.
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is to be done for a text, and what is known of it beforehand."""

    skill: str  #: its name
    arguments: Arguments = field(default_factory=dict)  #: validated
    read_only: bool = False  #: changes nothing: may be carried out before the commit, and twice
    question: str = ""  #: asked first; only a clear yes to it carries it out ("" none is needed)
    says: str | None = None  #: what is said when it is done, if that does not depend on its result
    aside: bool = False  #: takes long: the conversation goes on, the result is told at the next natural pause
    promise: str = ""  #: of one that is carried out aside: what is said meanwhile, and true


@dataclass(frozen=True, slots=True)
class Unable:
    """An order that nobody here carries out: what is said of it, for a small model says that it has done it."""

    say: str


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a skill. `turn` and `index` name it within the session: it is carried out at most once."""

    turn: int
    index: int
    skill: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call.

    "failed": it is certain that nothing was done; "unknown": it may have been done (it was cut off, or timed out), and
    is not tried again.
    """

    status: Literal["done", "failed", "unknown"]
    say: str = ""  #: what is said, as people say it; "" nothing
    data: str = ""  #: JSON, for a language model that puts it in words of its own; "" `say` is all there is
    error: str = ""  #: for the log: why it was not done


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A result that nobody has heard yet: of call `index` of `turn` (0: of a session that broke off)."""

    turn: int
    index: int  #: -1: it is of no call
    say: str


class Interpreter(Protocol):
    """Knows what words mean without a language model: the same words mean the same, always."""

    def interpret(self, text: str) -> Meaning | None:
        """None: not known. A few milliseconds; never raises."""
        ...


@runtime_checkable
class SecondLook(Protocol):
    """An `Interpreter` that can make something of words that it does not know, if they were only misheard."""

    @property
    def hints(self) -> str:
        """What the recogniser is told to expect (`models.protocols.Expecting`)."""
        ...

    def near(self, text: str) -> bool:
        """Is it likely to be worth while? Some milliseconds; never raises."""
        ...

    def guess(self, heard: str, again: str) -> Meaning | None:
        """What was `heard` is not known; `again` is the same audio by a recogniser that was told what to expect.

        It changes nothing, or it asks first. None: not known either. A few milliseconds; never raises.
        """
        ...


@runtime_checkable
class KnowsOrders(Protocol):
    """An `Interpreter` that knows an order also where it does not know what to do."""

    def unable(self, text: str) -> Unable | None:
        """Is `text`, which means nothing, an order? Less than a millisecond; never raises."""
        ...


class Doer(Protocol):
    """Carries out calls."""

    def carry_out(self, call: Call) -> Outcome:
        """At most once a call: one that was carried out before gives its outcome again. Blocks; never raises."""
        ...
