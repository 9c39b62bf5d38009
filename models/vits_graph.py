"""The ONNX graph of a VITS voice, taken apart where it becomes convolutions over time.

    parts = split(Path("voice.onnx"), keep)     # Split: the front, and one or two stages behind it

Found by what the graph does, not by the names an exporter happened to give: the generator by its first layer, whose
name all exports of VITS share, and the flow as what lies between the last random numbers and the generator.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

#: Of the generator's first layer; what goes into it is the latent.
_FIRST_WEIGHT = "dec.conv_pre.weight"


class CannotSplitError(Exception):
    """The graph is not of the shape that is looked for: the voice makes its clauses whole."""


@dataclass(frozen=True, slots=True)
class StageGraph:
    """One input (1, channels, frames), perhaps a mask (1, 1, frames), and one output."""

    model: BinaryIO
    input: str
    mask: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """`front` takes what the voice takes and gives its outputs, but for the audio what the first stage takes."""

    front: BinaryIO
    stages: list[StageGraph]
    channels: int


def split(path: Path, keep: Callable[[bytes], BinaryIO]) -> Split:
    """The voice `path` in parts. Each is given to `keep` as soon as it is made, and not held on to: together they are
    as large as the whole, which is in memory as well.

    Raises CannotSplitError, also when it is no ONNX file at all.
    """
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
    channels = next((i.dims[1] for i in graph.initializer if i.name == _FIRST_WEIGHT and len(i.dims) > 1), 0)
    if not channels:  # a node makes them, as some tools write it
        raise CannotSplitError("the weights of its generator are not where they should be")
    audio, others = copy.deepcopy(graph.output[0]), [copy.deepcopy(o) for o in graph.output[1:]]
    generator = _needed_for(graph, [audio.name], {latent})
    if _depends_on_input(graph, generator):
        raise CannotSplitError("its generator takes more than the latent")  # a voice of several speakers

    def value(name: str, rows: int) -> Any:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, rows, None])

    def stage(nodes: list[int], inputs: list[Any], output: Any) -> BinaryIO:
        # not onnx.helper's make_graph and make_model: each would have its own copy of the weights
        whole = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
        whole.graph.name = "stage"
        whole.graph.node.extend(graph.node[i] for i in nodes)
        whole.graph.input.extend(inputs)
        whole.graph.output.append(output)
        whole.graph.initializer.extend(_weights(graph, nodes))
        return keep(whole.SerializeToString())

    stages = [StageGraph(stage(generator, [value(latent, channels)], audio), latent)]
    if (flow := _flow(graph, latent)) is not None:
        rough, mask, nodes = flow
        made = stage(nodes, [value(rough, channels), value(mask, 1)], value(latent, channels))
        stages.insert(0, StageGraph(made, rough, mask))
        latent = rough
    _keep(graph, _needed_for(graph, [latent, *(o.name for o in others)]))
    del graph.output[:]
    graph.output.extend([value(latent, channels), *others])
    return Split(keep(model.SerializeToString()), stages, channels)


def _flow(graph: Any, latent: str) -> tuple[str, str, list[int]] | None:
    """What goes into the flow, its mask and its nodes; None: it cannot be told, it stays with the front."""
    random = [node for node in graph.node if node.op_type == "RandomNormalLike"]
    masked = next((n for n in graph.node if latent in n.output and n.op_type == "Mul" and len(n.input) == 2), None)
    if not random or masked is None:
        return None
    rough = random[-1].output[0]
    while True:  # along the one path, to where it branches
        users = [node for node in graph.node if rough in node.input]
        if len(users) != 1 or len(users[0].output) != 1 or latent in users[0].output:
            break
        rough = users[0].output[0]
    for mask in masked.input:
        nodes = _needed_for(graph, [latent], {rough, mask})
        if nodes and not _depends_on_input(graph, nodes) and rough in {x for i in nodes for x in graph.node[i].input}:
            return rough, mask, nodes
    return None


def _depends_on_input(graph: Any, nodes: list[int]) -> bool:
    return not {x for i in nodes for x in graph.node[i].input}.isdisjoint(i.name for i in graph.input)


def _keep(graph: Any, nodes: list[int]) -> None:
    """Drop all other nodes in place: a copy would have nearly all the weights once more."""
    kept, weights = set(nodes), {i.name for i in _weights(graph, nodes)}
    for i in reversed(range(len(graph.node))):
        if i not in kept:
            del graph.node[i]
    for i in reversed(range(len(graph.initializer))):
        if graph.initializer[i].name not in weights:
            del graph.initializer[i]


def _weights(graph: Any, nodes: list[int]) -> list[Any]:
    used = {name for i in nodes for name in graph.node[i].input}
    return [i for i in graph.initializer if i.name in used]


def _needed_for(graph: Any, outputs: list[str], given: set[str] | None = None) -> list[int]:
    """Indices of the nodes that lead to `outputs`, in order, from what is `given` or from the start."""
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output}
    known = given or set()
    needed: set[int] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in known and name in maker and maker[name] not in needed:
            needed.add(maker[name])
            waiting += graph.node[maker[name]].input
    return sorted(needed)
