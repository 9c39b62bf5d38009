"""`models.piper_alignment`: the patched voice speaks as before, and tells the length of each phoneme."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.errors import ModelDamagedError
from models.piper_alignment import expose_alignment


def small_voice(path: Path) -> Path:
    """A graph of the kind: one Ceil on the way to the output."""
    nodes = [onnx.helper.make_node("Ceil", ["x"], ["w_ceil"]), onnx.helper.make_node("Neg", ["w_ceil"], ["output"])]
    value = onnx.helper.make_tensor_value_info
    ends = [value(name, onnx.TensorProto.FLOAT, [2]) for name in ("x", "output")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "voice", ends[:1], ends[1:])), str(path))
    return path


def test_the_lengths_become_an_output(tmp_path: Path) -> None:
    expose_alignment(small_voice(tmp_path / "voice.onnx"), tmp_path / "patched.onnx")
    outputs = [output.name for output in onnx.load(str(tmp_path / "patched.onnx")).graph.output]
    assert outputs == ["output", "w_ceil"]


def test_the_same_voice_gives_the_same_bytes(tmp_path: Path) -> None:
    voice = small_voice(tmp_path / "voice.onnx")
    for name in ("a", "b"):
        expose_alignment(voice, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_voice_that_is_patched_already_is_refused(tmp_path: Path) -> None:
    expose_alignment(small_voice(tmp_path / "voice.onnx"), tmp_path / "patched.onnx")
    with pytest.raises(ModelDamagedError, match="already"):
        expose_alignment(tmp_path / "patched.onnx", tmp_path / "again.onnx")


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\x08\xff"])
def test_what_is_no_voice_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise.onnx").write_bytes(content)
    with pytest.raises(ModelDamagedError, match=r"noise\.onnx"):
        expose_alignment(tmp_path / "noise.onnx", tmp_path / "out.onnx")


@pytest.mark.models
def test_the_real_voice_sounds_the_same_without_the_patch(pulled: Callable[[str], Path], tmp_path: Path) -> None:
    import onnxruntime  # noqa: PLC0415

    patched = pulled("piper-en_US-joe-medium")
    voice = onnx.load(str(patched))
    del voice.graph.output[1]
    onnx.save(voice, str(tmp_path / "plain.onnx"))
    inputs = {
        "input": np.array([[1, 0, 20, 0, 27, 0, 14, 0, 2]], np.int64),
        "input_lengths": np.array([9], np.int64),
        "scales": np.array([0, 1, 0], np.float32),  # no noise: the two must agree to the last sample
    }
    results = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)
        for path in (tmp_path / "plain.onnx", patched)
    ]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[1][1].sum() * 256 == results[1][0].size  # frames of 256 samples


@pytest.mark.models
def test_piper_gives_samples_for_each_phoneme(pulled: Callable[[str], Path]) -> None:
    from piper import PiperVoice  # noqa: PLC0415

    voice = PiperVoice.load(pulled("piper-en_US-joe-medium"))
    for chunk in voice.synthesize("Good morning.", include_alignments=True):
        assert chunk.phoneme_alignments
        assert sum(phoneme.num_samples for phoneme in chunk.phoneme_alignments) == len(chunk.audio_int16_array)
