"""What a test says to a running program, and what comes of it.

    talk = Talk(session, spoken)
    assert talk.answer_to("What's on my shopping list?") == "On your shopping list: bread."

Each thing is said when what came before it has happened, as the program's own events tell.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alsa_session import Session

Spoken = Callable[[str], Path]


class Talk:
    """With one run of the program."""

    def __init__(self, session: Session, spoken: Spoken) -> None:
        self._session = session
        self._spoken = spoken

    def say(self, text: str, until: str) -> dict[str, Any]:
        """Returns the next event of the kind `until`."""
        before = len(self._session.events(until))
        self._session.say(self._spoken(text))
        return self._session.wait_for(until, before + 1)

    def answer_to(self, text: str) -> str:
        """The words that were heard of it, whole."""
        end = self.say(text, "playout_end")
        assert end["heard"] == end["generated"]
        heard: str = end["heard"]
        return heard

    def called(self, skill: str) -> list[dict[str, Any]]:
        return [event for event in self._session.events("called") if event["skill"] == skill]
