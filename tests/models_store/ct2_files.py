"""Write CTranslate2 files for the tests: the inverse of `models.ct2`, from the format's description."""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def _string(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def ct2_bytes(tensors: Mapping[str, npt.NDArray[Any]], aliases: Mapping[str, str] | None = None) -> bytes:
    """A file of binary version 6. Arrays of shape (1,) are written as scalars, as CTranslate2 does."""
    aliases = aliases or {}
    out = [struct.pack("<I", 6), _string("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, tensor in tensors.items():
        shape = () if tensor.shape == (1,) else tensor.shape
        out += [_string(name), struct.pack(f"<B{len(shape)}I", len(shape), *shape)]
        out += [struct.pack("<BI", CODES[str(tensor.dtype)], tensor.nbytes), tensor.tobytes()]
    out.append(struct.pack("<I", len(aliases)))
    out += [_string(alias) + _string(name) for alias, name in aliases.items()]
    return b"".join(out)


def small_whisper(width: int = 64, layers: int = 2, outputs: int = 96) -> dict[str, npt.NDArray[Any]]:
    """Random weights with the names and proportions of a Whisper model."""
    random = np.random.default_rng(7)

    def weights(*shape: int) -> npt.NDArray[np.float16]:
        return random.normal(size=shape).astype(np.float16)

    tensors: dict[str, npt.NDArray[Any]] = {
        "encoder/position_encodings/encodings": weights(1500, width),
        "encoder/conv1/weight": weights(width, 80, 3),
        "encoder/conv1/bias": weights(width),
        "encoder/conv2/weight": weights(width, width, 3),
        "encoder/conv2/bias": weights(width),
        "decoder/position_encodings/encodings": weights(448, width),
        "decoder/embeddings/weight": weights(outputs, width),
    }
    for side in ("encoder", "decoder"):
        tensors[f"{side}/num_heads"] = np.array([2], np.int16)
        tensors |= {f"{side}/layer_norm/{part}": weights(width) for part in ("gamma", "beta")}
        for layer in range(layers):
            base = f"{side}/layer_{layer}"
            bias = weights(3 * width)
            bias[width : 2 * width] = 0
            tensors |= {
                f"{base}/self_attention/linear_0/weight": weights(3 * width, width),
                f"{base}/self_attention/linear_0/bias": bias,
                f"{base}/self_attention/linear_1/weight": weights(width, width),
                f"{base}/self_attention/linear_1/bias": weights(width),
                f"{base}/ffn/linear_0/weight": weights(4 * width, width),
                f"{base}/ffn/linear_0/bias": weights(4 * width),
                f"{base}/ffn/linear_1/weight": weights(width, 4 * width),
                f"{base}/ffn/linear_1/bias": weights(width),
            }
            norms = ["self_attention", "ffn"]
            if side == "decoder":
                norms.append("attention")
                bias = weights(2 * width)
                bias[:width] = 0
                tensors |= {
                    f"{base}/attention/linear_0/weight": weights(width, width),
                    f"{base}/attention/linear_0/bias": weights(width),
                    f"{base}/attention/linear_1/weight": weights(2 * width, width),
                    f"{base}/attention/linear_1/bias": bias,
                    f"{base}/attention/linear_2/weight": weights(width, width),
                    f"{base}/attention/linear_2/bias": weights(width),
                }
            tensors |= {f"{base}/{n}/layer_norm/{part}": weights(width) for n in norms for part in ("gamma", "beta")}
    return tensors
