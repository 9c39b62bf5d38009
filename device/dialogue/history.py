"""What was said, as the language model is told it: only what was really heard, on both sides.

history = History(prompt="You are ...")
history.user("What is the capital of France?")
history.assistant("The capital of")       # it was interrupted there
history.messages_with("And of Spain?")

An answer that was interrupted and may yet go on is there with what was heard so far (`so_far`). What a model would
learn the wrong thing from is forgotten behind the next answer (`examples`).

It is bounded: beyond `MAX_MESSAGES` the older half is forgotten, for good and on purpose. That happens when an answer
is over and in large steps, so that the language model's cache of the beginning survives until then and is made anew
while nobody waits. The model's own window (`models.chat_window`) is far shorter unless its context is very long.
"""

from collections.abc import Sequence, Set

from device.dialogue.examples import good_examples, ruts_in
from models.protocols import Message

#: 200 turns: an hour of talking.
MAX_MESSAGES = 400
_RUTS = 32


class History:
    """The chat so far. Grows only at commits and at the end of a playout."""

    def __init__(self, prompt: str, earlier: Sequence[Message] = (), *, apologies: Set[str] = frozenset()) -> None:
        """`earlier`: the user's and the assistant's messages of a conversation that this one goes on with.

        `apologies`: what is said where there is no answer.
        """
        self._apologies = apologies
        self._ruts: dict[str, None] = {}  # answers to everything, the newest behind: a rut is a rut the next time too
        self._broken_off = ""  # the newest answer, if it was interrupted
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

    def assistant(self, text: str, *, broken_off: bool = False) -> None:
        """The answer is over: these words of it left the loudspeaker. None at all leave no trace.

        `broken_off`: it should have had more.
        """
        self._so_far = ""
        if text:
            grown = [*self._messages, Message("assistant", text)]
            self._ruts.update(dict.fromkeys(ruts_in(grown)))
            for oldest in list(self._ruts)[:-_RUTS]:
                del self._ruts[oldest]
            self._messages = good_examples(
                grown, ruts=self._ruts.keys(), apologies=self._apologies, broken_off=self._broken_off
            )
            self._broken_off = text if broken_off else ""
            self._forget()

    def _forget(self) -> None:
        """Of a long chat only the newer half stays; it begins with a user's message."""
        heads = 1 if self._messages and self._messages[0].role == "system" else 0
        if len(self._messages) - heads <= MAX_MESSAGES:
            return
        kept = self._messages[-MAX_MESSAGES // 2 :]
        first = next((i for i, m in enumerate(kept) if m.role == "user"), 0)
        self._messages = self._messages[:heads] + kept[first:]

    def _joined(self, message: Message) -> list[Message]:
        before = self.messages
        last = before[-1] if before else None
        if last is not None and last.role == message.role == "user":
            return [*before[:-1], Message("user", f"{last.text} {message.text}")]
        return [*before, message]
