"""The signal of a card that is back."""

import numpy as np

from device.audio.earcons import LEVEL_DB, card_back


def test_it_is_short_rises_and_does_not_click() -> None:
    pcm = card_back()
    assert pcm.dtype == np.int16
    assert pcm.size == 2880
    assert abs(20 * np.log10(np.abs(pcm.astype(float)).max() / 32768) - LEVEL_DB) < 0.2
    assert np.abs(np.diff(pcm.astype(int))).max() < 32768 * 10 ** (LEVEL_DB / 20) * 0.6  # no step beyond the sine's own
    assert abs(int(pcm[0])) + abs(int(pcm[-1])) < 20
    tones = [np.argmax(np.abs(np.fft.rfft(half, 16_000))) for half in np.split(pcm.astype(float), 2)]
    assert abs(tones[0] - 880) < 12
    assert abs(tones[1] - 1175) < 12
