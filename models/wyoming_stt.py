"""Speech to text on a Wyoming server (wyoming-faster-whisper, wyoming-whisper-cpp, ...).

    recogniser = WyomingRecogniser(Server("tcp://nas:10300"))
    heard = recogniser.transcribe(audio)          # (n,) float32 at 16 kHz -> Transcript

The audio is sent as 16 kHz, 16 bits, mono, which every such server takes. Some stream the transcript in chunks behind
a "transcript-start"; the whole of it counts, which comes last or is put together from the chunks.
"""

import contextlib
import time

import numpy as np
from wyoming.asr import Transcribe, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.asr import Transcript as TranscriptEvent
from wyoming.audio import AudioChunk, AudioStart, AudioStop

from models.errors import ModelRunError
from models.portal import Portal
from models.protocols import SAMPLE_RATE_HZ, Cancelled, Effort, Floats, Transcript, never
from models.transcript_filter import clean, is_phantom
from models.wyoming_link import Link, Server, connected, describe, names_of

#: Servers do not tell how sure they are. This is sure enough for all that asks for the probability of a transcript, and
#: no more (`transcript_filter.PHANTOM_PROBABILITY`, the limits in `device.dialogue.listening` and `agreement`).
ASSUMED_PROBABILITY = 0.8
#: Nothing shorter is worth asking for.
MIN_SAMPLES = SAMPLE_RATE_HZ // 10
_CHUNK_SAMPLES = SAMPLE_RATE_HZ // 10
#: The longest transcript that is taken; a minute of fast talk has 1,500 characters.
_MOST_CHARS = 20_000


class WyomingRecogniser:
    """One server; each call has a connection of its own."""

    def __init__(self, server: Server, *, model: str = "", language: str = "en") -> None:
        """`model`: its name on the server, "" for the server's own choice. `language`: ISO 639-1 code, or "auto"."""
        self.server = server
        self._model = model or None
        self._language = None if language == "auto" else language
        self._portal = Portal("nearfield-stt-server")

    def check(self) -> None:
        """Is the server there, and does it recognise speech? Raises ModelRunError."""
        info = self._portal.call(lambda: describe(self.server))
        if info is None:
            return
        names = {name for program in info.asr for name in names_of(program.models)}
        if not info.asr:
            raise ModelRunError(f"{self.server.uri} is no speech recogniser", hint="see stt.server")
        if self._model and self._model not in names:
            there = ", ".join(sorted(names)[:5]) or "none"
            raise ModelRunError(
                f"{self.server.uri} has no model '{self._model}'", hint=f"it has: {there}; see stt.server_model"
            )

    def transcribe(
        self,
        audio: Floats,
        *,
        cancelled: Cancelled = never,
        effort: Effort = "final",  # noqa: ARG002 - a server is asked for its best
    ) -> Transcript:
        """`audio`: (n,) float32 in -1..1, 16 kHz. Its `probability` is a guess (`ASSUMED_PROBABILITY`).

        Raises ModelRunError.
        """
        started_s = time.perf_counter()
        text: str | None = None if cancelled() else ""
        if text is not None and len(audio) >= MIN_SAMPLES:
            text = self._portal.call(lambda: self._ask(audio), cancelled=cancelled)
        heard = clean(text or "")
        if is_phantom(heard, probability=ASSUMED_PROBABILITY, audio=audio):
            heard = ""
        return Transcript(
            text=heard,
            probability=ASSUMED_PROBABILITY if heard else 0.0,
            audio_ms=len(audio) * 1000 / SAMPLE_RATE_HZ,
            decode_ms=(time.perf_counter() - started_s) * 1000,
            complete=text is not None,
        )

    def close(self) -> None:
        """End what runs."""
        self._portal.close()

    async def _ask(self, audio: Floats) -> str:
        pcm = np.rint(np.clip(audio, -1.0, 1.0) * 32767).astype("<i2")
        form = {"rate": SAMPLE_RATE_HZ, "width": 2, "channels": 1}
        async with connected(self.server) as link:
            await link.send(Transcribe(name=self._model, language=self._language), AudioStart(**form, timestamp=0))
            with contextlib.suppress(ModelRunError):  # a server that has refused it may still say so
                for at in range(0, len(pcm), _CHUNK_SAMPLES):
                    piece = pcm[at : at + _CHUNK_SAMPLES].tobytes()
                    await link.send(AudioChunk(**form, audio=piece, timestamp=at * 1000 // SAMPLE_RATE_HZ))
                await link.send(AudioStop(timestamp=len(pcm) * 1000 // SAMPLE_RATE_HZ))
            return await self._transcript(link)

    async def _transcript(self, link: Link) -> str:
        """Until the server has said all of it."""
        chunks: list[str] = []
        while True:
            event = await link.receive()
            kind = event.type
            if TranscriptEvent.is_type(kind):
                return self._text(event.data.get("text"))
            if TranscriptStart.is_type(kind):
                chunks.clear()
            elif TranscriptChunk.is_type(kind):
                chunks.append(self._text(event.data.get("text")))
                self._text("".join(chunks))
            elif TranscriptStop.is_type(kind) and chunks:
                return "".join(chunks)

    def _text(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > _MOST_CHARS:
            raise ModelRunError(f"{self.server.uri} sent what is no transcript")
        return value
