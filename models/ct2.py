"""Read the weights of a CTranslate2 model file.

    with open_ct2(Path("model.bin")) as model:
        model.tensors["encoder/conv1/weight"].shape  # (384, 80, 3)

The file is one sequence of little-endian records (CTranslate2 `model_spec.py`, `_serialize`, binary version 6):
u32 binary version, string spec name, u32 spec revision, u32 number of variables, then for each variable string
name, u8 rank, u32 x rank dimensions, u8 type, u32 bytes, data; at the end u32 number of aliases and that many
string pairs. A string is u16 length (with its closing NUL) and that many bytes. The file is mapped, not read:
tensors are views of the mapping and cost no memory until they are touched.
"""

import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelDamagedError

BINARY_VERSION = 6
MAX_VARIABLES = 100_000  #: far above any model; a damaged count must not make us loop for minutes
MAX_RANK = 8

Tensor = npt.NDArray[Any]

#: CTranslate2's DataType enumeration, as far as Whisper models use it
_DTYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True)
class Ct2Model:
    """What a CTranslate2 file holds. The tensors are read-only views that live as long as the file is open."""

    path: Path
    spec: str  #: e.g. "WhisperSpec"
    revision: int
    tensors: dict[str, Tensor]  #: name -> array; a scalar is an array of shape (1,)
    aliases: dict[str, str]  #: name -> name of the tensor that it shares

    def tensor(self, name: str) -> Tensor:
        """The tensor called `name`. Raises ModelDamagedError if the file has none."""
        try:
            return self.tensors[self.aliases.get(name, name)]
        except KeyError:
            raise ModelDamagedError(f"{self.path} has no tensor {name!r}; it is not a Whisper model") from None


class _Cursor:
    """Bounds-checked reads from a buffer."""

    def __init__(self, buffer: memoryview, path: Path) -> None:
        self._buffer = buffer
        self._path = path
        self._at = 0

    def take(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._buffer):
            raise ModelDamagedError(
                f"{self._path} is cut short: {count} bytes wanted at {self._at}, the file has {len(self._buffer)}"
            )
        piece = self._buffer[self._at : end]
        self._at = end
        return piece

    def unsigned(self, code: str) -> int:
        (value,) = struct.unpack("<" + code, self.take(struct.calcsize(code)))
        return int(value)

    def string(self) -> str:
        raw = bytes(self.take(self.unsigned("H")))
        try:
            return raw.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise ModelDamagedError(f"{self._path} is altered: a name near byte {self._at} is not text") from None


@contextmanager
def open_ct2(path: Path) -> Iterator[Ct2Model]:
    """Map the model file at `path`.

    Raises ModelDamagedError when the file is empty, truncated, of another binary version, or when its lengths
    contradict each other; OSError when it cannot be opened.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ModelDamagedError(f"{path} is empty")
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # The views keep the mapping alive: it goes with the last of them, hence no close() here, which would
    # raise BufferError if the caller still held a tensor.
    yield _parse(memoryview(mapping), path)


def _parse(buffer: memoryview, path: Path) -> Ct2Model:
    cursor = _Cursor(buffer, path)
    version = cursor.unsigned("I")
    if version != BINARY_VERSION:
        raise ModelDamagedError(f"{path} is not a CTranslate2 model of version {BINARY_VERSION} (it says {version})")
    spec = cursor.string()
    revision = cursor.unsigned("I")
    count = cursor.unsigned("I")
    if count > MAX_VARIABLES:
        raise ModelDamagedError(f"{path} is altered: it claims {count} tensors")
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name = cursor.string()
        tensors[name] = _read_tensor(cursor, name, path)
    aliases: dict[str, str] = {}
    for _ in range(min(cursor.unsigned("I"), MAX_VARIABLES)):
        alias = cursor.string()
        aliases[alias] = cursor.string()
    return Ct2Model(path, spec, revision, tensors, aliases)


def _read_tensor(cursor: _Cursor, name: str, path: Path) -> Tensor:
    rank = cursor.unsigned("B")
    if rank > MAX_RANK:
        raise ModelDamagedError(f"{path} is altered: tensor {name!r} has rank {rank}")
    shape = tuple(cursor.unsigned("I") for _ in range(rank)) or (1,)
    code = cursor.unsigned("B")
    dtype = _DTYPES.get(code)
    if dtype is None:
        raise ModelDamagedError(f"{path}: tensor {name!r} is of type {code}, which is not supported")
    size = cursor.unsigned("I")
    if size != math.prod(shape) * dtype.itemsize:
        raise ModelDamagedError(f"{path} is altered: tensor {name!r} of shape {shape} cannot have {size} bytes")
    return np.frombuffer(cursor.take(size), dtype).reshape(shape)
