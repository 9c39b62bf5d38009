"""What a softer card plays, and what it says it played."""

import numpy as np
import pytest

from device.audio.playback_gain import with_playback_gain
from device.audio.virtual import VirtualCard


def test_what_sounds_is_softer_and_so_is_the_reference() -> None:
    speech = np.full(800, 10_000, np.int16)
    inner = VirtualCard(speed=20)
    far = []
    with with_playback_gain(inner, -6.0) as card:
        span = card.play(speech)
        inner.end_at(3200)
        while (block := card.read(1.0)) is not None:
            far.append(block.far)
    assert span.end - span.start == 800
    played = np.concatenate(far)
    assert int(played.max()) == round(10_000 * 10 ** (-6 / 20))
    assert np.count_nonzero(played) == 800
    assert np.array_equal(inner.recording()[1][160 : 160 + 2400], played[:2400])
    assert (card.name, card.rate_hz) == (inner.name, inner.rate_hz)


def test_at_0_db_it_is_the_card_itself() -> None:
    card = VirtualCard()
    assert with_playback_gain(card, 0.0) is card


@pytest.mark.parametrize("gain_db", [0.1, float("nan"), float("inf")])
def test_louder_is_refused(gain_db: float) -> None:
    with pytest.raises(ValueError, match="clip"):
        with_playback_gain(VirtualCard(), gain_db)
