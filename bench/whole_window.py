"""Whisper as it comes: whole files, the whole window of 30 s, its own fallbacks. What the adapter is compared with.

hear = whole_window(settings)
text = hear(audio)                # (n,) float32 at 16 kHz
"""

from collections.abc import Callable

import models.process

# isort: split
from pywhispercpp.model import Model

from device.assembly import open_store
from device.config import Settings
from models.protocols import Floats


def whole_window(settings: Settings, model: str | None = None) -> Callable[[Floats], str]:
    """The recogniser of the configuration, or the model of that id. Raises ModelError."""
    whole = Model(
        str(open_store(settings).path(model or settings.stt.model)),
        redirect_whispercpp_logs_to=None,
        n_threads=models.process.worker_threads(0, most=4),
        language=settings.stt.language,
        print_progress=False,
        print_timestamps=False,
    )
    return lambda audio: " ".join(segment.text for segment in whole.transcribe(audio, audio_ctx=0))
