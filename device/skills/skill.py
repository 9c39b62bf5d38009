"""A skill: a typed function with a docstring.

    @skill(read_only=True)
    def roll_dice(context: Context, sides: Annotated[int, Field(ge=2, le=100)] = 6) -> str:
        \"\"\"Roll a die.\"\"\"
        return f"{random.randint(1, sides)}."

The signature makes the schema of its arguments (pydantic), the docstring is what a language model is told. A skill
gives back what is to be said, or a `Result`; it raises `SkillError` with words for the user when it cannot be done.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, create_model
from pydantic_core import PydanticCustomError

from device.errors import NearfieldError

_T = TypeVar("_T")


class SkillError(NearfieldError):
    """It cannot be done; the message is said to the user."""


class SkillUnsureError(NearfieldError):
    """It may have been done or not, and must not be tried again: the answer of another machine did not come."""


class SkillDefinitionError(NearfieldError):
    """A function that cannot be a skill; the message says why."""


def not_meant(what: str) -> PydanticCustomError:
    """For a validator of an argument to raise: these words are no `what`, so the sentence meant something else.

    Other errors of a validator are words for the user.
    """
    return PydanticCustomError("not_meant", "is no {what}", {"what": what})


@dataclass(frozen=True, slots=True)
class Result:
    """What a skill gives back when a text is not enough."""

    say: str = ""  #: what is said, as people say it; "": the sentence's template has the words
    data: Mapping[str, Any] = field(default_factory=dict)  #: JSON; for the template and for a language model
    last_resort: bool = False  #: `say` is said only where no sentence's template has words: it is another machine's


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a skill's `prepare` gives back: the question that names what it is about, and what a yes to it means."""

    question: str
    arguments: Mapping[str, Any]  #: carried out with these, whatever has been talked of meanwhile


class State(Protocol):
    """What a skill wants to find again after a power cut: small JSON values by name. Written before `put` returns."""

    def get(self, name: str) -> Any:
        """None: there is none."""
        ...

    def put(self, name: str, value: Any) -> None:
        """None: forget it. Raises SkillError when it cannot be written."""
        ...

    def all(self) -> Mapping[str, Any]:
        """Every value by name, in the order of their names."""
        ...


class Services(Protocol):
    """What the appliance lends to skills, by type: timers, controls of the device, the newest conversation."""

    def get(self, kind: type[_T]) -> _T:
        """Raises SkillError: there is none here."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a skill is told beside its arguments."""

    now: datetime  #: with the time zone of the device
    key: str  #: names this call for good: the same again means the same call, not another one
    state: State  #: of this skill's group alone
    services: Services
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Skill:
    """A function as a skill. `group`: the skills that share one `State`; by default the module's last name."""

    name: str
    description: str
    run: Callable[..., str | Result]
    arguments: type[BaseModel]
    wants_context: bool
    group: str
    read_only: bool = False  #: changes nothing: may be carried out before the commit, and twice
    confirm: str = ""  #: asked first, with {argument} in it ("" none is needed)
    timeout_s: float = 5.0
    aside: bool = False  #: takes long: its result is told at the next natural pause
    promise: str = "I will tell you when I know."  #: said meanwhile by one that is carried out aside
    #: Of one that is confirmed: looks up what it is about before it is asked. Called like `run`, at any pause
    #: and more than once: changes nothing but, in `state`, what was talked of. Raises SkillError when it cannot be
    #: done: that is said instead, and nothing is asked.
    prepare: Callable[..., Prepared] | None = None
    #: the question for these arguments, where a text with {argument} in it is not enough; `confirm` must be set as well
    ask: Callable[[Mapping[str, Any]], str] | None = None

    def question(self, values: Mapping[str, Any]) -> str:
        """What is asked before it is carried out with these (checked) arguments; "" nothing."""
        if not self.confirm:
            return ""
        return self.ask(values) if self.ask is not None else self.confirm.format_map(values)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.arguments.model_json_schema()


@overload
def skill(function: Callable[..., str | Result], /) -> Skill: ...


@overload
def skill(
    *,
    name: str = "",
    group: str = "",
    read_only: bool = False,
    confirm: str = "",
    timeout_s: float = 5.0,
    aside: bool = False,
    promise: str = "I will tell you when I know.",
    prepare: Callable[..., Prepared] | None = None,
) -> Callable[[Callable[..., str | Result]], Skill]: ...


def skill(function: Callable[..., str | Result] | None = None, /, **declared: Any) -> Any:
    """Make a function a skill. Raises SkillDefinitionError: no docstring, a parameter without a type."""
    if function is not None:
        return _made(function, **declared)
    return lambda f: _made(f, **declared)


def _made(function: Callable[..., str | Result], *, name: str = "", group: str = "", **declared: Any) -> Skill:
    name = name or function.__name__
    where = f"skill '{name}' ({function.__module__})"
    description = inspect.getdoc(function) or ""
    if not description:
        raise SkillDefinitionError(f"{where} has no docstring", hint="its first line says what it does")
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    wants_context = False
    for i, parameter in enumerate(inspect.signature(function).parameters.values()):
        if hints.get(parameter.name) is Context:
            if i > 0 or parameter.kind is parameter.KEYWORD_ONLY:
                raise SkillDefinitionError(f"{where}: the Context must be its first parameter")
            wants_context = True
            continue
        if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise SkillDefinitionError(f"{where}: parameter '{parameter.name}' has no type", hint="e.g. seconds: int")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    group = group or function.__module__.rpartition(".")[2]
    return Skill(name, description, function, arguments, wants_context, group, **declared)
