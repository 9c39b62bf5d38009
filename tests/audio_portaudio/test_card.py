"""The real path, PortAudio on ALSA, on a virtual ALSA card whose echo is exact to the sample.

The card's source lies beside the repository (../shared/rig) and is built into a temporary folder; without it, or
without a compiler, these tests are skipped. Each runs in a process of its own: ALSA reads its configuration once.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RIG = ROOT.parent / "shared" / "rig"

PRELUDE = """
import gc, json, os, sys, threading, time
import numpy as np
sys.path[:0] = [os.environ["RIG"] + "/vcard"]
from vcard import VCard
from device.audio.portaudio import PortAudioCard
from device.errors import AudioError, NoCardError

def make_card(rate_hz, delay_ms=5, gain=0.5):
    v = VCard(os.environ["VCARD_SHM"], rate_hz, 60)
    ir = np.zeros(1000, np.float32)
    ir[rate_hz * delay_ms // 1000] = gain
    v.set_ir(ir)
    return v

def coloured_noise(seconds):
    raw = np.random.default_rng(0).normal(0, 3000, int(16000 * seconds))
    return np.convolve(raw, np.ones(8) / 8, "same").astype(np.int16)

def echo_lag(mic, far):
    size = 1 << 18
    c = np.fft.irfft(np.fft.rfft(mic.astype(float), size) * np.conj(np.fft.rfft(far.astype(float), size)))
    return int(np.argmax(c))

def report(**what):
    print("REPORT " + json.dumps(what), flush=True)
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (RIG / "vcard" / "pcm_vcard.c").exists():
        pytest.skip(f"the virtual ALSA card is not there: {RIG}")
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build the virtual ALSA card with")
    copy = tmp_path_factory.mktemp("rig") / "rig"
    shutil.copytree(RIG, copy)
    for path in copy.rglob("*"):
        path.chmod(0o755)
    copy.chmod(0o755)
    return copy


@pytest.fixture
def environment(rig: Path) -> Iterator[dict[str, str]]:
    shm = f"/dev/shm/nearfield_test_{os.getpid()}"
    env = {**os.environ, "VCARD_SHM": shm, "RIG": str(rig), "PYTHONPATH": str(ROOT)}
    set_up = subprocess.run([str(rig / "setup.sh")], env=env, capture_output=True, text=True, check=False)
    if set_up.returncode:
        pytest.skip(f"the virtual ALSA card does not build here: {set_up.stderr.strip()[-200:]}")
    for word in set_up.stdout.split(";")[0].split()[1:]:
        key, _, value = word.partition("=")
        env[key] = value
    yield env
    for left in Path("/dev/shm").glob(Path(shm).name + "*"):
        left.unlink()


def run(environment: dict[str, str], code: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("REPORT "))
    found["stderr"] = done.stderr
    return found


def test_nothing_is_lost_while_python_is_busy(environment: dict[str, str]) -> None:
    """A sort and a garbage collection that hold the interpreter for tens of ms, while 3 s of sound are played."""
    found = run(
        environment,
        """
make_card(16000)
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
def test_a_card_with_another_rate_keeps_the_clock(environment: dict[str, str], rate_hz: int) -> None:
    found = run(
        environment,
        f"""
make_card({rate_hz})
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


def test_flush_silences_the_loudspeaker_within_one_block(environment: dict[str, str]) -> None:
    found = run(
        environment,
        """
v = make_card(16000)
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


def test_a_lost_card_is_said_in_one_line_and_stop_comes_back(environment: dict[str, str]) -> None:
    found = run(
        environment,
        """
v = make_card(16000)
card = PortAudioCard("vcard", "vcard")
card.start()
for _ in range(20): card.read(5.0)
v.unplug(0)
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


def test_a_busy_card_is_called_busy(environment: dict[str, str]) -> None:
    found = run(
        environment,
        """
v = make_card(16000)
card = PortAudioCard("vcard", "vcard")
v.s.busy_mask = 3
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
def test_what_the_card_cannot_do_is_said(environment: dict[str, str], arguments: str, message: str) -> None:
    found = run(
        environment,
        f"""
make_card(16000)
try:
    PortAudioCard({arguments}); message = hint = ""
except NoCardError as error:
    message, hint = error.message, error.hint
report(message=message, hint=hint)
""",
    )
    assert message in found["message"]
    assert found["hint"]


def test_a_card_can_be_started_again_with_a_new_clock(environment: dict[str, str]) -> None:
    found = run(
        environment,
        """
make_card(16000)
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


def test_a_card_that_waited_for_its_start_is_not_lost(environment: dict[str, str]) -> None:
    """Models are loaded between the making of a card and its start."""
    found = run(
        environment,
        """
from device.audio.portaudio import LOST_AFTER_S
make_card(16000)
card = PortAudioCard("vcard", "vcard")
time.sleep(LOST_AFTER_S + 0.2)
with card:
    report(first=card.read(5.0).sample)
""",
    )
    assert found["first"] == 0
