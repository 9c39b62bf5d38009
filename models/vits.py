"""A Piper voice taken apart: what says how it will sound, and the vocoder that makes it sound, stretch by stretch.

    front, vocoder = open_vits(Path("voice.onnx"), threads=2)
    latent, durations = front.run(None, piper_inputs)       # (1, channels, frames)
    raw = vocoder.decode(latent, 0, 40)                     # the first 40 frames as audio

VITS (Kim et al. 2021) is a text encoder and a duration predictor, which give a rough picture of the speech with some
86 frames a second; a flow, which refines it; and a HiFi-GAN generator, which makes audio of it. All randomness lies
before the flow. Flow and generator are convolutions only: a frame reaches some frames to both sides and no farther.
So the audio of a stretch is exact when each of them sees that many frames around it, and the first words can sound
while the rest is made. The parts are taken out of the one file when the voice is loaded.
"""

import logging
import os
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from models.errors import ModelError
from models.onnx import SharingSession
from models.protocols import Floats
from models.vits_graph import CannotSplitError, split

_log = logging.getLogger(__name__)

#: Frames that are looked at to find out how far one reaches. Piper's generators: 11 to 14, its flow: 32.
_REACH_SEARCHED = 40
#: So much a network is given at a time, beside what it has to see around it: 1.2 s. What it needs while it works grows
#: with that, and not with the sentence: 12 MB in place of 139 for 7 s. It takes no longer (469 ms for all at once, 454
#: to 486 with 160, 128, 104 and 86 frames; with 64 4 % more).
MOST_FRAMES = 104


class Stage:
    """A network of convolutions over time: frames in, so many columns a frame out."""

    def __init__(self, session: Any, name: str, channels: int, *, mask: str = "") -> None:
        """`session`: input `name` (1, channels, frames), perhaps a `mask` of ones, one output (1, ..., columns).

        Raises CannotSplitError when it is not of that kind.
        """
        self._session = session
        self._name = name
        self._mask = mask
        self.channels = channels
        try:
            self.columns, self.reach = self._measured()
        except CannotSplitError:
            raise
        except Exception as error:  # the runtime's own exception classes share no base but this one
            raise CannotSplitError(f"a part of it cannot be run alone: {error}") from error

    def run(self, frames: Floats) -> Floats:
        """All of `frames`, (1, channels, frames)."""
        inputs = {self._name: np.ascontiguousarray(frames)}
        if self._mask:
            inputs[self._mask] = np.ones((1, 1, frames.shape[2]), dtype=np.float32)
        out: Floats = self._session.run(None, inputs)[0]
        return out

    def _measured(self) -> tuple[int, int]:
        """Columns a frame, and how many frames away from a frame the result depends on it."""
        frames = 2 * _REACH_SEARCHED + 1
        noise = np.random.default_rng(0).standard_normal((1, self.channels, frames)).astype(np.float32)
        before = self.run(noise)
        noise[:, :, _REACH_SEARCHED] = -noise[:, :, _REACH_SEARCHED]
        changed = np.flatnonzero((self.run(noise) != before).reshape(-1, before.shape[-1]).any(axis=0))
        columns, rest = divmod(before.shape[-1], frames)
        if rest or not len(changed):
            raise CannotSplitError("its generator does not give the same number of samples for each frame")
        left = _REACH_SEARCHED - int(changed[0]) // columns
        right = int(changed[-1]) // columns - _REACH_SEARCHED
        if max(left, right) >= _REACH_SEARCHED:
            raise CannotSplitError("a frame of its generator reaches too far")
        return columns, max(left, right, 0)


class Vocoder:
    """Stages one after the other: frames to samples, at the voice's own rate."""

    def __init__(self, stages: list[Stage]) -> None:
        self._stages = stages
        self.channels = stages[0].channels
        self.frame_samples = stages[-1].columns
        self.reach_frames = sum(stage.reach for stage in stages)

    def decode(self, latent: Floats, start: int, end: int) -> Floats:
        """Frames `start` to `end` of `latent` (1, channels, frames) as audio, (n,) float32.

        The same to within rounding, whatever the stretch.
        """
        pieces = max(1, -(-(end - start) // MOST_FRAMES))
        edges = [start + (end - start) * i // pieces for i in range(pieces + 1)]
        return np.concatenate([self._stretch(latent, a, b) for a, b in pairwise(edges)])

    def _stretch(self, latent: Floats, start: int, end: int) -> Floats:
        wanted = [(start, end)]  # of each stage, the last one first
        for stage in reversed(self._stages):
            first, last = wanted[-1]
            wanted.append((max(0, first - stage.reach), min(latent.shape[2], last + stage.reach)))
        offset, last = wanted.pop()
        out = latent[:, :, offset:last]
        for stage in self._stages:
            first, last = wanted.pop()
            out = stage.run(out)[..., (first - offset) * stage.columns : (last - offset) * stage.columns]
            offset = first
        return out.reshape(-1)


def open_vits(path: Path, *, threads: int) -> tuple[SharingSession, Vocoder | None]:
    """The voice `path` as what comes before the latent, and the vocoder; or whole, and None, if it cannot be split.

    The first takes what the whole takes and gives the latent in place of the audio.
    Raises ModelMissingError, ModelDamagedError.
    """
    try:
        parts = split(path, _in_memory)
        stages = [
            Stage(_from(graph.model, threads), graph.input, parts.channels, mask=graph.mask) for graph in parts.stages
        ]
        session = _from(parts.front, threads)
    except (CannotSplitError, ModelError) as error:
        whole = SharingSession(path, threads=threads)  # says so itself if the file is damaged
        _log.info("%s makes its clauses whole: %s", path.name, error)
        return whole, None
    return session, Vocoder(stages)


def _in_memory(model: bytes) -> BinaryIO:
    """A file that is gone once it is closed."""
    file = os.fdopen(os.memfd_create("nearfield-voice"), "wb")
    file.write(model)
    file.flush()
    return file


def _from(file: BinaryIO, threads: int) -> SharingSession:
    """A session on `file`, which is closed. ONNX Runtime holds on to bytes that it is given for good, to a file not."""
    with file:
        return SharingSession(Path(f"/proc/self/fd/{file.fileno()}"), threads=threads)
