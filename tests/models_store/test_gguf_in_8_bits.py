"""`models.gguf_q8`: what is written anew, what is left, and what is refused."""

import errno
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import pytest
from gguf import GGMLQuantizationType as Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.build import run_step
from models.errors import ModelDamagedError
from models.gguf_q8 import in_8_bits

MATRIX = np.linspace(-1.0, 2.0, 8 * 64, dtype=np.float32).reshape(8, 64)
TOKENS = ["<|im_end|>", "Ġthe", "café", ""]


def written(path: Path, tensors: dict[str, tuple[npt.NDArray[Any], Kind]], arch: str = "llama") -> Path:
    writer = gguf.GGUFWriter(path, arch)
    writer.add_uint32("llama.block_count", 30)
    writer.add_float32("llama.rope.freq_base", 100_000.0)
    writer.add_file_type(int(gguf.LlamaFileType.MOSTLY_Q4_1))
    writer.add_bool("tokenizer.ggml.add_bos_token", val=False)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 1, 1, 1])
    writer.add_quantization_version(2)
    for name, (values, kind) in tensors.items():
        data = values if kind in (Kind.F32, Kind.F16) else gguf.quants.quantize(values, kind)
        writer.add_tensor(name, data, raw_dtype=None if kind in (Kind.F32, Kind.F16) else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def fields(path: Path) -> dict[str, tuple[list[gguf.GGUFValueType], Any]]:
    found = gguf.GGUFReader(path).fields.items()
    return {name: (field.types, field.contents()) for name, field in found if not name.startswith("GGUF.")}


def tensors(path: Path) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    half = MATRIX.astype(np.float16)
    kinds = {"q4_0": Kind.Q4_0, "q4_1": Kind.Q4_1, "q5_0": Kind.Q5_0, "q5_1": Kind.Q5_1, "q8_0": Kind.Q8_0}
    many = {name: (MATRIX, kind) for name, kind in kinds.items()}
    norm = np.arange(7, dtype=np.float32)
    return written(tmp_path / "a.gguf", {**many, "norm": (norm, Kind.F32), "half": (half, Kind.F16)})


def test_it_says_of_itself_what_it_said_before_but_how_it_is_stored(source: Path, tmp_path: Path) -> None:
    in_8_bits(source, tmp_path / "b.gguf")
    before, after = fields(source), fields(tmp_path / "b.gguf")
    assert list(after) == list(before)
    assert {name for name in before if before[name] != after[name]} == {"general.file_type"}
    assert after["general.file_type"][1] == gguf.LlamaFileType.MOSTLY_Q8_0
    assert after["tokenizer.ggml.tokens"][1] == TOKENS


def test_matrices_have_8_bits_and_the_rest_is_left(source: Path, tmp_path: Path) -> None:
    in_8_bits(source, tmp_path / "b.gguf")
    before, after = tensors(source), tensors(tmp_path / "b.gguf")
    assert list(after) == list(before)
    for name, tensor in after.items():
        assert tensor.shape.tolist() == before[name].shape.tolist()
        if name in ("norm", "half", "q8_0"):
            assert tensor.tensor_type == before[name].tensor_type
            assert np.array_equal(tensor.data, before[name].data)
        else:
            assert tensor.tensor_type == Kind.Q8_0


def test_the_same_bytes_each_time(source: Path, tmp_path: Path) -> None:
    for name in ("b.gguf", "c.gguf"):
        in_8_bits(source, tmp_path / name)
    assert (tmp_path / "b.gguf").read_bytes() == (tmp_path / "c.gguf").read_bytes()


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, (3, 64), elements=st.floats(-8, 8, width=16, allow_subnormal=False)),
    st.sampled_from([Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1]),
)
def test_no_weight_moves_by_more_than_its_block_allows(
    tmp_path_factory: pytest.TempPathFactory, weights: npt.NDArray[np.float32], kind: Kind
) -> None:
    folder = tmp_path_factory.mktemp("gguf")
    source = written(folder / "a.gguf", {"weights": (weights, kind)})
    in_8_bits(source, folder / "b.gguf")
    before, after = (
        gguf.quants.dequantize(found.data, found.tensor_type).reshape(-1, 32)
        for found in (tensors(source)["weights"], tensors(folder / "b.gguf")["weights"])
    )
    largest = np.abs(before).max(axis=1, keepdims=True)
    # half a step of 127; and the scale is a half float: 11 bits, fewer below 6e-5
    assert (np.abs(after - before) <= largest * (0.5 / 127 + 2**-11) + 127 * 2**-25).all()


def test_what_is_not_whole_is_refused(source: Path, tmp_path: Path) -> None:
    whole = source.read_bytes()
    broken = tmp_path / "broken.gguf"
    for content in (b"", b"GGUF", b"no model" * 100, whole[: len(whole) // 4], whole[:-4000]):
        broken.write_bytes(content)
        with pytest.raises(ModelDamagedError, match=re.escape(str(broken))):
            in_8_bits(broken, tmp_path / "b.gguf")
        assert not (tmp_path / "b.gguf").exists()


def test_a_kind_of_matrix_that_is_not_known_here_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(source, "llama")
    writer.add_tensor("w", np.zeros((2, 210), np.uint8), raw_shape=(2, 210), raw_dtype=Kind.Q6_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelDamagedError, match="Q6_K"):
        in_8_bits(source, tmp_path / "b.gguf")


def test_as_a_step_it_takes_the_one_file_that_is_there(source: Path, tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    source.replace(staging / "Model.Q4_1.gguf")
    run_step("gguf-in-8-bits", staging, "Model.Q8_0.gguf")
    assert [path.name for path in staging.iterdir()] == ["Model.Q8_0.gguf"]
    assert tensors(staging / "Model.Q8_0.gguf")["q4_1"].tensor_type == Kind.Q8_0
    (staging / "Another.gguf").write_bytes(b"")
    with pytest.raises(ModelDamagedError, match="2 files"):
        run_step("gguf-in-8-bits", staging, "Model.Q8_0.gguf")


#: Writes a file where none may become longer than 100 kB, as on a disk that is full.
_NO_ROOM = """
import resource, sys
from pathlib import Path
from models.gguf_q8 import in_8_bits

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    in_8_bits(Path(sys.argv[1]), Path(sys.argv[2]))
except OSError as error:
    print(error.errno)
"""


def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    """In the middle of a matrix numpy tells only that less was written than it had."""
    large = written(tmp_path / "large.gguf", {"token_embd.weight": (np.ones((512, 256), np.float32), Kind.F32)})
    command = [sys.executable, "-c", _NO_ROOM, str(large), str(tmp_path / "full.gguf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{errno.ENOSPC}\n"


def test_tensors_lie_where_the_file_says_that_they_do(tmp_path: Path) -> None:
    """`general.alignment` is copied with all else that the file says of itself."""
    source = tmp_path / "a.gguf"
    writer = gguf.GGUFWriter(source, "llama")
    writer.add_custom_alignment(256)
    for name in ("first", "second"):
        writer.add_tensor(name, gguf.quants.quantize(MATRIX[:3], Kind.Q4_1), raw_dtype=Kind.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    in_8_bits(source, tmp_path / "b.gguf")
    before, after = tensors(source), tensors(tmp_path / "b.gguf")
    for name, tensor in after.items():
        was = gguf.quants.dequantize(before[name].data, Kind.Q4_1)
        assert np.allclose(gguf.quants.dequantize(tensor.data, Kind.Q8_0), was, atol=0.02)


def _with_field(whole: bytes, field: bytes, path: Path) -> Path:
    """`whole`, the bytes of a GGUF file, with one more field in front of the others."""
    path.write_bytes(whole)
    reader = gguf.GGUFReader(path)
    last = reader.tensors[-1].field
    ends = last.offset + sum(part.nbytes for part in last.parts)
    (count,) = struct.unpack_from("<Q", whole, 16)
    head = whole[:16] + struct.pack("<Q", count + 1) + field + whole[24:ends]
    path.write_bytes(head + bytes(-len(head) % 32) + whole[reader.data_offset :])
    return path


def _field(name: bytes, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name + value


ARRAY, STRING, UINT32 = 9, 8, 4


def test_a_text_that_is_not_utf_8_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    """Tokens are bytes, and some models have one that is half a letter."""
    text = struct.pack("<IQ", STRING, 2) + b"\xc3\xff"
    tokens = struct.pack("<IIQQ", ARRAY, STRING, 1, 2) + b"\xc3\xff"
    odd = _with_field(source.read_bytes(), _field(b"odd.text", text), tmp_path / "odd.gguf")
    odd = _with_field(odd.read_bytes(), _field(b"odd.tokens", tokens), odd)
    in_8_bits(odd, tmp_path / "b.gguf")
    after = gguf.GGUFReader(tmp_path / "b.gguf").fields
    assert bytes(after["odd.text"].parts[-1]) == bytes(after["odd.tokens"].parts[-1]) == b"\xc3\xff"


@pytest.mark.parametrize(
    "field",
    [
        _field(b"general.tags", struct.pack("<IIQ", ARRAY, STRING, 0)),
        _field(b"nested", struct.pack("<IIQIQI", ARRAY, ARRAY, 1, UINT32, 1, 7)),
        _field(b"llama.block_count", struct.pack("<II", UINT32, 30)),
        _field(b"general.architecture", struct.pack("<IQ", STRING, 1) + b"\xff"),
    ],
    ids=["an empty list", "a list of lists", "one that is there twice", "an architecture that is no text"],
)
def test_a_field_that_cannot_be_written_again_is_refused(source: Path, tmp_path: Path, field: bytes) -> None:
    whole = source.read_bytes()
    if b"general.architecture" in field:
        whole = whole.replace(b"general.architecture", b"general.arChitecture")
    odd = _with_field(whole, field, tmp_path / "odd.gguf")
    with pytest.raises(ModelDamagedError, match=r"odd\.gguf"):
        in_8_bits(odd, tmp_path / "b.gguf")
    assert not (tmp_path / "b.gguf").exists()


#: Reads a file with little memory: a list of as many elements as a damaged count claims would not fit.
_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from models.errors import ModelDamagedError
from models.gguf_q8 import in_8_bits

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
try:
    in_8_bits(Path(sys.argv[1]), Path(sys.argv[2]))
except ModelDamagedError:
    print("damaged")
"""


def test_a_damaged_count_takes_no_memory(source: Path, tmp_path: Path) -> None:
    whole = source.read_bytes()
    odd = _with_field(whole, _field(b"list", struct.pack("<IIQ", ARRAY, UINT32, 1) + bytes(4)), tmp_path / "odd.gguf")
    content = bytearray(odd.read_bytes())
    begins = content.index(b"list") + 4 + struct.calcsize("<IIQ")
    struct.pack_into("<Q", content, begins - 8, 1 << 40)
    odd.write_bytes(content[: begins + (len(content) - begins) // 4 * 4])
    command = [sys.executable, "-c", _LITTLE_MEMORY, str(odd), str(tmp_path / "b.gguf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "damaged\n", done.stderr[-500:]
