"""`models.ct2`: whole files are read, all others are refused with a message."""

import struct
from pathlib import Path

import numpy as np
import pytest
from ct2_files import ct2_bytes
from hypothesis import given
from hypothesis import strategies as st

from models.ct2 import open_ct2
from models.errors import ModelDamagedError

TENSORS = {
    "encoder/conv1/weight": np.arange(24, dtype=np.float16).reshape(2, 4, 3),
    "decoder/bias": np.array([1.5, -2.5], np.float32),
    "encoder/num_heads": np.array([6], np.int16),
    "decoder/quantised": np.array([[-128, 127]], np.int8),
}
WHOLE = ct2_bytes(TENSORS, {"decoder/projection": "decoder/bias"})


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_reads_back_names_shapes_types_and_values(tmp_path: Path) -> None:
    with open_ct2(write(tmp_path / "model.bin", WHOLE)) as model:
        assert (model.spec, model.revision) == ("WhisperSpec", 3)
        assert list(model.tensors) == list(TENSORS)
        for name, expected in TENSORS.items():
            assert model.tensor(name).dtype == expected.dtype
            np.testing.assert_array_equal(model.tensor(name), expected)


def test_an_alias_is_the_tensor_it_stands_for(tmp_path: Path) -> None:
    with open_ct2(write(tmp_path / "model.bin", WHOLE)) as model:
        np.testing.assert_array_equal(model.tensor("decoder/projection"), TENSORS["decoder/bias"])


def test_a_tensor_may_outlive_the_file(tmp_path: Path) -> None:
    with open_ct2(write(tmp_path / "model.bin", WHOLE)) as model:
        kept = model.tensor("decoder/bias")
    assert kept.tolist() == [1.5, -2.5]


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    with open_ct2(write(tmp_path / "m.bin", WHOLE)) as model, pytest.raises(ModelDamagedError, match="conv9"):
        model.tensor("encoder/conv9/weight")


@given(length=st.integers(0, len(WHOLE) - 1))
def test_every_truncation_is_a_damaged_model(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = write(tmp_path_factory.getbasetemp() / "cut.bin", WHOLE[:length])
    with pytest.raises(ModelDamagedError, match=r"cut\.bin"), open_ct2(path):
        pass


@given(data=st.binary(max_size=300))
def test_noise_after_a_good_version_never_gets_past_as_anything_but_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "noise.bin", struct.pack("<I", 6) + data)
    try:
        with open_ct2(path) as model:
            assert all(tensor.size for tensor in model.tensors.values())
    except ModelDamagedError as error:
        assert "noise.bin" in error.message


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (struct.pack("<I", 5) + WHOLE[4:], "version 6"),
        (b"GGUF" + WHOLE[4:], "version 6"),
        (WHOLE.replace(struct.pack("<II", 3, 4), struct.pack("<II", 3, 1 << 30)), "claims"),
        (WHOLE.replace(struct.pack("<BI", 4, 48), struct.pack("<BI", 9, 48)), "type 9"),
        (WHOLE.replace(struct.pack("<BI", 4, 48), struct.pack("<BI", 4, 46)), "46 bytes"),
        (WHOLE.replace(b"encoder/conv1", b"\xff\xfe\xfdoder/conv1"), "not text"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, data: bytes, says: str) -> None:
    assert data != WHOLE
    with pytest.raises(ModelDamagedError, match=says), open_ct2(write(tmp_path / "m.bin", data)):
        pass
