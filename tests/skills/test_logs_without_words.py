"""A conversation leaves no word of it in the log: not what was heard, said or asked for, whatever goes wrong."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from skill_kit import loaded

from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.dialogue import events as ev
from device.dialogue.acting import ActingPolicy
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.doing import DoingPolicy
from device.dialogue.loop import Assistant, Models
from device.skills import fast_path
from device.skills.journal import MemoryJournal
from device.skills.runner import SkillRunner
from device.skills.skill import Skill, SkillError, skill
from device.skills.tool_calls import tool_check
from models.protocols import Cancelled, Effort, Floats, Mark, Message, Speech, ToolRequest, Transcript, never

SAID, WRITTEN = "Buy a zebra.", "The giraffe sleeps."
PRIVATE = ("zebra", "giraffe")
SENTENCES = """\
intents: {buy: {data: [{sentences: ["buy {what}"]}]}}
lists: {what: {wildcard: true}}
responses: {intents: {buy: {default: "Bought {{ slots.what }}{{ result.price | double }}."}}}
"""


class Ends:
    """Recogniser, language model and voice in one, and a VAD for which loud is speech."""

    last_complete = True
    frame_samples = 512

    def probability(self, frame: Floats) -> float:
        return float(np.abs(frame).max() > 0.1)

    def reset(self) -> None:
        pass

    def fresh(self) -> "Ends":
        return self

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        return Transcript(SAID, 0.9, len(audio) / 16, 1.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        yield WRITTEN

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        pass

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        return Speech(text, np.full(4800, 3000, np.int16), (Mark(len(text), 4800),))


def raising(error: BaseException | None) -> Skill:
    @skill
    def buy(what: str) -> str:  # noqa: ARG001
        """Buy something."""
        if error is not None:
            raise error
        return ""

    return buy


def converse(interpreter: Any, doer: Any) -> list[ev.Event]:
    """One sentence at 8 times real time; ends 1 s of the card's clock after the answer, or after 12 s."""
    card, ends = VirtualCard(speed=8), Ends()
    events: list[ev.Event] = []
    ended = [12 * 16_000]

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.PlayoutEnd):
            ended[0] = event.sample + 16_000

    assistant = Assistant(
        Conversation(Policy(acting=ActingPolicy(doing=DoingPolicy(interpreter=True))), ""),
        card,
        PassThrough(),
        Models(ends, ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > ended[0] else None,
        interpreter=interpreter,
        doer=doer,
    )
    card.say(np.full(16_000, 9000, np.int16), 8000)
    with card:
        assistant.run()
    return events


@pytest.mark.parametrize(
    "error",
    [None, ValueError("no zebra"), SkillError("There is no zebra.", hint="the zebra is gone"), SystemExit("zebra")],
    ids=lambda error: type(error).__name__,
)
def test_of_a_skill(error: BaseException | None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    skills = loaded(tmp_path, SENTENCES, raising(error))
    events = converse(skills.fast_path, SkillRunner(skills.meanings, MemoryJournal()))
    assert any("zebra" in str(event) for event in events), "it was a conversation"
    assert "skill buy" in caplog.text, "and something went wrong in it"
    assert not [word for word in PRIVATE if word in caplog.text]


def test_of_sentences_that_break(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(text: str, *_: object, **__: object) -> None:
        raise RuntimeError(f"cannot look at {text}")

    caplog.set_level(logging.INFO)
    skills = loaded(tmp_path, SENTENCES, raising(None))
    monkeypatch.setattr(fast_path, "recognize_all", breaks)
    events = converse(skills.fast_path, SkillRunner(skills.meanings, MemoryJournal()))
    told = [event.heard for event in events if isinstance(event, ev.PlayoutEnd)]
    assert told == ["I don't know how to do that."], "an order, and nobody says that it was done"
    assert "cannot be interpreted: RuntimeError" in caplog.text
    assert not [word for word in PRIVATE if word in caplog.text]


def test_of_whoever_interprets_or_carries_out(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(*told: object) -> None:
        raise RuntimeError(str(told))

    caplog.set_level(logging.INFO)
    converse(SimpleNamespace(interpret=breaks), SimpleNamespace(carry_out=breaks))
    assert "could not be looked up: RuntimeError" in caplog.text
    assert not [word for word in PRIVATE if word in caplog.text]


def test_of_what_a_language_model_asks_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check = tool_check(loaded(tmp_path, SENTENCES, raising(None)).meanings)
    assert isinstance(check(ToolRequest("buy", {"zebra": "zebra"})), str)
    assert isinstance(check(ToolRequest("zebra", {})), str)
    assert not [word for word in PRIVATE if word in caplog.text]
