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
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Kind
from gguf import quants

from models.errors import ModelDamagedError

#: What is written anew, and what stays as it is (F32: norms).
_FEWER_BITS = frozenset({Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1})
_KEPT = frozenset({Kind.F32, Kind.F16, Kind.Q8_0})
_ARCHITECTURE = "general.architecture"
_FILE_TYPE = "general.file_type"
_TYPES_OF_A_LIST = 2  #: that it is one, and what it is of


class _Reader(gguf.GGUFReader):
    """One that does not read on behind the end of a file, where it would find as many nothings as a count claims."""

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = super()._get(offset, dtype, count, override_order)
        if len(found) < count:
            raise IndexError(f"it ends at byte {len(self.data)}, within what begins at {offset}")
        return found


def in_8_bits(source: Path, destination: Path) -> None:
    """Write `destination` from `source`, one tensor after the other; the same bytes on every machine.

    Raises ModelDamagedError when `source` is no GGUF file of which all matrices can be read, OSError when a file cannot
    be read or written.
    """
    try:
        reader = _Reader(source)
        field = reader.get_field(_ARCHITECTURE)
        architecture = None if field is None else str(field.contents())
    except (ValueError, IndexError, KeyError) as error:
        raise ModelDamagedError(f"{source} is not a whole GGUF file: {error}") from error
    if architecture is None:
        raise ModelDamagedError(f"{source} does not say what kind of model it is")
    strange = {tensor.tensor_type for tensor in reader.tensors} - _FEWER_BITS - _KEPT
    if strange:
        names = ", ".join(sorted(kind.name for kind in strange))
        raise ModelDamagedError(f"{source} has matrices that are not read here: {names}")
    for name, each in reader.fields.items():
        if each.types[0] == gguf.GGUFValueType.ARRAY and len(each.types) != _TYPES_OF_A_LIST:
            raise ModelDamagedError(f"{source} has a list that cannot be written again, empty or of lists: {name}")
    writer = gguf.GGUFWriter(destination, arch=architecture)
    writer.data_alignment = int(reader.alignment)  # as `general.alignment` says, which is copied
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
        value = int(gguf.LlamaFileType.MOSTLY_Q8_0) if name == _FILE_TYPE else _contents(field)
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], element)


def _contents(field: gguf.ReaderField) -> Any:
    """As `field.contents()`, but texts as bytes: a token may be half a letter."""
    if field.types[-1] != gguf.GGUFValueType.STRING:
        return field.contents()
    texts = [field.parts[i].tobytes() for i in field.data]
    return texts if field.types[0] == gguf.GGUFValueType.ARRAY else texts[0]
