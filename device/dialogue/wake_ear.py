"""The wake model behind the echo canceller: a word that the loudspeaker says is not heard.

    ear = WakeEar(model)
    for detection in ear.feed(clean, sample, far=block.far, far_sample=block.sample): ...

What an answer leaves in the clean microphone may still sound like "okay nabu", most of all before the room is known.
So a second, readier model listens to what the loudspeaker is given: a word that was said there a moment ago is not a
person's. (Evidence of a person by the level, as for interruptions, was tried in its place: it comes and goes within a
word, and lost every other one that was said over an answer; docs/wake.md.) Sans-IO.
"""

import logging

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s, WakeDetection, WakeModel

_log = logging.getLogger(__name__)

#: What the loudspeaker is given is heard so much later at most: a buffer of 440 ms, an echo, a doubtful model.
_ECHO_SAMPLES = SAMPLE_RATE_HZ
#: The loudspeaker is listened to for so long behind its last sound: a word is known only behind its end.
_HANGOVER_SAMPLES = SAMPLE_RATE_HZ
_QUIET_PEAK = 8  # of 32,768: what is softer is no sound


class WakeEar:
    """Feed it every block. One thread."""

    def __init__(self, model: WakeModel) -> None:
        self._model = model
        self._far_model = model.far_end()
        self._sounded_until = -_HANGOVER_SAMPLES  # end of the loudspeaker's last sound
        self._own: dict[str, int] = {}  # when the loudspeaker last said which word

    def feed(self, pcm: Int16s, sample: int, *, far: Int16s, far_sample: int) -> list[WakeDetection]:
        """`pcm`: (n,) int16, 16 kHz, from `sample` on, without the echo.

        `far`: (n,) int16, the newest that the loudspeaker was given, at `far_sample`. Raises ModelRunError.
        """
        end = far_sample + far.size
        if far.size and int(np.abs(far.astype(np.int32)).max()) > _QUIET_PEAK:
            self._sounded_until = end
        if end - self._sounded_until < _HANGOVER_SAMPLES:
            for own in self._far_model.feed(far, far_sample):
                self._own[own.word] = own.end_sample
        return [each for each in self._model.feed(pcm, sample) if not self._is_own(each)]

    def _is_own(self, found: WakeDetection) -> bool:
        said = self._own.get(found.word)
        own = said is not None and found.end_sample - said < _ECHO_SAMPLES
        if own:
            _log.debug("%s: said by the loudspeaker, not by a person", found.phrase)
        return own
