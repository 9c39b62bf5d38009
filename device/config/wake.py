"""The section [wake]: wake words, and how long one listens behind them. In force where turn.listen has "wake".

    WakeSettings(words="okay_nabu, hey_jarvis:0.7").each()      # [("okay_nabu", 0.5), ("hey_jarvis", 0.7)]

Which words there are, and how to bring one's own: docs/wake.md.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from device.config.section import Name, Probability, Section, contradiction


class WakeSettings(Section):
    """Wake words, where turn.listen has "wake"."""

    words: Name = Field(
        default="okay_nabu",
        description="divided by commas: okay_nabu, hey_jarvis, alexa, hey_mycroft, or the path of one's own .json; "
        "with a sensitivity of its own: hey_jarvis:0.7",
    )
    sensitivity: Probability = Field(
        default=0.5, description="of all others: 0.5 = as the model has it; higher notices more, and more that is none"
    )
    listen_ms: int = Field(
        default=6_000, ge=1_000, le=60_000, description="from the wake word to the first word of the command, in ms"
    )
    follow_up_ms: int = Field(
        default=4_000,
        ge=0,
        le=60_000,
        description="after an answer no wake word is needed for so long, in ms; 0 = it is",
    )
    follow_up_question_ms: int = Field(
        default=8_000, ge=0, le=60_000, description="... when the answer was a question, in ms"
    )
    barge_in: Literal["word", "any"] = Field(
        default="word", description='what stops an answer: the wake word and words like "stop", or any voice'
    )

    @model_validator(mode="after")
    def _words_are_told_apart(self) -> Self:
        for name, number in map(_split, self.words.split(",")):
            if not name or not _is_share("0" if number is None else number):
                raise contradiction(
                    "words", f"wake.words ({self.words}) must be names divided by commas, each with :0 to :1 at most"
                )
        names = [word for word, _ in self.each()]
        if len(set(names)) < len(names):
            raise contradiction("words", f"wake.words ({self.words}) has the same word twice")
        return self

    def each(self) -> list[tuple[str, float]]:
        """The words, names or paths, with their sensitivity."""
        parts = map(_split, self.words.split(","))
        return [(name, self.sensitivity if number is None else float(number)) for name, number in parts]


def _split(text: str) -> tuple[str, str | None]:
    """A word and the text of its sensitivity. A path may have a colon in it."""
    name, colon, number = text.strip().rpartition(":")
    return (name.strip(), number) if colon and not number.endswith(".json") else (text.strip(), None)


def _is_share(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False
