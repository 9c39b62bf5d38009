"""Who answers what no skill answers, as the persona has it.

    chat = chat_for(persona, lambda: load_chat(settings), able=False)
    "".join(chat.reply([Message("user", "Good morning.")]))       # of the mirror: "You said: Good morning."

A language model is loaded only for a persona that needs it.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from device.documents.chat import NOT_KNOWN, DocumentChat
from device.documents.index import DocumentIndex
from device.errors import ConfigError
from device.persona import Persona
from models.protocols import Cancelled, ChatModel, Message, never

_PIECE = re.compile(r"\s*\S+")


class EchoChat:
    """Says again what was said. A `ChatModel` without a model."""

    def __init__(self, lead: str = "You said: ") -> None:
        self._lead = lead
        self.last_complete = True

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:
        """Word by word, as a model would."""
        said = next((message.text for message in reversed(messages) if message.role == "user"), "").strip()
        if not said:
            return
        for piece in _PIECE.findall(self._lead + said):
            if cancelled():
                return
            yield piece

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """Nothing to be done."""


class FixedChat:
    """Says the same, whatever was said. A `ChatModel` without a model."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.last_complete = True

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        """In one piece."""
        yield self._text

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """Nothing to be done."""


def needs_llm(persona: Persona, *, able: bool) -> bool:
    """Is a language model to be loaded? `able`: it keeps to what it is told (`tools = true` in the catalogue)."""
    if persona.answers == "llm":
        return able or not persona.otherwise
    return persona.answers == "documents" and able


def chat_for(persona: Persona, load_llm: Callable[[], ChatModel], *, able: bool) -> ChatModel:
    """`load_llm` is called only if `needs_llm`, and raises what it raises.

    Raises ConfigError: the persona answers from documents and has none.
    """
    if persona.answers == "echo":
        return EchoChat()
    if persona.answers == "llm":
        return load_llm() if needs_llm(persona, able=able) else FixedChat(persona.otherwise)
    if persona.documents is None:
        raise ConfigError(f"{persona.source or persona.name}: there is no folder of documents to answer from")
    return DocumentChat(DocumentIndex(persona.documents), load_llm() if able else None, persona.otherwise or NOT_KNOWN)
