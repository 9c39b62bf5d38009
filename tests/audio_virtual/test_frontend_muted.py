"""The echo canceller beside a muted microphone: it may neither learn from it nor let anything of before through."""

import numpy as np

from device.audio.frontend import FrontEnd
from device.card import BLOCK_SAMPLES, Block, Span
from models.protocols import Int16s

S = 16_000
MUTE_S, OPEN_S, END_S = 3, 5, 7


def level_db(pcm: Int16s) -> float:
    return float(10 * np.log10(np.mean(np.square(pcm.astype(float))) + 1e-9))


def test_what_was_learnt_of_the_room_outlives_a_mute_while_the_loudspeaker_speaks() -> None:
    rng = np.random.default_rng(1)
    size = END_S * S
    far = (rng.normal(0, 3000, size) * np.repeat(rng.uniform(0.1, 1, size // 1600), 1600)).astype(np.int16)
    room = rng.normal(0, 1, 1600) * np.exp(-np.arange(1600) / 300)
    echo = np.convolve(far, room * 0.5 / np.sqrt((room**2).sum()))[:size] + rng.normal(0, 5, size)
    microphone = np.clip(np.rint(echo), -32768, 32767).astype(np.int16)
    microphone[MUTE_S * S : OPEN_S * S] = 0
    out = []
    with FrontEnd(200) as front_end:
        for start in range(0, size, BLOCK_SAMPLES):
            stretch = slice(start, start + BLOCK_SAMPLES)
            muted = MUTE_S * S <= start < OPEN_S * S
            span = Span(start, start + BLOCK_SAMPLES)
            out.append(front_end.process(Block(start, microphone[stretch], far[stretch], span, start + 64, muted)))
        assert front_end.knows_the_room
    clean = np.concatenate(out)
    assert not clean[MUTE_S * S : OPEN_S * S + BLOCK_SAMPLES].any(), "nor the block that the canceller still held"
    settled = slice(OPEN_S * S + S // 4, OPEN_S * S + S)
    assert level_db(clean[settled]) < level_db(microphone[settled]) - 20
