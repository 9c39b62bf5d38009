"""The simulated rooms, loudspeakers and people that `echo.py` measures in, faster than real time.

    room = Room.number(3)
    scene = Scene(room, far, echo_rms=2000.0, clipped=True)
    result = scene.run(vad, policy, over=[(at_sample, utterance)])

A scene is the card, the room, the front end and the decision to interrupt, as `Conversation.voice` takes it: the answer
stops at the decision (flush obeyed within a block, 20 ms of output latency), and sounds on half a second after the
person has finished.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from device.audio.files import load_audio
from device.audio.frontend import FrontEnd
from device.audio.measure import speech_rms
from device.audio.rooms import BlockConvolver, synthetic_room
from device.card import BLOCK_SAMPLES, Block, Span
from device.dialogue.endpointer import Endpointer, EndpointPolicy, Onset
from device.dialogue.voice_meter import VoiceMeter
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s
from models.vad import SileroVad

LATENCY_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
NOISE_RMS = 18.0  # -65 dBFS
#: A loudspeaker that clips does so at this share of the answer's peak.
CLIP = 0.3
RAMP_SAMPLES = 48
AFTER_SAMPLES = SAMPLE_RATE_HZ // 2
ANSWER_CLAUSES = 5
CLAUSE_PAUSE = SAMPLE_RATE_HZ // 4
ANSWER_PAUSE = SAMPLE_RATE_HZ * 3 // 2

#: Ten rooms: reverberation time (ms) and delay of the direct path (ms). A cupboard, living rooms, a bare kitchen.
ROOMS = (
    (120, 1.0),
    (180, 3.0),
    (220, 8.0),
    (250, 5.0),
    (300, 12.0),
    (350, 2.0),
    (400, 8.0),
    (450, 20.0),
    (500, 6.0),
    (600, 10.0),
)


def room(number: int) -> Floats:
    """Impulse response of unit energy."""
    rt60_ms, delay_ms = ROOMS[number]
    return synthetic_room(0.0, delay_ms, rt60_ms=rt60_ms, seed=100 + number)


def answers(clips: list[Int16s], seconds: float, seed: int) -> Int16s:
    """The clips in random order as answers of five clauses each, (seconds * 16000,) int16."""
    rng = np.random.default_rng(seed)
    parts: list[Int16s] = []
    length = 0
    n = 0
    while length < seconds * SAMPLE_RATE_HZ:
        n += 1
        pause = ANSWER_PAUSE if n % ANSWER_CLAUSES == 0 else CLAUSE_PAUSE
        parts += [clips[int(rng.integers(len(clips)))], np.zeros(pause, np.int16)]
        length += parts[-2].size + pause
    return np.concatenate(parts)[: int(seconds * SAMPLE_RATE_HZ)]


def voices(cache: Path, sentences: list[str], data: Path) -> dict[str, list[Int16s]]:
    """Far-end voices: Piper, Piper a third higher, and people who read (the last where the recordings are)."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [cache / f"{n:03d}.wav" for n in range(len(sentences))]
    if not all(file.exists() for file in wanted):
        from device.assembly import load_voice  # noqa: PLC0415  only when nothing is cached
        from device.config import load_settings  # noqa: PLC0415

        voice = load_voice(load_settings(None, []))
        for file, sentence in zip(wanted, sentences, strict=True):
            speech = voice.speak(sentence)
            assert speech is not None
            sf.write(file, speech.pcm, SAMPLE_RATE_HZ)
    piper = [load_audio(file) for file in wanted]
    out = {"piper": piper, "piper-high": [resample(clip, 20_160, SAMPLE_RATE_HZ) for clip in piper]}
    readers = sorted((data / "librispeech_other").glob("*.flac"))
    if readers:
        out["readers"] = [_at_level(clip, 3000.0) for file in readers for clip in _pieces(load_audio(file))]
    return out


def _pieces(clip: Int16s) -> Iterator[Int16s]:
    for at in range(0, clip.size - SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ):
        yield clip[at : at + 4 * SAMPLE_RATE_HZ]


def _at_level(clip: Int16s, rms: float) -> Int16s:
    scaled = clip * (rms / max(1.0, speech_rms(clip)))
    return np.clip(scaled, -32000, 32000).astype(np.int16)


@dataclass
class Heard:
    """What came of a scene."""

    onsets: list[tuple[int, int]] = field(default_factory=list)  # (decided at, block in which the voice began)
    clean: Int16s = field(default_factory=lambda: np.zeros(0, np.int16))


@dataclass
class Scene:
    """One loudspeaker in one room."""

    taps: Floats
    far: Int16s
    echo_rms: float  # int16 units, over the voiced blocks
    clipped: bool = False
    changed_at: int = 0  # sample from which the room is another one
    changed_taps: Floats | None = None

    def run(
        self, vad: SileroVad, policy: EndpointPolicy, over: list[tuple[int, Int16s]] | None = None, seed: int = 0
    ) -> Heard:
        """`over`: near-end speech, from which sample on. Onsets are told for each; the pointer begins anew after it."""
        near = np.random.default_rng(seed).normal(0, NOISE_RMS, self.far.size)
        for at, clip in over or []:
            near[at : at + clip.size] += clip
        ends = [(at, at + clip.size + AFTER_SAMPLES) for at, clip in over or []]
        limit = CLIP * float(np.abs(self.far.astype(np.int32)).max()) if self.clipped else 32768.0
        gain = self._gain(limit)
        speaker = _Speaker(self.taps, limit, gain)
        changed = _Speaker(self.changed_taps, limit, gain) if self.changed_taps is not None else None
        meter, pointer, heard = VoiceMeter(vad.fresh()), Endpointer(policy), Heard()
        clean: list[Int16s] = []
        silent_until = stopped_at = 0
        answer_ends = _answer_ends(self.far)
        with FrontEnd() as ear:
            for at in range(0, self.far.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
                far = self.far[at : at + BLOCK_SAMPLES]
                if at < silent_until:
                    far = _cut(far) if at == stopped_at else np.zeros_like(far)
                echo = speaker.at_microphone(far)
                if changed is not None:
                    after = changed.at_microphone(far)
                    echo = after if at >= self.changed_at else echo
                mic = near[at : at + BLOCK_SAMPLES] + echo
                heard_mic = np.clip(np.rint(mic), -32768, 32767).astype(np.int16)
                block = Block(at, heard_mic, far, Span(0, 0), at + LATENCY_SAMPLES)
                out = ear.process(block)
                clean.append(out)
                likely = ear.near_end_likely
                playing = at >= silent_until and bool(answer_ends[max(0, at - LATENCY_SAMPLES) // BLOCK_SAMPLES])
                for reading in meter.feed(ear.for_detector, at - ear.delay_samples):
                    if not pointer.talking and (not likely or (playing and reading.second)):
                        continue
                    decisions = pointer.feed(
                        reading.probability, reading.start_sample, reading.end_sample, over_playout=playing
                    )
                    for decision in decisions:
                        if isinstance(decision, Onset):
                            now = at + BLOCK_SAMPLES
                            heard.onsets.append((now, decision.onset_sample))
                            until = next((end for begin, end in ends if begin <= now < end), now)
                            silent_until, stopped_at = max(silent_until, until), at + BLOCK_SAMPLES
                            if until == now:  # a false one: counted, and the answer goes on
                                pointer.reset()
                if any(end <= at < end + BLOCK_SAMPLES for _, end in ends):
                    pointer.reset()
        heard.clean = np.concatenate(clean)[ear.delay_samples :]
        return heard

    def _gain(self, limit: float) -> float:
        size = 1 << (self.far.size + self.taps.size).bit_length()
        if not self.far.any():
            return 0.0
        sound = np.clip(self.far, -limit, limit).astype(np.float64)
        echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(self.taps, size), size)[: self.far.size]
        blocks = np.sqrt(np.mean(echo[: echo.size // 160 * 160].reshape(-1, 160) ** 2, axis=1))
        loud = blocks[blocks > 0.1 * blocks.max()]
        return self.echo_rms / float(np.sqrt(np.mean(loud**2)))


class _Speaker:
    """Far end to microphone: output latency, clipping, room."""

    def __init__(self, taps: Floats, limit: float, gain: float) -> None:
        late = np.concatenate((np.zeros(LATENCY_SAMPLES, np.float32), taps)).astype(np.float32)
        self._room = BlockConvolver(late * np.float32(gain), BLOCK_SAMPLES)
        self._limit = limit

    def at_microphone(self, far: Int16s) -> npt.NDArray[np.float64]:
        return self._room.process(np.clip(far, -self._limit, self._limit).astype(np.float64))


def _answer_ends(far: Int16s) -> npt.NDArray[np.bool_]:
    """By block: does an answer play? Clauses belong to one answer where less than a second lies between them."""
    blocks = np.abs(far[: far.size // 160 * 160].reshape(-1, 160)).max(axis=1) > 0
    out = blocks.copy()
    last = -(10**6)
    for n in np.flatnonzero(blocks):
        if n - last < 100:
            out[max(0, last) : n] = True
        last = int(n)
    return out


def _cut(far: Int16s) -> Int16s:
    out = np.zeros_like(far)
    out[:RAMP_SAMPLES] = (far[:RAMP_SAMPLES] * np.linspace(1, 0, RAMP_SAMPLES)).astype(np.int16)
    return out
