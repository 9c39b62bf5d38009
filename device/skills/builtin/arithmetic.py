"""Sums.

"What is seventeen times twenty-three?"  "What's fifteen percent of eighty?"  "The square root of two?"
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from device.skills import spoken
from device.skills.heard import MOST_CHARACTERS, NoNumberError, TooLargeError, evaluate, formula
from device.skills.skill import SkillError, not_meant, skill

Operator = Literal["plus", "minus", "times", "divided by", "to the power of", "percent of", "square root of",
                   "cube root of", "squared", "cubed", "of"]  # fmt: skip


def _calculation(text: str) -> str:
    """Numbers and operators only."""
    for reading in (text or "1", f"{text} of 1"):  # "half" is a number where "of" follows
        try:
            formula(reading)
        except NoNumberError:
            continue
        return text
    raise not_meant("number")


Part = Annotated[str, Field(max_length=MOST_CHARACTERS, description="a number, or a sum in words"),
                 AfterValidator(_calculation)]  # fmt: skip


@skill(read_only=True)
def calculate(operator: Operator, left: Part = "", right: Part = "", apart: bool = False) -> str:
    """Work out a sum: left operator right. Roots have only a right side, squared and cubed only a left one.

    `apart`: each side is worked out by itself first.
    """
    if apart:
        left, right = (side and f"( {side} )" for side in (left, right))
    text = f"{left} {operator} {right}".strip()
    try:
        value = evaluate(text)
    except NoNumberError:
        raise SkillError("I can't work that out.") from None
    except ZeroDivisionError:
        raise SkillError("Nothing can be divided by zero.") from None
    except TooLargeError:
        raise SkillError("That is too large for me to say.") from None
    except ValueError:
        raise SkillError("A negative number has no root that I could tell.") from None
    said = spoken.about(value)
    return f"That's {said}." if said.startswith("about") else f"It's {said}."
