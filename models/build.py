"""What is done to fetched inputs until they are the files of a model.

    run_step("ct2-to-ggml-f16", staging, "ggml-tiny.en.bin")

A step works in the staging directory of a pull, on files that the catalogue has named: it replaces its inputs by its
result. All steps are deterministic, so that the result has a sha256 in the catalogue.
"""

import re
import shutil
from pathlib import Path

from models.catalog import Step
from models.errors import ModelDamagedError

_PART = re.compile(r"(?P<whole>.+)\.part(?P<number>\d+)")  #: not NAME.part, which is a download that stopped


def run_step(step: Step, staging: Path, model_name: str) -> None:
    """Carry out `step` in `staging`; `model_name` is the name of the model's main file.

    Raises ModelDamagedError when the inputs are not what the step works on, OSError when there is no room.
    """
    # the converters bring numpy, gguf and onnx: not loaded by those who only ask where a model is
    if step == "join-parts":
        _join_parts(staging)
    elif step == "piper-alignment":
        from models.piper_alignment import expose_alignment  # noqa: PLC0415

        patched = staging / f"{model_name}.patched"
        expose_alignment(_named(staging, model_name), patched)
        patched.replace(staging / model_name)
    elif step == "gguf-in-8-bits":
        from models.gguf_q8 import in_8_bits  # noqa: PLC0415

        source = _only(staging, ".gguf")
        written = staging / f"{model_name}.written"
        in_8_bits(source, written)
        source.unlink()
        written.replace(staging / model_name)
    else:
        from models.whisper_ggml import convert  # noqa: PLC0415

        source, vocabulary = _named(staging, "model.bin"), _vocabulary(staging)
        convert(source, vocabulary, staging / model_name, precision="q8_0" if step.endswith("q8_0") else "f16")
        source.unlink()
        vocabulary.unlink()


def _named(staging: Path, name: str) -> Path:
    if not (staging / name).is_file():
        raise ModelDamagedError(f"{staging} has no {name} to work on")
    return staging / name


def _only(staging: Path, suffix: str) -> Path:
    found = sorted(path for path in staging.iterdir() if path.suffix == suffix)
    if len(found) != 1:
        raise ModelDamagedError(f"{staging} has {len(found)} files '*{suffix}' where one is worked on")
    return found[0]


def _vocabulary(staging: Path) -> Path:
    for name in ("vocabulary.json", "vocabulary.txt"):
        if (staging / name).is_file():
            return staging / name
    raise ModelDamagedError(f"{staging} has no vocabulary to convert a Whisper model with")


def _join_parts(staging: Path) -> None:
    """Append NAME.part2, NAME.part3 ... to NAME.part1 and call it NAME."""
    parts: dict[str, list[tuple[int, Path]]] = {}
    for path in staging.iterdir():
        if match := _PART.fullmatch(path.name):
            parts.setdefault(match["whole"], []).append((int(match["number"]), path))
    for whole, numbered in parts.items():
        numbered.sort()
        if [number for number, _ in numbered] != list(range(1, len(numbered) + 1)):
            raise ModelDamagedError(f"a part of {staging / whole} is missing")
        first = numbered[0][1]
        with first.open("ab") as joined:
            for _, path in numbered[1:]:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
                path.unlink()
        first.replace(staging / whole)
