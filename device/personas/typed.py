"""Turns of somebody who types: skills first, and the language model for the rest.

    turns = TypedTurns(skills_at_hand(persona, settings), chat)
    "".join(turns.reply([*history, Message("user", "Cancel order 4219.")]))     # the question; then "Yes."

A question is put before it is done, and only a clear yes does it; unclear words have it put once more, others drop it.
What a spoken turn tells later (`aside`) is waited for. Sans-IO but for the skills and the model.
"""

from collections.abc import Iterator, Sequence

from device.dialogue.confirmation import answer_in
from device.dialogue.deeds import Meaning
from device.dialogue.doing import DoingPolicy, in_words
from device.skills.testing import SkillBench
from device.skills.tool_calls import tool_check
from models.protocols import ChatModel, Message, ToolCaller, ToolSpec

_TEXTS = DoingPolicy()


class TypedTurns:
    """Of one chat. Not thread-safe."""

    def __init__(self, bench: SkillBench, chat: ChatModel, tools: Sequence[ToolSpec] = ()) -> None:
        """`tools`: what `chat` may ask for; none are offered to one that cannot."""
        self._bench = bench
        self._chat = chat
        self._tools = tools
        self._check = tool_check(bench.skills.meanings)
        self._asked: Meaning | None = None  # its question waits for a yes
        self._asked_again = False

    def reply(self, history: Sequence[Message]) -> Iterator[str]:
        """The answer to the last message, in pieces as they come. Raises ModelRunError."""
        line = history[-1].text
        settled = self._settled(line)
        if settled is not None:
            yield settled
            return
        meaning = self._bench.understand(line)
        if meaning is not None:
            yield from self._begun(meaning, history)
        elif not self._tools and (unable := self._bench.unable(line)):
            yield unable.say
        else:
            yield from self._from_model(history)

    def _settled(self, line: str) -> str | None:
        """The question that waits, answered; None: none waits, or it is dropped by other words."""
        asked, self._asked = self._asked, None
        word = None if asked is None else answer_in(line)
        if asked is None or word is None:
            return None
        if word == "yes":
            return in_words(self._bench.do(asked), asked, _TEXTS)
        if word == "no":
            return _TEXTS.declined_text
        if self._asked_again:
            return _TEXTS.left_text
        self._asked, self._asked_again = asked, True
        return asked.question

    def _begun(self, meaning: Meaning, history: Sequence[Message]) -> Iterator[str]:
        if meaning.question:
            self._asked, self._asked_again = meaning, False
            yield meaning.question
            return
        outcome = self._bench.do(meaning)
        if outcome.data and not outcome.say and self._tools:  # the model puts it in words of its own
            yield from self._chat.reply([*history, Message("tool", outcome.data)])
        else:
            yield in_words(outcome, meaning, _TEXTS)

    def _from_model(self, history: Sequence[Message]) -> Iterator[str]:
        if not self._tools or not isinstance(self._chat, ToolCaller):
            yield from self._chat.reply(history)
            return
        written = False
        for piece in self._chat.reply_with_tools(history, self._tools):
            if isinstance(piece, str):
                written = True
                yield piece
            elif not written:
                checked = self._check(piece)
                if isinstance(checked, str):
                    yield from self._chat.reply([*history, Message("tool", checked)])
                else:
                    yield from self._begun(checked, history)
                return
