"""The real path, PortAudio on ALSA, on a virtual ALSA card (tests/virtual_card) whose echo is exact to the sample."""

import numpy as np
import pytest
from virtual_card.alsa_card import AlsaCard
from virtual_card.probe import probe
from virtual_card.stage import AlsaStage


def make_card(stage: AlsaStage, rate_hz: int = 16_000) -> AlsaCard:
    """A card whose microphone hears its loudspeaker at half the level, 5 ms late."""
    card = stage.add("vcard", rate_hz=rate_hz)
    taps = np.zeros(1000, np.float32)
    taps[rate_hz * 5 // 1000] = 0.5
    card.set_echo(taps)
    return card


def test_nothing_is_lost_while_python_is_busy(alsa_stage: AlsaStage) -> None:
    """A sort and a garbage collection that hold the interpreter for tens of ms, while 3 s of sound are played."""
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
stop = threading.Event()
numbers = np.random.default_rng(1).random(100_000).tolist()
rubbish = [[i] for i in range(300_000)]
def sort():
    while not stop.is_set(): sorted(numbers)
def collect():
    while not stop.is_set(): gc.collect()
loads = [threading.Thread(target=sort), threading.Thread(target=collect)]
with PortAudioCard("vcard", "vcard") as card:
    for load in loads: load.start()
    blocks = []
    while len(blocks) < 450:
        blocks.append(card.read(5.0))
        if len(blocks) == 50: span = card.play(coloured_noise(3))
    stats = card.stats()
    stop.set()
far = np.concatenate([b.far for b in blocks]); mic = np.concatenate([b.mic for b in blocks])
lag = echo_lag(mic, far)
report(rate=card.rate_hz, lost=stats.capture_lost_samples, starved=stats.starved_samples,
       xruns=stats.capture_overflows + stats.playback_underflows,
       gaps=int(np.count_nonzero(np.diff([b.sample for b in blocks]) != 160)),
       offset=int(np.median([b.dac_sample - b.sample for b in blocks])), lag=lag,
       error=int(np.abs(mic[lag:] - np.rint(far[:len(far) - lag] * 0.5)).max()),
       end=blocks[-1].played.end, played=[b.played.end - b.played.start for b in blocks].count(160))
""",
    )
    assert found["rate"] == 16_000
    assert found["lost"] == 0
    assert found["gaps"] == 0
    assert found["starved"] == 0
    assert found["played"] == 300
    assert found["stderr"] == ""
    if found["xruns"]:  # the kernel did not run PortAudio's thread for 40 ms: no program can make up for that
        pytest.skip(f"the machine is overloaded: {found['xruns']} xruns of the driver")
    assert found["lag"] == pytest.approx(found["offset"] + 80, abs=1)  # DAC time and 5 ms of air
    assert found["error"] <= 1


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_a_card_with_another_rate_keeps_the_clock(alsa_stage: AlsaStage, rate_hz: int) -> None:
    make_card(alsa_stage, rate_hz)
    found = probe(
        alsa_stage,
        """
with PortAudioCard("vcard", "vcard") as card:
    blocks = []
    while len(blocks) < 150:
        blocks.append(card.read(5.0))
        if len(blocks) == 20: span = card.play(coloured_noise(0.5))
    stats = card.stats()
far = np.concatenate([b.far for b in blocks]); mic = np.concatenate([b.mic for b in blocks])
report(rate=card.rate_hz, lag=echo_lag(mic, far), offset=int(np.median([b.dac_sample - b.sample for b in blocks])),
       gaps=int(np.count_nonzero(np.diff([b.sample for b in blocks]) != 160)),
       xruns=stats.capture_overflows + stats.playback_underflows, end=max(b.played.end for b in blocks))
""",
    )
    assert found["rate"] == rate_hz
    assert found["gaps"] == 0
    assert found["end"] == 8000
    if not found["xruns"]:
        assert found["lag"] == pytest.approx(found["offset"] + 80, abs=2)


def test_flush_silences_the_loudspeaker_within_one_block(alsa_stage: AlsaStage) -> None:
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
with PortAudioCard("vcard", "vcard") as card:
    card.play(np.full(48000, 8000, np.int16))
    blocks = []
    for _ in range(50): blocks.append(card.read(5.0))
    served = card.stats().blocks
    card.flush()
    for _ in range(30): blocks.append(card.read(5.0))
sounding = [i for i, b in enumerate(blocks) if b.far.any()]
report(served=served, last=sounding[-1], ramp=int(np.count_nonzero(blocks[sounding[-1]].far)),
       span=blocks[sounding[-1]].played.end - blocks[sounding[-1]].played.start)
""",
    )
    # the block being served while `flush` is called may still be whole; the next one is the ramp
    assert found["last"] - found["served"] <= 1
    assert found["ramp"] <= 48
    assert found["span"] == 48


def test_a_lost_card_is_said_in_one_line_and_stop_comes_back(alsa_stage: AlsaStage) -> None:
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
card = PortAudioCard("vcard", "vcard")
card.start()
for _ in range(20): card.read(5.0)
staged().unplug(Loss.DISCONNECTED)
try:
    for _ in range(1000): card.read(5.0)
    message = ""
except AudioError as error:
    message = error.message
begun = time.monotonic()
card.stop(); card.stop()
report(message=message, stop_s=time.monotonic() - begun)
os._exit(0)
""",
    )
    assert "vcard has delivered nothing for" in found["message"]
    assert found["stop_s"] < 10


def test_a_busy_card_is_called_busy(alsa_stage: AlsaStage) -> None:
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
card = PortAudioCard("vcard", "vcard")
staged().set_busy()
try:
    card.start(); message = hint = ""
except AudioError as error:
    message, hint = error.message, error.hint
report(message=message, hint=hint)
""",
    )
    assert "vcard" in found["message"]
    assert "busy" in found["message"]
    assert "fuser" in found["hint"]
    assert found["stderr"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'vcard', 'vcard', rate_hz=44100", "vcard does not run at the rate"),
        ("'vcard', 'vcard', mic_channel=3", "channel 3 is not there"),
        ("'vcard', 'vcard', mic_channel=8", "no microphone channel 8"),
        ("'vcard', 'vcard', rate_hz=11026", "cannot run at 11026 Hz"),
        ("'trumpet', 'vcard'", "no microphone is called 'trumpet'"),
    ],
)
def test_what_the_card_cannot_do_is_said(alsa_stage: AlsaStage, arguments: str, message: str) -> None:
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        f"""
try:
    PortAudioCard({arguments}); message = hint = ""
except NoCardError as error:
    message, hint = error.message, error.hint
report(message=message, hint=hint)
""",
    )
    assert message in found["message"]
    assert found["hint"]


def test_a_card_can_be_started_again_with_a_new_clock(alsa_stage: AlsaStage) -> None:
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
card = PortAudioCard("vcard", "vcard")
firsts = []
for _ in range(2):
    with card:
        firsts.append(card.read(5.0).sample)
    idle = card.read(0.05)
report(firsts=firsts, idle=idle is None)
""",
    )
    assert found["firsts"] == [0, 0]
    assert found["idle"]


def test_a_card_that_waited_for_its_start_is_not_lost(alsa_stage: AlsaStage) -> None:
    """Models are loaded between the making of a card and its start."""
    make_card(alsa_stage)
    found = probe(
        alsa_stage,
        """
from device.audio.portaudio import LOST_AFTER_S
card = PortAudioCard("vcard", "vcard")
time.sleep(LOST_AFTER_S + 0.2)
with card:
    report(first=card.read(5.0).sample)
""",
    )
    assert found["first"] == 0
