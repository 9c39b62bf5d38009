"""The files of a Piper voice: opened, and told apart from what only looks like one.

voice, vocoder = open_piper(Path("joe.onnx"), Path("joe.onnx.json"), threads=0)
"""

import json
from pathlib import Path
from typing import Any

import models.espeak  # noqa: F401 - before a voice speaks

# isort: split
import piper
from piper.config import PiperConfig

from models.errors import ModelDamagedError, ModelMissingError
from models.process import worker_threads
from models.vits import Vocoder, open_vits


def open_piper(path: Path, config_path: Path, threads: int) -> tuple[Any, Vocoder | None]:
    """The voice `path` (.onnx) as a `piper.PiperVoice`, and its vocoder where it can be split (`open_vits`).

    `config_path`: its description; `threads`: 0 is min(2, cores). Raises ModelMissingError, ModelDamagedError.
    """
    if not config_path.is_file():
        raise ModelMissingError(f"no voice description {config_path}", hint="fetch it with 'nearfield models pull'")
    # more than two threads gain nothing on a network this small
    session, vocoder = open_vits(path, threads=worker_threads(threads, most=2))
    try:
        config = PiperConfig.from_dict(json.loads(config_path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelDamagedError(
            f"{config_path} is not the description of a Piper voice: {error!r}",
            hint="check it with 'nearfield models verify'",
        ) from error
    if "input" not in {i.name for i in session.get_inputs()}:
        raise ModelDamagedError(
            f"{path} is an ONNX model, but not a Piper voice", hint="check it with 'nearfield models verify'"
        )
    return piper.PiperVoice(session=session, config=config), vocoder
