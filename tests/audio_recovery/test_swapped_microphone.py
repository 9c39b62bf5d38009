"""A microphone that becomes another one while it runs: PortAudio on a virtual ALSA card whose clock runs fast."""

import numpy as np
import pytest
from virtual_card.probe import probe
from virtual_card.stage import AlsaStage

SPEED = 10  # half a minute of the card takes three seconds

WATCH = """
from device.audio.mic_health import MicHealth

alsa = staged()
usual = alsa.said.copy()

def another_source(begin):
    alsa.said[begin:] = np.clip(usual[begin:].astype(int) * 32, -32768, 32767)  # 30 dB louder

health, told, swapped, back = MicHealth(), [], 0, 0
with PortAudioCard("vcard", "vcard") as card:
    while (block := card.read(5.0)) is not None and block.sample < 130 * 16000:
        for news in health.feed(block.mic, block.sample):
            told.append((type(news).__name__, news.kind, news.sample, news.message))
        if not swapped and block.sample > 35 * 16000:
            another_source(alsa.now() + 1600)
            swapped = block.sample
        if not back and any(kind == "swapped" for _, kind, _, _ in told):
            begin = alsa.now() + 1600
            alsa.said[begin:] = usual[begin:]
            back = block.sample
        if told and told[-1][0] == "Cured":
            break
    report(told=told, swapped=swapped, back=back)
"""


def test_another_source_is_noticed_and_its_return_too(alsa_stage: AlsaStage) -> None:
    card = alsa_stage.add("vcard", rate_hz=16_000, seconds=400, clock_ppm=(SPEED - 1) * 1e6)
    rng = np.random.default_rng(4)
    card.said[:] = np.rint(rng.normal(0, 30, len(card.said))).astype(np.int16)
    found = probe(alsa_stage, WATCH)
    (trouble, kind, noticed, message), (cured, cured_kind, over, _) = found["told"]
    assert (trouble, kind, cured, cured_kind) == ("Trouble", "swapped", "Cured", "swapped")
    # three stretches of 10 s in a row; the one in which it was swapped need not count
    assert 20 <= (noticed - found["swapped"]) / 16_000 <= 41
    assert 0 < (over - found["back"]) / 16_000 <= 31
    change_db = int(message.split("changed by ")[1].split(" dB")[0])
    assert change_db == pytest.approx(30, abs=2)
