"""What was said, as the language model is told it: only what was really heard, on both sides.

history = History(prompt="You are ...")
history.user("What is the capital of France?")
history.assistant("The capital of")       # it was interrupted there
history.messages_with("And of Spain?")

An answer that was interrupted and may yet go on is there with what was heard so far (`so_far`).
"""

from collections.abc import Sequence

from models.protocols import Message


class History:
    """The chat so far. Grows only at commits and at the end of a playout."""

    def __init__(self, prompt: str, earlier: Sequence[Message] = ()) -> None:
        """`earlier`: the user's and the assistant's messages of a conversation that this one goes on with."""
        self._messages: list[Message] = [Message("system", prompt)] if prompt else []
        self._so_far = ""
        for message in earlier:
            if message.role == "user":
                self.user(message.text)
            elif message.role == "assistant":
                self.assistant(message.text)

    @property
    def messages(self) -> tuple[Message, ...]:
        return (*self._messages, Message("assistant", self._so_far)) if self._so_far else tuple(self._messages)

    def messages_with(self, user_text: str) -> tuple[Message, ...]:
        """The chat as it would be if `user_text` were committed; changes nothing."""
        return tuple(self._joined(Message("user", user_text)))

    def user(self, text: str) -> None:
        """The user said this. Two in a row (nothing was heard in between) are one message: chat models expect turns."""
        self._messages = self._joined(Message("user", text))
        self._so_far = ""

    def so_far(self, text: str) -> None:
        """The answer has stopped behind these words, but may go on: `assistant` will replace them."""
        self._so_far = text

    def assistant(self, text: str) -> None:
        """The answer is over: these words of it left the loudspeaker. None at all leave no trace."""
        self._so_far = ""
        if text:
            self._messages.append(Message("assistant", text))

    def _joined(self, message: Message) -> list[Message]:
        before = self.messages
        last = before[-1] if before else None
        if last is not None and last.role == message.role == "user":
            return [*before[:-1], Message("user", f"{last.text} {message.text}")]
        return [*before, message]
