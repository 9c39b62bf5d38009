"""How many operations each stage of a turn takes: what an estimate for another machine starts from.

    nearfield bench operations [--json] [--set K=V]

Counted, not timed: the multiplications (and additions) of every convolution and matrix product of the ONNX graphs, with
the shapes that a run really has; for Whisper and the language model from their published sizes. The rest of a network
(activations, normalisations) is some per cent of that.
"""

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import onnxruntime

from bench.figures import show
from bench.options import Parser
from device.assembly import open_store
from device.cli.boundary import guarded
from device.config import load_settings
from models.errors import ModelMissingError

CLAUSE = "The capital of France is Paris."
PROMPT_TOKENS, REPLY_TOKENS = 25, 8  #: of a question behind a warm prefix; up to the end of a first clause

Inputs = dict[str, np.ndarray]


def main() -> int:
    parser = Parser(__doc__)
    parser.common()
    args = parser.parse_args()
    settings = load_settings(None, args.set)
    store = open_store(settings)
    silero = {
        "input": np.zeros((1, 576), np.float32),
        "state": np.zeros((2, 1, 128), np.float32),
        "sr": np.array(16_000, np.int64),
    }
    total: dict[str, object] = {
        "silero, 32 ms": gflop(multiplications(store.path(settings.vad.model), silero)),
        "whisper tiny.en encoder, 384 / 512 / 1500 positions": " / ".join(
            str(gflop(whisper_encoder(n, width=384, layers=4))) for n in (384, 512, 1500)
        ),
        "whisper base encoder, 384 / 512 / 1500 positions": " / ".join(
            str(gflop(whisper_encoder(n, width=512, layers=6))) for n in (384, 512, 1500)
        ),
        f"whisper tiny.en decoder, {15} tokens": gflop(15 * whisper_token(384, 4, 51_864)),
        f"SmolLM2-135M, {PROMPT_TOKENS} + {REPLY_TOKENS} tokens": gflop((PROMPT_TOKENS + REPLY_TOKENS) * 135e6),
        f"piper, {CLAUSE!r}": gflop(multiplications(store.path(settings.tts.voice), piper_inputs(store, settings))),
    }
    try:
        features = {"input_features": np.zeros((1, 80, 800), np.float32)}
        total["smart turn, 8 s"] = gflop(multiplications(store.path("smart-turn-v3.2"), features))
    except ModelMissingError as error:
        total["smart turn, 8 s"] = f"not here: {error.message}"
    show({f"{name}, GFLOP": value for name, value in total.items()}, as_json=args.json)
    return 0


def gflop(multiplications_: float) -> float:
    """A multiplication and its addition are two operations."""
    return round(2 * multiplications_ / 1e9, 4)


def whisper_encoder(positions: int, *, width: int, layers: int, mel_bands: int = 80) -> float:
    """Multiplications of one pass over `positions` (Radford 2022, table 1): two convolutions, then the layers."""
    front = 2 * positions * 3 * mel_bands * width + positions * 3 * width * width
    layer = positions * 12 * width * width + 2 * positions * positions * width
    return front + layers * layer


def whisper_token(width: int, layers: int, vocabulary: int) -> float:
    """Multiplications of one decoder token: self- and cross-attention, the wide layers, the word scores."""
    return layers * 14 * width * width + vocabulary * width


def piper_inputs(store: Any, settings: Any) -> Inputs:
    """What Piper's network gets for the clause; the ids of its phonemes as the voice makes them."""
    from piper import PiperConfig, PiperVoice  # noqa: PLC0415 - slow to import

    config = PiperConfig.from_dict(json.loads(store.path(settings.tts.voice, "config").read_text("utf-8")))
    voice = PiperVoice(session=None, config=config)  # type: ignore[arg-type]
    ids = [i for sentence in voice.phonemize(CLAUSE) for i in voice.phonemes_to_ids(sentence)]
    return {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array([config.noise_scale, config.length_scale, config.noise_w_scale], np.float32),
    }


def multiplications(graph: Path, inputs: Inputs) -> float:
    """Of one run of an ONNX graph, as onnxruntime's profile tells the shapes."""
    with tempfile.TemporaryDirectory(prefix="nearfield-bench-") as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        session.run(None, inputs)
        profile = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return sum(of_node(event["args"]) for event in profile if "output_type_shape" in event.get("args", {}))


def of_node(args: dict[str, Any]) -> float:
    """Multiplications of one node of a profile."""
    name = args["op_name"]
    inputs, outputs = shapes(args["input_type_shape"]), shapes(args["output_type_shape"])
    if len(inputs) < 2 or not outputs:
        return 0.0
    if "ConvTranspose" in name:  # weights: (in, out / groups, kernel); every input value meets all of them
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if "Conv" in name:  # weights: (out, in / groups, kernel)
        return math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if "MatMul" in name or name == "Gemm":
        return math.prod(outputs[0]) * inputs[0][-1]
    if name == "LSTM":  # weights: (1, 4 hidden, in), recurrence (1, 4 hidden, hidden); inputs (time, batch, in)
        return math.prod(inputs[0][:2]) * (math.prod(inputs[1]) + math.prod(inputs[2]))
    return 0.0


def shapes(told: list[dict[str, list[int]]]) -> list[list[int]]:
    """[{"float": [1, 80, 800]}, ...] -> [[1, 80, 800], ...]."""
    return [shape for each in told for shape in each.values()]


if __name__ == "__main__":
    sys.exit(guarded(main))
