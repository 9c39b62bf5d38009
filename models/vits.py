"""A Piper voice in two: what says how it will sound, and the vocoder that makes it sound, stretch by stretch.

    front, vocoder = open_vits(Path("voice.onnx"), threads=2, keep_ids=80, keep_frames=200)
    latent, durations = front.run(None, piper_inputs)       # (1, channels, frames)
    raw = vocoder.decode(latent, 0, 40)                     # the first 40 frames as audio

VITS (Kim et al. 2021) is a text encoder, a duration predictor and a flow, which end in a latent picture of the speech
with some 86 frames a second, and a HiFi-GAN generator that makes audio of it. All randomness lies before the latent.
The generator is convolutions only: a frame reaches a few frames to both sides and no farther. So the audio of
a stretch is exact when the generator sees that many frames around it, and the first words can sound while the rest is
made. Both halves are taken out of the one file when the voice is loaded.
"""

import copy
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelError
from models.onnx import ShrinkingSession, open_session
from models.protocols import Floats

_log = logging.getLogger(__name__)

#: Of a generator's first layer in every export of VITS: what goes into it is the latent.
_FIRST_WEIGHT = "dec.conv_pre.weight"
#: Frames that are looked at to find out how far one reaches. Piper's generators: 10 (medium) to 13 (high).
_REACH_SEARCHED = 24


class CannotSplitError(Exception):
    """The graph is not of the shape that is looked for: the voice makes its clauses whole."""


class Vocoder:
    """The generator: frames of the latent to samples, at the voice's own rate."""

    def __init__(self, session: Any, name: str, channels: int) -> None:
        """`session`: one input `name` (1, channels, frames) and one output. Raises CannotSplitError."""
        self._session = session
        self._name = name
        self.channels = channels
        self.frame_samples, self.reach_frames = self._measured(channels)

    def decode(self, latent: Floats, start: int, end: int) -> Floats:
        """Frames `start` to `end` of `latent` (1, channels, frames) as audio, (n,) float32.

        The same to within rounding, whatever the stretch.
        """
        first, last = max(0, start - self.reach_frames), min(latent.shape[2], end + self.reach_frames)
        audio = self._run(latent[:, :, first:last])
        return audio[(start - first) * self.frame_samples : (end - first) * self.frame_samples]

    def _run(self, latent: Floats) -> Floats:
        audio: Floats = self._session.run(None, {self._name: np.ascontiguousarray(latent)})[0]
        return audio.reshape(-1)

    def _measured(self, channels: int) -> tuple[int, int]:
        """Samples a frame, and how many frames away from a frame its audio depends on it."""
        frames = 2 * _REACH_SEARCHED + 1
        latent = np.random.default_rng(0).standard_normal((1, channels, frames)).astype(np.float32)
        before = self._run(latent)
        latent[:, :, _REACH_SEARCHED] = -latent[:, :, _REACH_SEARCHED]
        changed = np.flatnonzero(self._run(latent) != before)
        samples, rest = divmod(len(before), frames)
        if rest or not len(changed):
            raise CannotSplitError("its generator does not give the same number of samples for each frame")
        left = _REACH_SEARCHED - int(changed[0]) // samples
        right = int(changed[-1]) // samples - _REACH_SEARCHED
        if max(left, right) >= _REACH_SEARCHED:
            raise CannotSplitError("a frame of its generator reaches too far")
        return samples, max(left, right, 0)


def open_vits(path: Path, *, threads: int, keep_ids: int, keep_frames: int) -> tuple[ShrinkingSession, Vocoder | None]:
    """The voice `path` as what comes before the latent, and the vocoder; or whole, and None, if it cannot be split.

    The first takes what the whole takes and gives the latent in place of the audio. `keep_ids`, `keep_frames`: calls
    with fewer phoneme ids, or fewer frames, keep their memory (see ShrinkingSession).
    Raises ModelMissingError, ModelDamagedError.
    """
    try:
        front, back, name, channels = _halves(path)
        generator = ShrinkingSession(_from_memory(back, threads), keep_below=keep_frames * channels)
        vocoder = Vocoder(generator, name, channels)
        session = _from_memory(front, threads)
    except (CannotSplitError, ModelError) as error:
        whole = open_session(path, threads=threads)  # says so itself if the file is damaged
        _log.info("%s makes its clauses whole: %s", path.name, error)
        return ShrinkingSession(whole, keep_below=keep_ids), None
    return ShrinkingSession(session, keep_below=keep_ids), vocoder


def _from_memory(model: bytes, threads: int) -> Any:
    """A session on `model`. ONNX Runtime holds on to bytes that it is given for good, to a file it does not."""
    memory = os.memfd_create("nearfield-voice")
    with os.fdopen(memory, "wb") as file:
        file.write(model)
        file.flush()
        return open_session(Path(f"/proc/self/fd/{memory}"), threads=threads)


def _halves(path: Path) -> tuple[bytes, bytes, str, int]:
    """The graphs up to the latent and behind it, the name of the latent and its channels. Raises CannotSplitError."""
    import onnx  # noqa: PLC0415  a tenth of a second that only a voice needs
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415  as above

    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError) as error:
        raise CannotSplitError(f"it cannot be read: {error}") from None
    graph = model.graph
    first = next((node for node in graph.node if _FIRST_WEIGHT in node.input), None)
    if first is None or not graph.output:
        raise CannotSplitError("there is no HiFi-GAN generator in it")
    latent = first.input[0]
    channels = next(i.dims[1] for i in graph.initializer if i.name == _FIRST_WEIGHT)
    audio, others = copy.deepcopy(graph.output[0]), [copy.deepcopy(o) for o in graph.output[1:]]
    before, behind = _needed_for(graph, [latent, *(o.name for o in others)]), _needed_for(graph, [audio.name], latent)
    if {x for i in behind for x in graph.node[i].input} & {i.name for i in graph.input}:
        raise CannotSplitError("its generator takes more than the latent")  # a voice of several speakers
    made_before = {x for i in before for x in graph.node[i].output}
    if {x for i in behind for x in graph.node[i].input} & (made_before - {latent}):
        raise CannotSplitError("its generator takes more than the latent")
    value = onnx.helper.make_tensor_value_info(latent, onnx.TensorProto.FLOAT, [1, channels, None])
    back = onnx.helper.make_graph(
        [graph.node[i] for i in behind], "generator", [value], [audio], _weights(graph, behind)
    )
    vocoder = onnx.helper.make_model(back, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    # the front in place: it has nearly all the weights, which would otherwise be there twice
    kept, weights = set(before), {i.name for i in _weights(graph, before)}
    for i in reversed(range(len(graph.node))):
        if i not in kept:
            del graph.node[i]
    for i in reversed(range(len(graph.initializer))):
        if graph.initializer[i].name not in weights:
            del graph.initializer[i]
    del graph.output[:]
    graph.output.extend([value, *others])
    return model.SerializeToString(), vocoder.SerializeToString(), latent, channels


def _weights(graph: Any, nodes: list[int]) -> list[Any]:
    used = {name for i in nodes for name in graph.node[i].input}
    return [i for i in graph.initializer if i.name in used]


def _needed_for(graph: Any, outputs: list[str], given: str = "") -> list[int]:
    """Indices of the nodes that lead to `outputs`, in order, as far as they do not only lead to `given`."""
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output}
    needed: set[int] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name != given and name in maker and maker[name] not in needed:
            needed.add(maker[name])
            waiting += graph.node[maker[name]].input
    return sorted(needed)
