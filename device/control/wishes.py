"""What may be asked of a running assistant, whatever way it comes in. Sans-IO.

    wish = wish_in({"do": "volume", "percent": 40})     # SetVolume(percent=40)
    wish_in({"do": "volume", "percent": "loud"})        # WishError: volume: percent: ...

What comes in is data of strangers: exactly these forms, nothing is guessed. An announcement is spoken as it is.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MOST_TEXT_CHARS = 1_000
MOST_WISH_BYTES = 8 * MOST_TEXT_CHARS  #: of its JSON form


class WishError(ValueError):
    """It cannot be obeyed as it stands; the message is one line for whoever asked."""


class Form(BaseModel):
    """Of what comes in: exactly these keys, of exactly these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _speakable(text: str) -> str:
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not words:
        raise ValueError("it holds no text")
    return words


class SetMute(Form):
    """Mute the microphone, or open it (a closed mute switch has the last word)."""

    do: Literal["mute", "unmute"]


class Say(Form):
    """Speak this, at the next pause."""

    do: Literal["say"]
    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT_CHARS), AfterValidator(_speakable)]


class Hush(Form):
    """Silence: the answer, a ringing timer."""

    do: Literal["stop"]


class SetVolume(Form):
    """0 is silent, 100 full."""

    do: Literal["volume"]
    percent: Annotated[int, Field(ge=0, le=100)]


class StepVolume(Form):
    """A step, as by a key."""

    do: Literal["louder", "softer"]


class Talk(Form):
    """The talk button of a page goes down, or comes up."""

    do: Literal["press", "release"]


class Reload(Form):
    """Begin anew with the configuration as it is now; refused if that is not valid."""

    do: Literal["reload"]


class AskStatus(Form):
    """What `ControlDesk.status` says."""

    do: Literal["status"]


Wish = SetMute | Say | Hush | SetVolume | StepVolume | Talk | Reload | AskStatus
_WISHES: TypeAdapter[Wish] = TypeAdapter(Annotated[Wish, Field(discriminator="do")])


def wish_in(data: object) -> Wish:
    """Raises WishError."""
    if not isinstance(data, Mapping):
        raise WishError("a wish is a JSON object")
    try:
        return _WISHES.validate_python(dict(data))
    except ValidationError as error:
        raise WishError(one_line(error)) from None
    except RecursionError:
        raise WishError("a wish is a flat JSON object") from None


def one_line(error: ValidationError) -> str:
    """What is wrong first, without what was sent."""
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ": ".join(str(part) for part in problem["loc"])
    what = str(problem["msg"]).removeprefix("Value error, ")
    return " ".join(f"{where}: {what}".split()) if where else " ".join(what.split())
