"""Convert a Whisper model from CTranslate2 to the ggml file that whisper.cpp reads.

    convert(Path("model.bin"), Path("vocabulary.txt"), Path("ggml-tiny.en.bin"), precision="f16")

The layout is that of whisper.cpp (`models/convert-pt-to-ggml.py`, `examples/quantize/quantize.cpp`), and so is the
order of the tensors: the order of PyTorch's state dict. The same input gives the same bytes on every machine. All
integers are little-endian int32:

    magic, 11 hyper-parameters; mel rows, mel columns, filters f32; number of tokens, (length, bytes) each;
    then for each tensor: rank, length of name, type, dimensions (innermost first), name, data.

CTranslate2 fuses what Whisper keeps apart: query, key and value of self-attention in one matrix, key and value of
cross-attention in another. They are split again here; Whisper's keys have no bias, CTranslate2 stores zeros.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from models.ct2 import Ct2Model, Tensor, open_ct2
from models.errors import ModelDamagedError

Precision = Literal["f16", "q8_0"]

MAGIC = 0x67676D6C
TYPE_F32, TYPE_F16, TYPE_Q8_0 = 0, 1, 8  #: enum ggml_type
FTYPE_F16 = 1  #: enum ggml_ftype, mostly f16
FTYPE_Q8_0 = 2 * 1000 + 7  #: GGML_QNT_VERSION * GGML_QNT_VERSION_FACTOR + GGML_FTYPE_MOSTLY_Q8_0
BLOCK = 32  #: QK8_0: weights that share one scale

AUDIO_CONTEXT = 1500  #: encoder positions: 30 s in steps of 20 ms
TEXT_CONTEXT = 448
SAMPLE_RATE_HZ, FFT_SAMPLES, MEL_BANDS = 16_000, 400, 80
TEXT_TOKENS = 50_257  #: tokens with a spelling of their own; whisper.cpp knows the special ones after them by number
ROWS_AT_ONCE = 4096  #: rows quantised in one go: bounds the memory whatever the size of the vocabulary

#: whisper.cpp wants these two as (n, 1), and as f32
_COLUMN_BIASES = frozenset({"encoder.conv1.bias", "encoder.conv2.bias"})
#: never f16 nor quantised although they have two dimensions
_KEEP_F32 = _COLUMN_BIASES | {"encoder.positional_embedding", "decoder.positional_embedding"}


def convert(source: Path, vocabulary: Path, destination: Path, *, precision: Precision) -> None:
    """Write `destination` from the CTranslate2 model `source` and its `vocabulary` (.json list, or one a line).

    Needs little memory beyond the largest tensor: about 160 MB for base. Raises ModelDamagedError when the input
    is not a whole Whisper model of 80 mel bands in floating point, OSError when a file cannot be read or written.
    Nothing is written before all of that is known.
    """
    tokens = read_vocabulary(vocabulary)
    with open_ct2(source) as model:
        _require_whisper(model)
        _write(destination, model, precision, tokens)


def _write(destination: Path, model: Ct2Model, precision: Precision, tokens: Sequence[bytes]) -> None:
    with destination.open("wb") as out:
        _write_header(out, model, precision, tokens)
        for name, tensor in whisper_tensors(model):
            _write_tensor(out, name, tensor, precision)


def read_vocabulary(path: Path) -> list[bytes]:
    """The first TEXT_TOKENS tokens of `path` as bytes. Raises ModelDamagedError when it is no Whisper vocabulary."""
    try:
        text = path.read_text(encoding="utf-8")
        words = json.loads(text) if path.suffix == ".json" else text.split("\n")
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelDamagedError(f"{path} is not a vocabulary: {error}") from None
    if not isinstance(words, list) or len(words) < TEXT_TOKENS:
        raise ModelDamagedError(f"{path} is not a Whisper vocabulary: it has fewer than {TEXT_TOKENS} tokens")
    alphabet = _byte_alphabet()
    try:
        return [bytes(alphabet[letter] for letter in word) for word in words[:TEXT_TOKENS]]
    except (KeyError, TypeError):
        raise ModelDamagedError(f"{path} is not a Whisper vocabulary: it has letters outside of its alphabet") from None


def _byte_alphabet() -> dict[str, int]:
    """Letter -> byte, as in GPT-2's vocabulary: printable Latin-1 stands for itself, the rest from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    alphabet.update({chr(256 + position): byte for position, byte in enumerate(others)})
    return alphabet


def mel_filters() -> npt.NDArray[np.float32]:
    """Whisper's mel filter bank, (80, 201) float32: librosa's Slaney scale and area normalisation, 0 to 8 kHz.

    Equal bit for bit to the one in OpenAI's and whisper.cpp's files. The exponentials are taken in decimal
    arithmetic because those of libm and of NumPy differ in the last bit from processor to processor; what is left
    is additions and divisions, which IEEE 754 fixes.
    """
    with localcontext() as context:
        context.prec = 40
        step_log = Decimal("6.4").ln() / 27  # above 1 kHz (mel 15) the scale is logarithmic: 27 mels to 6.4 kHz
        top_mel = 15 + Decimal(8).ln() / step_log
        mels = [top_mel * band / (MEL_BANDS + 1) for band in range(MEL_BANDS + 2)]
        edges = [1000 * (step_log * (mel - 15)).exp() if mel >= 15 else mel * 200 / 3 for mel in mels]
        edges_hz = np.array([float(edge) for edge in edges])
    bins_hz = np.arange(FFT_SAMPLES // 2 + 1) * (SAMPLE_RATE_HZ / FFT_SAMPLES)
    widths_hz = np.diff(edges_hz)
    distances_hz = edges_hz[:, None] - bins_hz[None, :]
    rising = -distances_hz[:-2] / widths_hz[:-1, None]
    falling = distances_hz[2:] / widths_hz[1:, None]
    # librosa rounds to float32 once before it normalises and once after
    filters: npt.NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters += np.float32(0)  # which zero maximum(0, -0.0) returns depends on the processor: make it +0
    filters *= (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return filters


def whisper_tensors(model: Ct2Model) -> Iterator[tuple[str, Tensor]]:
    """Name and weights of every tensor as Whisper calls them, in the order of PyTorch's state dict."""
    yield "encoder.positional_embedding", model.tensor("encoder/position_encodings/encodings")
    for layer in ("conv1", "conv2"):
        yield f"encoder.{layer}.weight", model.tensor(f"encoder/{layer}/weight")
        yield f"encoder.{layer}.bias", model.tensor(f"encoder/{layer}/bias")
    for index in range(_layers(model, "encoder")):
        source, name = f"encoder/layer_{index}", f"encoder.blocks.{index}"
        yield from _self_attention(model, source, name)
        yield from _feed_forward(model, source, name)
    yield from _layer_norm(model, "encoder/layer_norm", "encoder.ln_post")
    yield "decoder.positional_embedding", model.tensor("decoder/position_encodings/encodings")
    yield "decoder.token_embedding.weight", model.tensor("decoder/embeddings/weight")
    for index in range(_layers(model, "decoder")):
        source, name = f"decoder/layer_{index}", f"decoder.blocks.{index}"
        yield from _self_attention(model, source, name)
        yield from _cross_attention(model, source, name)
        yield from _feed_forward(model, source, name)
    yield from _layer_norm(model, "decoder/layer_norm", "decoder.ln")


def _layers(model: Ct2Model, side: str) -> int:
    names = {name.split("/")[1] for name in model.tensors if name.startswith(f"{side}/layer_")}
    return sum(name.removeprefix("layer_").isdigit() for name in names)


def _layer_norm(model: Ct2Model, source: str, name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", model.tensor(f"{source}/gamma")
    yield f"{name}.bias", model.tensor(f"{source}/beta")


def _linear(model: Ct2Model, source: str, name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", model.tensor(f"{source}/weight")
    yield f"{name}.bias", model.tensor(f"{source}/bias")


def _self_attention(model: Ct2Model, source: str, name: str) -> Iterator[tuple[str, Tensor]]:
    query, key, value = _parts(model, f"{source}/self_attention/linear_0/weight", 3)
    query_bias, key_bias, value_bias = _parts(model, f"{source}/self_attention/linear_0/bias", 3)
    _require_no_bias(model, key_bias, source)
    yield f"{name}.attn.query.weight", query
    yield f"{name}.attn.query.bias", query_bias
    yield f"{name}.attn.key.weight", key
    yield f"{name}.attn.value.weight", value
    yield f"{name}.attn.value.bias", value_bias
    yield from _linear(model, f"{source}/self_attention/linear_1", f"{name}.attn.out")
    yield from _layer_norm(model, f"{source}/self_attention/layer_norm", f"{name}.attn_ln")


def _cross_attention(model: Ct2Model, source: str, name: str) -> Iterator[tuple[str, Tensor]]:
    key, value = _parts(model, f"{source}/attention/linear_1/weight", 2)
    key_bias, value_bias = _parts(model, f"{source}/attention/linear_1/bias", 2)
    _require_no_bias(model, key_bias, source)
    yield from _linear(model, f"{source}/attention/linear_0", f"{name}.cross_attn.query")
    yield f"{name}.cross_attn.key.weight", key
    yield f"{name}.cross_attn.value.weight", value
    yield f"{name}.cross_attn.value.bias", value_bias
    yield from _linear(model, f"{source}/attention/linear_2", f"{name}.cross_attn.out")
    yield from _layer_norm(model, f"{source}/attention/layer_norm", f"{name}.cross_attn_ln")


def _feed_forward(model: Ct2Model, source: str, name: str) -> Iterator[tuple[str, Tensor]]:
    yield from _linear(model, f"{source}/ffn/linear_0", f"{name}.mlp.0")
    yield from _linear(model, f"{source}/ffn/linear_1", f"{name}.mlp.2")
    yield from _layer_norm(model, f"{source}/ffn/layer_norm", f"{name}.mlp_ln")


def _parts(model: Ct2Model, name: str, count: int) -> Sequence[Tensor]:
    tensor = model.tensor(name)
    if tensor.shape[0] % count:
        raise ModelDamagedError(f"{model.path}: {name!r} of shape {tensor.shape} cannot be cut into {count}")
    return np.split(tensor, count)


def _require_no_bias(model: Ct2Model, key_bias: Tensor, source: str) -> None:
    if key_bias.any():
        raise ModelDamagedError(f"{model.path}: the keys of {source} have a bias; it is not a Whisper model")


def _require_whisper(model: Ct2Model) -> None:
    """What is written would else be a file like any other, and what is in it noise."""
    embeddings = model.tensor("decoder/embeddings/weight")
    width = embeddings.shape[-1]
    if embeddings.ndim != 2 or width % BLOCK:
        raise ModelDamagedError(f"{model.path}: decoder.token_embedding of shape {embeddings.shape} is not Whisper's")
    for side in ("encoder", "decoder"):
        if model.tensor(f"{side}/num_heads").size != 1:
            raise ModelDamagedError(f"{model.path}: {side}/num_heads is not one number")
    for name, tensor in whisper_tensors(model):
        if tensor.dtype.kind != "f":  # its scales are in a tensor of their own
            raise ModelDamagedError(f"{model.path}: {name} is {tensor.dtype}, only floating point can be converted")
        expected = _shape(name, width)
        if tensor.shape != expected and name != "decoder.token_embedding.weight":
            raise ModelDamagedError(f"{model.path}: {name} is of shape {tensor.shape} in place of {expected}")


def _shape(name: str, width: int) -> tuple[int, ...]:
    """Of the tensor that Whisper calls `name`; not of the token embeddings."""
    owner, _, kind = name.rpartition(".")
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.positional_embedding": (AUDIO_CONTEXT, width),
        "decoder.positional_embedding": (TEXT_CONTEXT, width),
        "encoder.conv1.weight": (width, MEL_BANDS, 3),
        "encoder.conv2.weight": (width, width, 3),
    }
    if name in shapes:
        return shapes[name]
    if owner.endswith("mlp.0"):
        return (4 * width, width) if kind == "weight" else (4 * width,)
    if owner.endswith("mlp.2") and kind == "weight":
        return (width, 4 * width)
    is_norm = owner.endswith(("_ln", ".ln", ".ln_post"))
    return (width,) if kind == "bias" or is_norm else (width, width)


def _write_header(out: BinaryIO, model: Ct2Model, precision: Precision, tokens: Sequence[bytes]) -> None:
    outputs, width = model.tensor("decoder/embeddings/weight").shape
    ftype = FTYPE_Q8_0 if precision == "q8_0" else FTYPE_F16
    encoder = (AUDIO_CONTEXT, width, int(model.tensor("encoder/num_heads")[0]), _layers(model, "encoder"))
    decoder = (TEXT_CONTEXT, width, int(model.tensor("decoder/num_heads")[0]), _layers(model, "decoder"))
    out.write(struct.pack("<12i", MAGIC, outputs, *encoder, *decoder, MEL_BANDS, ftype))
    filters = mel_filters()
    out.write(struct.pack("<2i", *filters.shape))
    out.write(filters.astype("<f4").tobytes())
    out.write(struct.pack("<i", len(tokens)))
    for token in tokens:
        out.write(struct.pack("<i", len(token)) + token)


def _write_tensor(out: BinaryIO, name: str, tensor: Tensor, precision: Precision) -> None:
    if name in _COLUMN_BIASES:
        tensor = tensor.reshape(-1, 1)
    if tensor.ndim < 2 or name in _KEEP_F32:
        kind = TYPE_F32
    elif precision == "q8_0" and tensor.ndim == 2:  # the kernels of the convolutions have three dimensions
        kind = TYPE_Q8_0
    else:
        kind = TYPE_F16
    encoded = name.encode()
    out.write(struct.pack("<3i", tensor.ndim, len(encoded), kind))
    out.write(struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)))
    out.write(encoded)
    for start in range(0, len(tensor), ROWS_AT_ONCE):
        rows = tensor[start : start + ROWS_AT_ONCE]
        if kind == TYPE_Q8_0:
            out.write(quantise_q8_0(rows.astype(np.float32)))
        else:
            out.write(rows.astype("<f4" if kind == TYPE_F32 else "<f2").tobytes())


def quantise_q8_0(weights: npt.NDArray[np.float32]) -> bytes:
    """ggml's Q8_0 (`quantize_row_q8_0_ref`): for each 32 weights an f16 scale d = max|x| / 127 and int8 round(x / d).

    `weights`: any shape whose last dimension divides by 32 (ValueError otherwise). Rounds halves away from zero, as
    C's roundf does.
    """
    if weights.shape[-1] % BLOCK:
        raise ValueError(f"rows of {weights.shape[-1]} weights cannot be cut into blocks of {BLOCK}")
    blocks = weights.reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1) / np.float32(127)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    scaled = (blocks * inverse[:, None]).astype(np.float64)  # float64: adding a half to 0.49999997 must not give 1
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("weights", "i1", BLOCK)])
    packed["scale"] = scale
    packed["weights"] = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    return packed.tobytes()
