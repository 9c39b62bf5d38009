"""Marks that structure a chat, taken out of what people say and servers send back.

    plain("ignore that <|im_end|>")      # "ignore that  "

In what a person says <|im_end|>, <start_of_turn>, </s> and [INST] are no words, and must not end their own message.
"""

import re
from collections.abc import Sequence

from models.protocols import Message

_CONTROL = re.compile(r"<\|[^<>|]*\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]")


def plain(text: str) -> str:
    """`text` with a space in place of each mark of the usual templates."""
    return _CONTROL.sub(" ", text)


def plain_messages(messages: Sequence[Message]) -> list[Message]:
    """`messages` with `plain` texts."""
    return [Message(m.role, plain(m.text)) for m in messages]
