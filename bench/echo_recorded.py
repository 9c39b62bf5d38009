"""Real microphone and loudspeaker pairs through the cancellers, side by side: what `echo.py --only recorded` prints.

    rows = recorded(data / "aec", settings)

Echo taken away (ERLE): power of the microphone over that of the output while the far end sounds, after the first 3 s;
only of pairs in which nobody speaks. Words kept: on the pairs whose near end is known alone, word errors of the output
against what the recogniser hears in that near end.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.words import count_errors
from device.assembly import load_recogniser
from device.audio.files import load_audio
from device.audio.frontend import FrontEnd
from device.audio.measure import block_rms
from device.card import BLOCK_SAMPLES, Block, Span
from device.config.schema import Settings
from models.protocols import SAMPLE_RATE_HZ, Int16s

#: Pairs with the far end alone, and the start of those files that is left out.
FAR_END_ONLY = (
    ("real_9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk_lpb.wav", "real_9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk_mic.wav"),
    ("real_music_spk.wav", "real_music_mic.wav"),
    ("syn_pyaec_x.wav", "syn_pyaec_d.wav"),
)
#: Packages that are no dependency of the project: how to have them in the table.
HOW_TO_GET = {
    "WebRTC AEC3": "pip install aec-audio-processing",
    "PyPI speexdsp": "apt-get install swig libspeexdsp-dev && pip install speexdsp",
}
LEARN_BLOCKS = 300
SOUNDS_RMS = 100.0

Canceller = Callable[[Int16s, Int16s], Int16s]  # far end, microphone -> output, aligned with the microphone


def ours(far: Int16s, mic: Int16s) -> Int16s:
    """The whole front end."""
    with FrontEnd() as ear:
        out = [ear.process(Block(at, mic[at:][:160], far[at:][:160], Span(0, 0), at)) for at in _blocks(mic)]
        return np.concatenate(out)[ear.delay_samples :]


def _aec3() -> Canceller | None:
    try:
        from aec_audio_processing import AudioProcessor  # noqa: PLC0415  # type: ignore[import-not-found]
    except ImportError:
        return None

    def run(far: Int16s, mic: Int16s) -> Int16s:
        processor: Any = AudioProcessor(enable_aec=True, enable_ns=True, enable_agc=False, enable_vad=False)
        processor.set_stream_format(SAMPLE_RATE_HZ, 1)
        processor.set_reverse_stream_format(SAMPLE_RATE_HZ, 1)
        processor.set_stream_delay(20)
        out = []
        for at in _blocks(mic):
            processor.process_reverse_stream(far[at:][:BLOCK_SAMPLES].tobytes())
            out.append(np.frombuffer(processor.process_stream(mic[at:][:BLOCK_SAMPLES].tobytes()), np.int16))
        return np.concatenate(out)

    return run


def _speexdsp() -> Canceller | None:
    try:
        from speexdsp import EchoCanceller as Binding  # noqa: PLC0415  # type: ignore[import-not-found]
    except ImportError:
        return None

    def run(far: Int16s, mic: Int16s) -> Int16s:
        binding: Any = Binding.create(BLOCK_SAMPLES, 3200, SAMPLE_RATE_HZ)
        out = [binding.process(mic[at:][:160].tobytes(), far[at:][:160].tobytes()) for at in _blocks(mic)]
        return np.frombuffer(b"".join(out), np.int16)

    return run


def _blocks(mic: Int16s) -> range:
    return range(0, mic.size - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)


def _pair(folder: Path, far: str, mic: str) -> tuple[Int16s, Int16s]:
    sounds, heard = load_audio(folder / far), load_audio(folder / mic)
    length = min(sounds.size, heard.size) // BLOCK_SAMPLES * BLOCK_SAMPLES
    return sounds[:length], heard[:length]


def _erle_db(far: Int16s, mic: Int16s, out: Int16s) -> float:
    count = min(mic.size, out.size) // BLOCK_SAMPLES
    sounds = block_rms(far)[:count] > SOUNDS_RMS
    sounds[:LEARN_BLOCKS] = False
    before, after = block_rms(mic)[:count][sounds], block_rms(out)[:count][sounds]
    return float(10 * np.log10(np.mean(before**2) / (np.mean(after**2) + 1e-2)))


def recorded(folder: Path, settings: Settings) -> dict[str, object]:
    """A row a canceller; of those that cannot be imported, how to get them."""
    found = {"nearfield": ours, "WebRTC AEC3": _aec3(), "PyPI speexdsp": _speexdsp()}
    recogniser = load_recogniser(settings)

    def text(pcm: Int16s) -> str:
        return recogniser.transcribe(pcm.astype(np.float32) / 32768).text

    talks = []
    for near in sorted(folder.glob("syn_*__gt.wav")):
        stem = near.name.removesuffix("__gt.wav")
        said = text(load_audio(near))
        if said:
            talks.append((said, *_pair(folder, f"{stem}__ref.wav", f"{stem}__mic.wav")))
    rows: dict[str, object] = {}
    cancellers = {name: run for name, run in found.items() if run is not None}
    for name, run in {"none": lambda _far, mic: mic, **cancellers}.items():
        row: dict[str, object] = {}
        for far_name, mic_name in FAR_END_ONLY:
            if not (folder / far_name).exists():
                continue
            far, mic = _pair(folder, far_name, mic_name)
            row[f"erle_db {mic_name.split('_')[0]} {mic_name.split('_')[1][:8]}"] = round(
                _erle_db(far, mic, run(far, mic)), 1
            )
        counts = [count_errors(said, text(run(far, mic))) for said, far, mic in talks]
        row["wer_percent"] = round(100 * sum(e for e, _ in counts) / max(1, sum(w for _, w in counts)), 1)
        row["words"] = sum(w for _, w in counts)
        rows[name] = row
    missing = [f"{name}: {HOW_TO_GET[name]}" for name, run in found.items() if run is None]
    return {**rows, "left out": missing} if missing else rows
