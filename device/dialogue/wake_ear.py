"""The wake model behind the echo canceller: a word that the loudspeaker says is not heard.

    ear = WakeEar(model)
    for detection in ear.feed(clean, sample, person_likely=front_end.near_end_likely): ...

What an answer leaves in the clean microphone may still sound like "okay nabu". So a detection counts only if the ear
had evidence of a person while the word was said. Sans-IO.
"""

import logging

from models.protocols import SAMPLE_RATE_HZ, Int16s, WakeDetection, WakeModel

_log = logging.getLogger(__name__)

#: A wake word is detected within so much time from its first sound.
_WORD_SAMPLES = SAMPLE_RATE_HZ
#: So much of that, at least, must have had a person in it. A word lasts 0.5 s and more; one crack is no word.
_PERSON_SAMPLES = SAMPLE_RATE_HZ * 3 // 20


class WakeEar:
    """Feed it every block. One thread."""

    def __init__(self, model: WakeModel) -> None:
        self._model = model
        self._likely: list[tuple[int, int]] = []  # stretches [start, end) with a person, the newest last

    def feed(self, pcm: Int16s, sample: int, *, person_likely: bool) -> list[WakeDetection]:
        """`pcm`: (n,) int16, 16 kHz, from `sample` on, without the echo. Raises ModelRunError."""
        end = sample + pcm.size
        if person_likely:
            if self._likely and self._likely[-1][1] == sample:
                self._likely[-1] = (self._likely[-1][0], end)
            else:
                self._likely.append((sample, end))
        while self._likely and self._likely[0][1] <= end - _WORD_SAMPLES:
            self._likely.pop(0)
        found = self._model.feed(pcm, sample)
        if not found or self._person_samples(end) >= min(_PERSON_SAMPLES, end):
            return found
        _log.info("%s: said by the loudspeaker, not by a person", found[0].phrase)
        return []

    def _person_samples(self, end: int) -> int:
        since = end - _WORD_SAMPLES
        return sum(stop - max(start, since) for start, stop in self._likely)
