"""The virtual rim for long utterances: what is decoded is what was said in that very stretch, each thing once.

rim = PlacedRim(...); rim.say(1000, 1400, "One"); rim.say(1400, 1900, "two.")
"""

from virtual_rim import VirtualRim

from models.protocols import Floats


class PlacedRim(VirtualRim):
    """A thing said belongs to the stretch that holds its middle: say long things in pieces."""

    def _words(self, audio: Floats) -> str:
        turn = self.talk._floor.turn
        decoding = None if turn is None else turn._listening._decoding  # what has just been asked for
        if decoding is None or len(audio) != decoding.stretch.end_sample - max(0, decoding.stretch.start_sample):
            return super()._words(audio)
        start, end = decoding.stretch.start_sample, decoding.stretch.end_sample
        return " ".join(s.text for s in self.said if s.text and start <= (s.start_sample + s.end_sample) // 2 < end)
