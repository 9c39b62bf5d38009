"""The words of an answer for whoever reads along while it sounds.

    along = ReadAlong(turn=1)
    along.played(dac_sample, ledger)        # [Spoken(..., heard="The capital of")], mostly nothing

Told when a word is complete, ten times a second at most: looking words up is not free, and nobody reads faster.
Sans-IO.
"""

from device.dialogue.events import Spoken
from device.dialogue.ledger import PlayoutLedger
from models.protocols import SAMPLE_RATE_HZ

EVERY_SAMPLES = SAMPLE_RATE_HZ // 10


class ReadAlong:
    """Of one answer."""

    def __init__(self, turn: int) -> None:
        self._turn = turn
        self._heard = ""
        self._not_before = 0

    def played(self, dac_sample: int, ledger: PlayoutLedger) -> list[Spoken]:
        """Every block, once the ledger has it; it goes to the converter at `dac_sample`."""
        last = ledger.last_dac_sample
        if last is None or dac_sample < self._not_before or last <= dac_sample:  # nothing of it sounds now
            return []
        self._not_before = dac_sample + EVERY_SAMPLES
        if (heard := ledger.heard) == self._heard:
            return []
        self._heard = heard
        return [Spoken(last, self._turn, heard)]
