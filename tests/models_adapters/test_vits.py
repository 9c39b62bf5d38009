"""A voice in two: the halves say what the whole says, and what cannot be split is told from what is broken."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from models.errors import ModelDamagedError
from models.onnx import open_session
from models.piper_files import open_piper
from models.vits import MOST_FRAMES, Stage, Vocoder, open_vits

ROOT = Path(__file__).resolve().parents[2]
CHANNELS, UP = 4, 8


def small_voice(path: Path, change: Callable[[Any], None] = lambda _graph: None) -> Path:
    """Text of n ids: 2n frames of 4 channels, a flow that reaches a frame far, a generator that reaches two.

    8 samples a frame. There is chance in it, but it comes to nothing.
    """
    rng = np.random.default_rng(1)
    weights = {
        "front.weight": rng.standard_normal((CHANNELS, 1, 1)),
        "flow.weight": rng.standard_normal((CHANNELS, CHANNELS, 3)),
        "dec.conv_pre.weight": rng.standard_normal((CHANNELS, CHANNELS, 3)),  # a frame to both sides
        "dec.up.weight": rng.standard_normal((CHANNELS, 1, 2 * UP)),  # half a frame
        "dec.post.weight": rng.standard_normal((1, 1, 3)),  # a sample
    }
    nodes = [
        make_node("Cast", ["input"], ["ids"], to=onnx.TensorProto.FLOAT),
        make_node("Unsqueeze", ["ids", "axis"], ["row"]),
        make_node("Concat", ["row", "row"], ["twice"], axis=2),
        make_node("Equal", ["twice", "twice"], ["all"]),
        make_node("Cast", ["all"], ["mask"], to=onnx.TensorProto.FLOAT),
        make_node("Conv", ["twice", "front.weight"], ["mean"], kernel_shape=[1]),
        make_node("RandomNormalLike", ["mean"], ["chance"]),
        make_node("Mul", ["chance", "none"], ["deviation"]),
        make_node("Add", ["mean", "deviation"], ["rough"]),
        make_node("Conv", ["rough", "flow.weight"], ["f1"], kernel_shape=[3], pads=[1, 1]),
        make_node("Tanh", ["f1"], ["f2"]),
        make_node("Mul", ["f2", "mask"], ["f3"]),
        make_node("Add", ["rough", "f3"], ["f4"]),
        make_node("Mul", ["f4", "mask"], ["latent"]),
        make_node("Ceil", ["ids"], ["durations"]),
        make_node("Conv", ["latent", "dec.conv_pre.weight"], ["d1"], kernel_shape=[3], pads=[1, 1]),
        make_node("LeakyRelu", ["d1"], ["d2"]),
        make_node("ConvTranspose", ["d2", "dec.up.weight"], ["d3"], kernel_shape=[16], strides=[UP], pads=[4, 4]),
        make_node("Conv", ["d3", "dec.post.weight"], ["d4"], kernel_shape=[3], pads=[1, 1]),
        make_node("Tanh", ["d4"], ["output"]),
    ]
    graph = make_graph(
        nodes,
        "voice",
        [make_tensor_value_info("input", onnx.TensorProto.INT64, [1, None])],
        [
            make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 1, None]),
            make_tensor_value_info("durations", onnx.TensorProto.FLOAT, [1, None]),
        ],
        [
            *(numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
            numpy_helper.from_array(np.zeros(1, np.float32), "none"),
        ],
    )
    change(graph)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 15)], ir_version=8), str(path))
    return path


def _without_chance(graph: Any) -> None:
    """Where the flow begins cannot be told: it stays with the front."""
    next(node for node in graph.node if node.op_type == "RandomNormalLike").op_type = "Identity"


def opened(path: Path) -> tuple[Any, Vocoder | None]:
    return open_vits(path, threads=1)


@pytest.fixture(scope="module", params=[lambda _graph: None, _without_chance], ids=["with flow", "without"])
def halves(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Vocoder]:
    path = small_voice(tmp_path_factory.mktemp("voice") / "small.onnx", request.param)
    front, vocoder = opened(path)
    assert vocoder is not None
    return open_session(path, threads=1), front, vocoder


@given(ids=st.lists(st.integers(-3, 3), min_size=1, max_size=30), at=st.lists(st.integers(0, 60), max_size=5))
def test_stretch_by_stretch_it_is_the_whole(halves: tuple[Any, Any, Vocoder], ids: list[int], at: list[int]) -> None:
    whole, front, vocoder = halves
    inputs = {"input": np.array([ids], np.int64)}
    audio, durations = whole.run(None, inputs)
    latent, durations_again = front.run(None, inputs)
    frames = latent.shape[2]
    assert frames == 2 * len(ids)
    np.testing.assert_array_equal(durations, durations_again)
    bounds = [0, *sorted(n for n in at if n <= frames), frames]
    pieces = [vocoder.decode(latent, a, b) for a, b in pairwise(bounds)]
    np.testing.assert_allclose(np.concatenate(pieces), audio.reshape(-1), atol=1e-6)


@pytest.mark.parametrize("frames", [MOST_FRAMES - 1, MOST_FRAMES, MOST_FRAMES + 1, 5 * MOST_FRAMES + 7])
def test_no_call_of_a_network_grows_with_the_clause(
    halves: tuple[Any, Any, Vocoder], monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    whole, front, vocoder = halves
    inputs = {"input": (np.arange(-(-frames // 2)) % 7 - 3).astype(np.int64)[None]}
    latent, _ = front.run(None, inputs)
    given, run = [], Stage.run

    def watched(stage: Stage, some: Any) -> Any:
        given.append(some.shape[2] - 2 * vocoder.reach_frames)
        return run(stage, some)

    monkeypatch.setattr(Stage, "run", watched)
    audio = vocoder.decode(latent, 0, frames)
    np.testing.assert_allclose(audio, whole.run(None, inputs)[0].reshape(-1)[: len(audio)], atol=1e-6)
    assert len(audio) == frames * UP
    assert max(given) <= MOST_FRAMES


@pytest.mark.parametrize(("change", "reach"), [(lambda _graph: None, 1 + 2), (_without_chance, 2)])
def test_the_reach_of_a_frame_is_measured(tmp_path: Path, change: Callable[[Any], None], reach: int) -> None:
    _, vocoder = opened(small_voice(tmp_path / "small.onnx", change))
    assert vocoder is not None
    assert (vocoder.frame_samples, vocoder.reach_frames, vocoder.channels) == (UP, reach, CHANNELS)


def _rename(graph: Any) -> None:
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == "dec.conv_pre.weight":
                node.input[i] = "generator.weight"
    for weight in graph.initializer:
        weight.name = weight.name.replace("dec.conv_pre.weight", "generator.weight")


def _speakers(graph: Any) -> None:
    """The generator is told who speaks, past the latent."""
    graph.node[-1].input[0] = "d5"
    graph.node.insert(len(graph.node) - 1, make_node("Mul", ["d4", "speaker"], ["d5"]))
    graph.input.append(make_tensor_value_info("speaker", onnx.TensorProto.FLOAT, [1]))


def _past_the_latent(graph: Any) -> None:
    graph.node[-1].input[0] = "d5"
    graph.node.insert(len(graph.node) - 1, make_node("ReduceSum", ["durations"], ["sum"], keepdims=0))
    graph.node.insert(len(graph.node) - 1, make_node("Mul", ["d4", "sum"], ["d5"]))


def _uneven(graph: Any) -> None:
    """Some samples more at the end."""
    up = next(node for node in graph.node if node.op_type == "ConvTranspose")
    next(a for a in up.attribute if a.name == "pads").ints[:] = [4, 1]


def _far(graph: Any) -> None:
    """Everything depends on everything."""
    graph.node[-1].input[0] = "d5"
    graph.node.insert(len(graph.node) - 1, make_node("ReduceMean", ["d4"], ["average"], axes=[2]))
    graph.node.insert(len(graph.node) - 1, make_node("Add", ["d4", "average"], ["d5"]))


def _of_nodes(graph: Any) -> None:
    """The weights are nodes, as some tools write them."""
    first = next(weight for weight in graph.initializer if weight.name == "dec.conv_pre.weight")
    graph.node.insert(0, make_node("Constant", [], [first.name], value=first))
    graph.initializer.remove(first)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_of_nodes, "weights of its generator"),
        (_rename, "no HiFi-GAN generator"),
        (_speakers, "takes more than the latent"),
        (_past_the_latent, "takes more than the latent"),
        (_uneven, "the same number of samples"),
        (_far, "reaches too far"),
    ],
)
def test_what_cannot_be_split_stays_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Any], None], why: str
) -> None:
    path = small_voice(tmp_path / "other.onnx", change)
    with caplog.at_level(logging.INFO):
        session, vocoder = opened(path)
    assert vocoder is None
    assert "other.onnx makes its clauses whole" in caplog.text
    assert why in caplog.text
    inputs = {"input": np.array([[1, 2]], np.int64)}
    if change is _speakers:
        inputs["speaker"] = np.ones(1, np.float32)
    assert session.run(None, inputs)[0].size >= 4 * UP


def test_a_part_that_fails_alone_leaves_the_voice_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def of_four_frames(graph: Any) -> None:
        """Shapes that the runtime finds out about when it works, not when it loads."""
        at = next(i for i, node in enumerate(graph.node) if "d1" in node.input)
        graph.node[at].input[0] = "rigid"
        graph.node.insert(at, make_node("Reshape", ["d1", "flat"], ["rigid"]))
        graph.initializer.append(numpy_helper.from_array(np.array([1, CHANNELS, 4], np.int64), "flat"))

    path = small_voice(tmp_path / "rigid.onnx", of_four_frames)
    with caplog.at_level(logging.INFO):
        session, vocoder = opened(path)
    assert vocoder is None
    assert "rigid.onnx makes its clauses whole" in caplog.text
    assert session.run(None, {"input": np.array([[1, 2]], np.int64)})[0].size == 4 * UP


@pytest.mark.parametrize("content", [b"", b"nothing of the kind" * 100, b"\x08\xff"])
def test_what_is_no_model_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise.onnx").write_bytes(content)
    with pytest.raises(ModelDamagedError, match=r"noise\.onnx"):
        opened(tmp_path / "noise.onnx")


DESCRIPTION: dict[str, Any] = {
    "num_symbols": 256,
    "num_speakers": 1,
    "audio": {"sample_rate": 22_050},
    "espeak": {"voice": "en-us"},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [14]},
}


def described(folder: Path, **changes: Any) -> Any:
    description = folder / "small.onnx.json"
    description.write_text(json.dumps(DESCRIPTION | changes))
    return open_piper(small_voice(folder / "small.onnx"), description, threads=1)


def test_a_voice_and_its_description(tmp_path: Path) -> None:
    voice, vocoder = described(tmp_path)
    assert vocoder is not None
    assert voice.config.sample_rate == 22_050


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"audio": {"sample_rate": "22050"}}, "'str'"),
        ({"audio": {"sample_rate": 0}}, "sample_rate 0"),
        ({"audio": {"sample_rate": None}}, "NoneType"),
        ({"inference": {"noise_scale": "0.6"}}, "float"),
        ({"phoneme_id_map": {}}, r"\^"),
        ({"phoneme_id_map": None}, "NoneType"),
        ({"phoneme_id_map": {"^": 1, "_": 0, "$": 2}}, "int"),
        ({"espeak": {"voice": "nonsense"}}, "nonsense"),
        ({"espeak": {"voice": None}}, "NoneType"),
        ({"phoneme_type": "strange"}, "strange"),
    ],
)
def test_a_description_that_would_fail_at_the_first_word(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelDamagedError, match=rf"small\.onnx\.json.*{says}"):
        described(tmp_path, **changes)


def test_a_language_that_piper_has_no_package_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piper.phonemize_thai", None)
    with pytest.raises(ModelDamagedError, match="phonemize_thai"):
        described(tmp_path, phoneme_type="thai")


_TALKS = """
import random
import sys
from pathlib import Path
import numpy as np
from bench.processor_time import memory_mb
from models.vits import open_vits

front, vocoder = open_vits(Path(sys.argv[1]), threads=1)

def say(ids):
    phonemes = np.ones((1, ids), dtype=np.int64)
    latent, *_ = front.run(
        None, {"input": phonemes, "input_lengths": np.array([ids]), "scales": np.array([0.0, 1.0, 0.0], np.float32)}
    )
    vocoder.decode(np.zeros((1, vocoder.channels, ids), np.float32), 0, ids)

for ids in (140, 30, 140):
    say(ids)
before = memory_mb()
seen = []
for ids in range(30, 140):
    say(ids)
    say(random.randint(2, 400))
    seen.append(memory_mb())
print(seen[-1] - before)
print(max(seen) - min(seen))
"""


@pytest.mark.models
def test_texts_of_many_lengths_take_no_memory(model_path: Callable[[str], Path]) -> None:
    """ONNX Runtime would keep for each length where everything lay: 110 of them, and some 70 KB each."""
    path = model_path("piper-en_US-joe-medium")
    command = [sys.executable, "-c", _TALKS, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    grown_mb, range_mb = map(float, done.stdout.split())
    assert grown_mb < 3
    assert range_mb < 6, "what a long clause wanted is given back, and a short one needs no more than there is"


_SPEAKS_LONG = """
import sys
from pathlib import Path
import numpy as np
from bench.processor_time import peak_rss_mb
from models.vits import open_vits

_, vocoder = open_vits(Path(sys.argv[1]), threads=1)
peaks_mb = []
for frames in (100, 100, 1000):
    vocoder.decode(np.zeros((1, vocoder.channels, frames), np.float32), 0, frames)
    peaks_mb.append(peak_rss_mb())
print(peaks_mb[-1] - peaks_mb[-2])
"""


@pytest.mark.models
def test_a_sentence_of_twelve_seconds_takes_no_more_memory_than_one_second(model_path: Callable[[str], Path]) -> None:
    path = model_path("piper-en_US-joe-medium")
    command = [sys.executable, "-c", _SPEAKS_LONG, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 15, "the audio itself is 1 MB, and as much again for each step of it"


_OPENS = """
import sys
from pathlib import Path
from bench.processor_time import peak_rss_mb, rss_mb
from models.vits import open_vits

parts = open_vits(Path(sys.argv[1]), threads=1)
print(peak_rss_mb() - rss_mb())
"""


@pytest.mark.models
def test_to_take_a_voice_apart_needs_little_more_than_to_have_it(model_path: Callable[[str], Path]) -> None:
    """79 MB more, when each part was held twice and all until the last was open: that was the peak of the process."""
    command = [sys.executable, "-c", _OPENS, str(model_path("piper-en_US-joe-medium"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 55
