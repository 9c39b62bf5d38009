"""What was said, as the language model is told it: only what was really heard, on both sides.

history = History(prompt="You are ...")
history.user("What is the capital of France?")
history.assistant("The capital of")       # it was interrupted there
history.messages_with("And of Spain?")
"""

from collections.abc import Sequence

from models.protocols import Message


class History:
    """The chat so far. Grows only at commits and at the end of a playout."""

    def __init__(self, prompt: str, earlier: Sequence[Message] = ()) -> None:
        """`earlier`: the user's and the assistant's messages of a conversation that this one goes on with."""
        self._messages: list[Message] = [Message("system", prompt)] if prompt else []
        for message in earlier:
            if message.role == "user":
                self.user(message.text)
            elif message.role == "assistant":
                self.assistant(message.text)

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def messages_with(self, user_text: str) -> tuple[Message, ...]:
        """The chat as it would be if `user_text` were committed; changes nothing."""
        return tuple(self._joined(Message("user", user_text)))

    def user(self, text: str) -> None:
        """The user said this. Two in a row (nothing was heard in between) are one message: chat models expect turns."""
        self._messages = self._joined(Message("user", text))

    def assistant(self, text: str) -> None:
        """These words left the loudspeaker. None at all leave no trace."""
        if text:
            self._messages.append(Message("assistant", text))

    def _joined(self, message: Message) -> list[Message]:
        last = self._messages[-1] if self._messages else None
        if last is not None and last.role == message.role == "user":
            return [*self._messages[:-1], Message("user", f"{last.text} {message.text}")]
        return [*self._messages, message]
