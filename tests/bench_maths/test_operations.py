"""Counting operations: known layers, and the shapes of a profile."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.operations import gflop, of_node, whisper_encoder


def node(name: str, inputs: list[list[int]], output: list[int]) -> dict[str, object]:
    return {
        "op_name": name,
        "input_type_shape": [{"float": shape} for shape in inputs],
        "output_type_shape": [{"float": output}],
    }


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (node("MatMul", [[2, 3, 4], [4, 5]], [2, 3, 5]), 2 * 3 * 5 * 4),
        (node("Gemm", [[3, 4], [4, 5], [5]], [3, 5]), 3 * 5 * 4),
        (node("Conv", [[1, 80, 100], [384, 80, 3], [384]], [1, 384, 100]), 384 * 100 * 80 * 3),
        (node("Conv", [[1, 64, 100], [64, 1, 5]], [1, 64, 96]), 64 * 96 * 5),  # one filter a channel
        (node("ConvTranspose", [[1, 256, 50], [256, 128, 16]], [1, 128, 400]), 256 * 50 * 128 * 16),
        (node("ConvInteger", [[1, 8, 10], [4, 8, 1]], [1, 4, 10]), 4 * 10 * 8),
        (node("LSTM", [[1, 1, 128], [1, 512, 128], [1, 512, 128]], [1, 1, 1, 128]), 2 * 512 * 128),
        (node("Relu", [[1, 8]], [1, 8]), 0),
        (node("Add", [[1, 8], [1, 8]], [1, 8]), 0),
    ],
)
def test_multiplications_of_a_node(args: dict[str, object], expected: int) -> None:
    assert of_node(args) == expected


def test_whisper_grows_faster_than_its_window() -> None:
    short, long = (whisper_encoder(n, width=384, layers=4) for n in (500, 1500))
    assert 3 * short < long < 9 * short
    assert gflop(500e6) == 1.0
