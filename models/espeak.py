"""espeak-ng behind Piper, without what it leaves behind. To be imported before a voice speaks.

piper-tts chooses the language of espeak-ng anew for every text, and each time espeak-ng keeps 1.4 KB for good
(piper-tts 1.8.0; 5,000 times: 6.5 MB). They lie between the buffers of the audio, which cannot be given back whole
then. The language is chosen once here, and again when it changes.
"""

from piper import espeakbridge

_choose = espeakbridge.set_voice
_chosen: list[str] = []


def _set_voice(voice: str) -> None:
    if _chosen != [voice]:
        _chosen.clear()  # should it fail it is not known which one is chosen
        _choose(voice)
        _chosen.append(voice)


espeakbridge.set_voice = _set_voice
