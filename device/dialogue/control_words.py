"""Words that are obeyed at once.

control_in("Stop, please.")     # "stop"
control_in("Stop the timer.")   # None
"""

import re
from typing import Literal

Control = Literal["stop", "never_mind"]

_PHRASES: dict[str, Control] = {
    "stop": "stop", "stop it": "stop", "stop that": "stop", "be quiet": "stop", "cancel": "never_mind",
    "never mind": "never_mind", "nevermind": "never_mind",
}  # fmt: skip


def control_in(text: str) -> Control | None:
    """What the whole of `text` commands."""
    words = [w for w in re.findall(r"[^\W_]+", text.casefold()) if w not in ("please", "okay", "ok", "now")]
    return _PHRASES.get(" ".join(words)) or (_PHRASES.get(words[0]) if len(set(words)) == 1 else None)
