"""Write the matrices of a GGUF file in 8 bits where they have fewer.

    in_8_bits(Path("SmolLM2-135M-Instruct.Q4_1.gguf"), Path("smollm2-135m-instruct-q8_0.gguf"))

Nothing is gained in accuracy, and next to nothing lost: Q8_0 rounds a weight to 1/254 of the largest of its 32,
where Q4_1 has 16 values for all of them. What is gained is time: ggml has a product of two matrices for Q8_0
(ggml-cpu/llamafile/sgemm.cpp), and takes Q4_1 row by row. A question is read sooner, for half as much memory again
(figures: docs/models.md). The tensors are those of llama.cpp's own `llama-quantize --allow-requantize`, bit for bit.
"""

import contextlib
import errno
import os
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import quants

from models.errors import ModelDamagedError

#: What is written anew, and what stays as it is (F32: norms).
_FEWER_BITS = frozenset({Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1})
_KEPT = frozenset({Kind.F32, Kind.F16, Kind.Q8_0})
_ARCHITECTURE = "general.architecture"
_FILE_TYPE = "general.file_type"


def in_8_bits(source: Path, destination: Path) -> None:
    """Write `destination` from `source`, one tensor after the other; the same bytes on every machine.

    Raises ModelDamagedError when `source` is no GGUF file of which all matrices can be read, OSError when a file cannot
    be read or written.
    """
    try:
        reader = gguf.GGUFReader(source)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelDamagedError(f"{source} is not a whole GGUF file: {error}") from error
    architecture = reader.get_field(_ARCHITECTURE)
    if architecture is None:
        raise ModelDamagedError(f"{source} does not say what kind of model it is")
    strange = {each.tensor_type for each in reader.tensors} - _FEWER_BITS - _KEPT
    if strange:
        names = ", ".join(sorted(kind.name for kind in strange))
        raise ModelDamagedError(f"{source} has matrices that are not read here: {names}")
    writer = gguf.GGUFWriter(destination, arch=str(architecture.contents()))
    try:
        _write(reader, writer)
        writer.close()
    except OSError as error:
        with contextlib.suppress(OSError):  # what it still holds has no room either
            writer.close()
        if error.errno is None:  # numpy tells that less was written than it had, and not why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(destination)) from error
        raise


def _write(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    _describe(reader, writer)
    for each in reader.tensors:
        kind = _kind(each)
        shape = tuple(int(size) for size in each.shape[::-1])  # the innermost dimension is the last one of numpy's
        stored = quants.quant_shape_to_byte_shape(shape, kind) if kind == Kind.Q8_0 else shape
        dtype = np.dtype(np.uint8) if kind == Kind.Q8_0 else each.data.dtype
        writer.add_tensor_info(each.name, stored, dtype, int(np.prod(stored)) * dtype.itemsize, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for each in reader.tensors:
        data = each.data
        if each.tensor_type in _FEWER_BITS:
            data = quants.quantize(quants.dequantize(data, each.tensor_type), Kind.Q8_0)
        writer.write_tensor_data(data)


def _kind(tensor: gguf.ReaderTensor) -> Kind:
    return Kind.Q8_0 if tensor.tensor_type in _FEWER_BITS else tensor.tensor_type


def _describe(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    """What the file says of itself, in its order; but for how it is stored."""
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == _ARCHITECTURE:  # the reader's own; written already
            continue
        value = int(gguf.LlamaFileType.MOSTLY_Q8_0) if name == _FILE_TYPE else field.contents()
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], element)
