"""Patch a Piper voice so that it tells how many samples each phoneme takes.

    expose_alignment(Path("voice.onnx"), Path("patched.onnx"))

A VITS voice computes the length of each phoneme on its way to the audio; piper-tts reads it when the graph has it as
an output (`PiperVoice.synthesize(..., include_alignments=True)`). The patch is piper's own
(`piper.patch_voice_with_alignment`): it marks one tensor as an output and leaves the audio as it was.
"""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # comes with onnx, without types
from piper.patch_voice_with_alignment import add_alignment_output

from models.errors import ModelDamagedError


def expose_alignment(source: Path, destination: Path) -> None:
    """Write the voice `source` with the lengths of its phonemes as an output to `destination`.

    The same input gives the same bytes: fields are written in the order of their numbers, and ONNX has no maps.
    Raises ModelDamagedError when `source` is not a Piper voice; OSError when a file cannot be read or written.
    """
    try:
        voice = onnx.load(str(source))
        add_alignment_output(voice)
    except (DecodeError, ValueError) as error:
        raise ModelDamagedError(f"{source} is not a Piper voice: {error}") from None
    destination.write_bytes(voice.SerializeToString(deterministic=True))
