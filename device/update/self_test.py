"""Does this release work here? `nearfield update --self-test`, called by the release that it may replace.

    run(load_settings())

The configuration that is here must be right for it, and the models must load: a sentence is spoken and recognised
again. One model at a time, for the old release may still have its own in memory.
"""

import numpy as np

from device.config import Settings
from device.errors import UpdateError

SENTENCE = "What is the capital of France?"
_WORD = "capital"


def run(settings: Settings) -> None:
    """Raises NearfieldError or ModelError: what does not work."""
    from device.assembly import load_chat_for, load_recogniser, load_vad, load_voice  # noqa: PLC0415 - the runtimes
    from device.persona import load_persona, settings_for  # noqa: PLC0415

    persona = load_persona(settings.persona)
    settings = settings_for(persona, settings)
    load_vad(settings)
    speech = load_voice(settings).speak(SENTENCE)
    if speech is None or not speech.pcm.any():
        raise UpdateError("the voice says nothing", hint="'nearfield say' tries it")
    heard = load_recogniser(settings).transcribe(speech.pcm.astype(np.float32) / 32768.0).text
    if settings.stt.language == "en" and _WORD not in heard.lower():
        raise UpdateError(f"it says {SENTENCE!r} and hears {heard!r}", hint="its models do not fit one another")
    load_chat_for(persona, settings)
