"""What is said often is kept as audio: a bounded cache in front of a voice.

    voice = PhraseVoice(PiperVoice(path), keep=["One moment."])
    voice.speak("One moment.")      # made; the second time it is there at once

The oldest phrases go when all together take more than `max_bytes`; those of `keep` stay. Phrases are made ready by
being spoken once while nothing else is to do. What a voice said in place of a server's is not kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from models.protocols import Cancelled, Opening, OpeningVoice, Speech, Voice, in_parts, joined, never

#: A minute of speech at 16 kHz.
MAX_BYTES = 2_000_000
#: Longer clauses are hardly ever said twice, and would push out those that are.
MAX_CHARS = 60


class PhraseVoice:
    """A `Voice` that remembers. Any thread; calls of the voice itself are made outside the lock."""

    def __init__(
        self, voice: Voice, *, keep: Iterable[str] = (), max_bytes: int = MAX_BYTES, max_chars: int = MAX_CHARS
    ) -> None:
        """`keep`: texts that are never pushed out (nor counted as `max_chars` has it); they are few."""
        self._voice = voice
        self._keep = frozenset(keep)
        self._max_bytes = max_bytes
        self._max_chars = max_chars
        self._lock = threading.Lock()
        self._phrases: OrderedDict[str, Speech] = OrderedDict()
        self._bytes = 0
        self.hits = 0  #: calls that were answered from the cache
        self.misses = 0  #: calls that went to the voice

    @property
    def held_bytes(self) -> int:
        """Size of the audio that is kept."""
        return self._bytes

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        """As the voice does it. The audio of a kept phrase is shared, and read-only. Raises ModelRunError."""
        known = self._known(text)
        if known is not None:
            return None if cancelled() else known
        speech = self._voice.speak(text, cancelled=cancelled)
        if speech is not None:
            self._remember(text, speech)
        return speech

    def speak_parts(self, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
        """As the voice does it; a kept phrase comes whole. Raises ModelRunError."""
        known = self._known(text)
        if known is not None:
            if not cancelled():
                yield known
            return
        parts: list[Speech] = []
        for part in in_parts(self._voice, text, cancelled=cancelled):
            parts.append(part)
            yield part
        if parts and " ".join(part.text for part in parts) == text:  # else it was cancelled
            self._remember(text, joined(parts))

    @property
    def behind_opening_ms(self) -> float | None:
        """As the voice has it; None also of one that cannot begin early."""
        return self._voice.behind_opening_ms if isinstance(self._voice, OpeningVoice) else None

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:
        """As the voice does it: what clause that will be is not known, nor kept. Raises ModelRunError."""
        return self._voice.open(text, cancelled=cancelled) if isinstance(self._voice, OpeningVoice) else None

    def close(self) -> None:
        """Forget everything and free the voice."""
        with self._lock:
            self._phrases.clear()
            self._bytes = 0
        close = getattr(self._voice, "close", None)
        if close is not None:
            close()

    def _known(self, text: str) -> Speech | None:
        with self._lock:
            known = self._phrases.get(text)
            if known is None:
                self.misses += 1
            else:
                self._phrases.move_to_end(text)
                self.hits += 1
            return known

    def _remember(self, text: str, speech: Speech) -> None:
        if speech.stand_in:  # kept, it would be heard among the other voice's for as long as this runs
            return
        if text not in self._keep and len(text) > self._max_chars:
            return
        speech.pcm.flags.writeable = False
        with self._lock:
            if text in self._phrases:  # two threads said it at once
                return
            self._phrases[text] = speech
            self._bytes += speech.pcm.nbytes
            for old in list(self._phrases):
                if self._bytes <= self._max_bytes:
                    return
                if old not in self._keep:
                    self._bytes -= self._phrases.pop(old).pcm.nbytes
