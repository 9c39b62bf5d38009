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
from piper.const import BOS, EOS, PAD

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
    voice = piper.PiperVoice(session=session, config=config)
    _require_description(voice, config_path)
    return voice, vocoder


def _require_description(voice: Any, path: Path) -> None:
    """Refuse what Piper takes from `path` as it stands, and trips over at the first word."""
    try:
        _try_description(voice)
    except Exception as error:  # phonemizers raise whatever they like; those of some languages want packages of theirs
        raise ModelDamagedError(
            f"{path} describes a voice that cannot speak here: {error!r}",
            hint="check it with 'nearfield models verify'",
        ) from error


def _try_description(voice: Any) -> None:
    """Everything that is used of it later: numbers, phonemes, the language."""
    config = voice.config
    if config.sample_rate <= 0:
        raise ValueError(f"sample_rate {config.sample_rate}")
    _ = config.noise_scale * 1.0, config.noise_w_scale * 1.0
    _ = [len(config.phoneme_id_map[sign]) for sign in (BOS, PAD, EOS)]
    config.espeak_voice.startswith("en")
    voice.phonemize("a")
