"""What the conversation asks of the world outside; the rim (`device.dialogue.loop`) carries it out.

`job` names the hypothesis that a piece of work belongs to: one cancel scope. `Cancel(job)` ends all of it, and
whatever still comes back for that job is ignored.
"""

from dataclasses import dataclass

from device.dialogue.events import Event
from models.protocols import Floats, Message, Speech


@dataclass(frozen=True, slots=True)
class Decode:
    """Recognise `audio`, (n,) float32 16 kHz; answer with `Conversation.transcribed`."""

    job: int
    audio: Floats


@dataclass(frozen=True, slots=True)
class Reply:
    """Write an answer to `messages`; answer with `token`s and one `written`."""

    job: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise one clause; answer with `spoken`."""

    job: int
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """Queue a clause for the loudspeaker; answer with `queued`."""

    job: int
    index: int
    speech: Speech


@dataclass(frozen=True, slots=True)
class Flush:
    """Drop all that is queued for the loudspeaker, at once."""


@dataclass(frozen=True, slots=True)
class Chime:
    """Play an earcon, if there is one of that name and nothing else sounds; no answer expected."""

    name: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nothing of this job is wanted any more."""

    job: int


@dataclass(frozen=True, slots=True)
class Warm:
    """Prefill the language model with the chat so far; no answer expected."""

    messages: tuple[Message, ...]


Command = Decode | Reply | Speak | Play | Flush | Chime | Cancel | Warm
Output = Event | Command
