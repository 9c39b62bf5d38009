"""Any card on real PortAudio and ALSA: odd rates, several formats, two cards with two clocks, one direction only.

On virtual ALSA cards (tests/virtual_card). Each test runs in a process of its own.
"""

import numpy as np
import pytest
from virtual_card.probe import probe
from virtual_card.stage import AlsaStage

BLOCKS = """
def blocks_of(card, count):
    found = []
    while len(found) < count:
        found.append(card.read(5.0))
        if len(found) == 40: card.play(coloured_noise(1.0))
    return found

def sides(blocks):
    return np.concatenate([b.mic for b in blocks]), np.concatenate([b.far for b in blocks])
"""


@pytest.mark.parametrize(
    ("rate_hz", "sample_format"), [(8000, "auto"), (11_025, "int32"), (22_050, "float32"), (96_000, "int16")]
)
def test_a_card_of_any_rate_and_format_keeps_the_clock(alsa_stage: AlsaStage, rate_hz: int, sample_format: str) -> None:
    card = alsa_stage.add("vone", rate_hz=rate_hz)
    card.set_echo([0.0] * (rate_hz * 5 // 1000) + [0.5])  # 5 ms of air
    found = probe(
        alsa_stage,
        BLOCKS
        + f"""
with PortAudioCard("vone", "vone", sample_format={sample_format!r}) as card:
    blocks = blocks_of(card, 170)
    stats = card.stats()
mic, far = sides(blocks)
report(rate=card.rate_hz, lag=echo_lag(mic, far), offset=int(np.median([b.dac_sample - b.sample for b in blocks])),
       gaps=int(np.count_nonzero(np.diff([b.sample for b in blocks]) != 160)), format=card._mic.sample_format,
       xruns=stats.capture_overflows + stats.playback_underflows, end=max(b.played.end for b in blocks))
""",
    )
    assert found["rate"] == rate_hz
    assert found["format"] == ("int16" if sample_format == "auto" else sample_format)
    assert found["gaps"] == 0
    assert found["end"] == 16_000
    if not found["xruns"]:
        assert found["lag"] == pytest.approx(found["offset"] + 80, abs=2)


def test_two_cards_with_two_clocks(alsa_stage: AlsaStage) -> None:
    """The loudspeaker's card is 800 ppm fast, four times what cards are: four seconds show it."""
    alsa_stage.add("vone", rate_hz=16_000)
    loudspeaker = alsa_stage.add("vtwo", rate_hz=48_000, clock_ppm=800.0)
    found = probe(
        alsa_stage,
        """
with PortAudioCard("vone", "vtwo") as card:
    card.play(coloured_noise(3.0))
    blocks = []
    while len(blocks) < 400: blocks.append(card.read(5.0))
    stats = card.stats()
    drift = card.drift_ppm
report(one_clock=card.one_clock, drift=drift, rate=card.rate_hz, jumps=card._duplex.aligner.jumps,
       xruns=stats.capture_overflows + stats.playback_underflows, end=max(b.played.end for b in blocks),
       gaps=int(np.count_nonzero(np.diff([b.sample for b in blocks]) != 160)),
       sounding=int(np.count_nonzero([b.far.any() for b in blocks])))
""",
    )
    assert found["one_clock"] is False
    assert found["rate"] == 16_000
    assert found["gaps"] == 0
    assert found["end"] == 48_000
    assert np.count_nonzero(loudspeaker.played) > 140_000
    if not found["xruns"]:
        assert found["sounding"] >= 270
        assert 200 < found["drift"] < 1000


def test_a_microphone_alone_goes_on_and_a_loudspeaker_alone_plays(alsa_stage: AlsaStage) -> None:
    card = alsa_stage.add("vone", rate_hz=16_000)
    found = probe(
        alsa_stage,
        BLOCKS
        + """
staged("vone").say(np.full(48000, 1234, np.int16))
with PortAudioCard("vone", "none") as card:
    assert card.missing == "no loudspeaker: vone can only listen, so answers are shown and not spoken", card.missing
    blocks = blocks_of(card, 170)
mic, far = sides(blocks)
alone = dict(mic=int(mic.max()), far=int(np.abs(far).max()), played=max(b.played.end for b in blocks))
with PortAudioCard("none", "vone", mic_optional=True) as card:
    blocks = blocks_of(card, 170)
mic, far = sides(blocks)
report(alone=alone, mic=int(np.abs(mic).max()), far=int(np.abs(far).max()), played=max(b.played.end for b in blocks))
""",
    )
    assert found["alone"] == {"mic": 1234, "far": 0, "played": 16_000}
    assert found["mic"] == 0
    assert found["far"] > 1000
    assert found["played"] == 16_000
    assert np.count_nonzero(card.played) > 12_000
