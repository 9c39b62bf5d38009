"""`models.whisper_ggml`: the layout, the quantisation, and that whisper.cpp hears with the result."""

import hashlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ct2_files import ct2_bytes, small_whisper
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.errors import ModelDamagedError
from models.whisper_ggml import Precision, convert, mel_filters, quantise_q8_0, read_vocabulary

#: of the 80 x 201 floats at byte 56 of whisper.cpp's models/for-tests-ggml-tiny.en.bin
WHISPER_CPP_FILTERS_SHA256 = "85818f156f7e189453901a515e4726d270d307f976e161cf9403e8caab405498"
WIDTH, LAYERS, OUTPUTS = 64, 2, 96
PRECISIONS: tuple[Precision, ...] = ("f16", "q8_0")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    path.write_text("\n".join(["!", "Ġgazed", "Ċ", *(f"t{i}" for i in range(50_254)), "<|extra|>"]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ct2") / "model.bin"
    path.write_bytes(ct2_bytes(small_whisper(WIDTH, LAYERS, OUTPUTS)))
    return path


def read_ggml(path: Path) -> tuple[tuple[int, ...], list[bytes], dict[str, tuple[int, tuple[int, ...], bytes]]]:
    """Header, tokens and tensors (type, shape outermost first, bytes) of a ggml file."""
    data = path.read_bytes()
    header = struct.unpack_from("<14i", data)
    at = 56 + 80 * 201 * 4
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    tokens = []
    for _ in range(count):
        (length,) = struct.unpack_from("<i", data, at)
        tokens.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    tensors = {}
    while at < len(data):
        rank, length, kind = struct.unpack_from("<3i", data, at)
        shape = struct.unpack_from(f"<{rank}i", data, at + 12)[::-1]
        at += 12 + 4 * rank
        name = data[at : at + length].decode()
        elements = math.prod(shape)
        size = {0: elements * 4, 1: elements * 2, 8: elements // 32 * 34}[kind]
        tensors[name] = (kind, shape, data[at + length : at + length + size])
        at += length + size
    assert at == len(data)
    return header, tokens, tensors


def scalar_q8_0(row: list[float]) -> bytes:
    """`quantize_row_q8_0_ref` of ggml, line by line."""
    out = b""
    for start in range(0, len(row), 32):
        block = [np.float32(x) for x in row[start : start + 32]]
        amax = max(abs(x) for x in block)
        d = np.float32(amax / np.float32(127))
        inverse = np.float32(np.float32(1) / d) if d else np.float32(0)
        out += struct.pack("<e", float(d))
        for x in block:
            scaled = float(np.float32(x * inverse))
            out += struct.pack("<b", int(math.copysign(math.floor(abs(scaled) + 0.5), scaled)))
    return out


def test_the_filters_are_those_of_whisper_cpp() -> None:
    assert hashlib.sha256(mel_filters().astype("<f4").tobytes()).hexdigest() == WHISPER_CPP_FILTERS_SHA256


@given(
    hnp.arrays(
        np.float32,
        (2, 64),
        elements=st.floats(-8, 8, width=32, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6),
    )
)
def test_quantises_as_ggml_does(weights: npt.NDArray[np.float32]) -> None:
    assert quantise_q8_0(weights) == b"".join(scalar_q8_0(row.tolist()) for row in weights)


def test_halves_are_rounded_away_from_zero() -> None:
    block = np.zeros((1, 32), np.float32)
    block[0, :5] = [127, 0.5, -0.5, 1.5, -2.5]
    assert struct.unpack("<e5b", quantise_q8_0(block)[:7]) == (1.0, 127, 1, -1, 2, -3)


def test_a_block_of_zeros_has_no_scale() -> None:
    assert quantise_q8_0(np.zeros((1, 32), np.float32)) == bytes(34)


def test_rows_that_do_not_divide_into_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="48"):
        quantise_q8_0(np.zeros((2, 48), np.float32))


def test_header_and_vocabulary(source: Path, vocabulary: Path, tmp_path: Path) -> None:
    convert(source, vocabulary, tmp_path / "out.bin", precision="f16")
    header, tokens, _ = read_ggml(tmp_path / "out.bin")
    dimensions = (OUTPUTS, 1500, WIDTH, 2, LAYERS, 448, WIDTH, 2, LAYERS, 80)
    assert header == (0x67676D6C, *dimensions, 1, 80, 201)
    assert tokens[:3] == [b"!", b" gazed", b"\n"]
    assert len(tokens) == 50_257


def test_fused_weights_are_split_and_small_ones_stay_exact(source: Path, vocabulary: Path, tmp_path: Path) -> None:
    convert(source, vocabulary, tmp_path / "out.bin", precision="f16")
    _, _, tensors = read_ggml(tmp_path / "out.bin")
    weights = small_whisper(WIDTH, LAYERS, OUTPUTS)
    fused = weights["decoder/layer_1/self_attention/linear_0/weight"]
    for position, name in enumerate(("query", "key", "value")):
        kind, shape, data = tensors[f"decoder.blocks.1.attn.{name}.weight"]
        assert (kind, shape) == (1, (WIDTH, WIDTH))
        np.testing.assert_array_equal(
            np.frombuffer(data, "<f2").reshape(shape), fused[position * WIDTH : (position + 1) * WIDTH]
        )
    assert tensors["encoder.conv1.bias"][:2] == (0, (WIDTH, 1))
    assert tensors["encoder.positional_embedding"][:2] == (0, (1500, WIDTH))
    assert tensors["encoder.conv2.weight"][:2] == (1, (WIDTH, WIDTH, 3))
    assert "decoder.blocks.0.attn.key.bias" not in tensors
    assert len(tensors) == 5 + 2 + LAYERS * 15 + 2 + 2 + LAYERS * 24  # as whisper.cpp counts them


def test_q8_0_quantises_matrices_and_nothing_else(source: Path, vocabulary: Path, tmp_path: Path) -> None:
    convert(source, vocabulary, tmp_path / "out.bin", precision="q8_0")
    header, _, tensors = read_ggml(tmp_path / "out.bin")
    assert header[11] == 2007
    quantised = {name for name, (kind, _, _) in tensors.items() if kind == 8}
    matrices = {name for name, (_, shape, _) in tensors.items() if len(shape) == 2}
    kept = {"encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding"}
    assert quantised == matrices - kept
    assert tensors["encoder.conv1.weight"][0] == 1


@pytest.mark.parametrize("precision", ["f16", "q8_0"])
def test_the_same_input_gives_the_same_bytes(
    source: Path, vocabulary: Path, tmp_path: Path, precision: Precision
) -> None:
    for name in ("a", "b"):
        convert(source, vocabulary, tmp_path / name, precision=precision)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_keys_with_a_bias_are_not_whisper(vocabulary: Path, tmp_path: Path) -> None:
    tensors = small_whisper(WIDTH, LAYERS, OUTPUTS)
    tensors["encoder/layer_0/self_attention/linear_0/bias"][WIDTH] = 1
    (tmp_path / "model.bin").write_bytes(ct2_bytes(tensors))
    with pytest.raises(ModelDamagedError, match="bias"):
        convert(tmp_path / "model.bin", vocabulary, tmp_path / "out.bin", precision="f16")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("v.txt", b"a\nb"),
        ("v.txt", b"\xff\xfe\x00"),
        ("v.json", b"{"),
        ("v.json", b'{"a": 1}'),
        ("v.json", json.dumps([1] * 60_000).encode()),
        ("v.txt", "\n".join(["Ա"] * 60_000).encode()),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelDamagedError, match=name):
        read_vocabulary(tmp_path / name)


@pytest.mark.models
@pytest.mark.parametrize("model_id", ["whisper-tiny.en", "whisper-tiny.en-q8_0", "whisper-base", "whisper-base-q8_0"])
def test_whisper_cpp_hears_with_the_converted_model(
    model_id: str, spoken: npt.NDArray[np.float32], pulled: Any
) -> None:
    from pywhispercpp.model import Model  # noqa: PLC0415

    model = Model(str(pulled(model_id)), redirect_whispercpp_logs_to=None, n_threads=2, language="en")
    heard = " ".join(segment.text for segment in model.transcribe(spoken, audio_ctx=512)).lower()
    assert "turn on the lights in the kitchen" in heard


def _quantised(tensors: dict[str, Any]) -> None:
    """As CTranslate2 writes it: bytes, and a scale for each row."""
    name = "decoder/layer_0/ffn/linear_0/weight"
    tensors[name] = np.ones(tensors[name].shape, np.int8)
    tensors[f"{name}_scale"] = np.ones(4 * WIDTH, np.float32)


def _of_128_bands(tensors: dict[str, Any]) -> None:
    tensors["encoder/conv1/weight"] = np.zeros((WIDTH, 128, 3), np.float16)


def _of_half_the_audio(tensors: dict[str, Any]) -> None:
    tensors["encoder/position_encodings/encodings"] = np.zeros((750, WIDTH), np.float16)


def _with_a_short_bias(tensors: dict[str, Any]) -> None:
    tensors["decoder/layer_1/self_attention/linear_0/bias"] = np.zeros(3 * 32, np.float16)


def _without_outputs(tensors: dict[str, Any]) -> None:
    tensors["decoder/embeddings/weight"] = np.zeros(WIDTH, np.float16)


def _without_heads(tensors: dict[str, Any]) -> None:
    tensors["encoder/num_heads"] = np.zeros(0, np.int16)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_quantised, "int8"),
        (_of_128_bands, "conv1"),
        (_of_half_the_audio, "750"),
        (_with_a_short_bias, "query.bias"),
        (_without_outputs, "token_embedding"),
        (_without_heads, "num_heads"),
    ],
)
def test_weights_that_would_be_written_wrong_are_refused(
    vocabulary: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    tensors = small_whisper(WIDTH, LAYERS, OUTPUTS)
    change(tensors)
    (tmp_path / "model.bin").write_bytes(ct2_bytes(tensors))
    for precision in PRECISIONS:
        with pytest.raises(ModelDamagedError, match=rf"model\.bin.*{says}"):
            convert(tmp_path / "model.bin", vocabulary, tmp_path / "out.bin", precision=precision)
        assert not (tmp_path / "out.bin").exists()


def test_a_width_that_cannot_be_quantised_is_no_whisper(vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(ct2_bytes(small_whisper(48, LAYERS, OUTPUTS)))
    with pytest.raises(ModelDamagedError, match="48"):
        convert(tmp_path / "model.bin", vocabulary, tmp_path / "out.bin", precision="q8_0")
