"""Any card on real PortAudio and ALSA: odd rates, several formats, two cards with two clocks, one direction only.

On the virtual ALSA card of ../shared/rig; skipped without it. Each test runs in a process of its own.
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
import json, os, sys
import numpy as np
sys.path[:0] = [os.environ["RIG"] + "/vcard"]
from vcard import VCard
from device.audio.portaudio import PortAudioCard

def make_card(which, rate_hz, ppm=0.0):
    v = VCard(os.environ["VCARD_SHM"] + which, rate_hz, 60, ppm)
    ir = np.zeros(1000, np.float32)
    ir[rate_hz * 5 // 1000] = 0.5
    v.set_ir(ir)
    return v

def coloured_noise(seconds):
    raw = np.random.default_rng(0).normal(0, 3000, int(16000 * seconds))
    return np.convolve(raw, np.ones(8) / 8, "same").astype(np.int16)

def lag_of(mic, far):
    size = 1 << 18
    c = np.fft.irfft(np.fft.rfft(mic.astype(float), size) * np.conj(np.fft.rfft(far.astype(float), size)))
    return int(np.argmax(c))

def blocks_of(card, count):
    found = []
    while len(found) < count:
        found.append(card.read(5.0))
        if len(found) == 40: card.play(coloured_noise(1.0))
    return found

def sides(blocks):
    return np.concatenate([b.mic for b in blocks]), np.concatenate([b.far for b in blocks])

def report(**what):
    print("REPORT " + json.dumps(what), flush=True)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (RIG / "vcard" / "pcm_vcard.c").exists():
        pytest.skip(f"the virtual ALSA card is not there: {RIG}")
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build the virtual ALSA card with")
    built = tmp_path_factory.mktemp("plugin") / "libasound_module_pcm_vcard.so"
    command = ["gcc", "-O2", "-fPIC", "-shared", "-DPIC", "-o", str(built), str(RIG / "vcard/pcm_vcard.c")]
    done = subprocess.run([*command, "-lasound", "-lm"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the virtual ALSA card does not build here: {done.stderr.strip()[-200:]}")
    return built


@pytest.fixture
def environment(plugin: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Two cards, "vone" and "vtwo"; which of them are there is for the test to say."""
    shm = f"/dev/shm/nearfield_any_{os.getpid()}"
    lines = [f'pcm_type.vcard {{ lib "{plugin}" }}']
    lines += [f'pcm.{name} {{ type vcard shm "{shm}{name}" channels 1 }}' for name in ("vone", "vtwo")]
    lines += ['pcm.default { type plug slave.pcm "vone" }']
    (tmp_path / "asoundrc").write_text("\n".join(lines) + "\n")
    yield {
        **{key: value for key, value in os.environ.items() if key not in ("PULSE_SERVER", "JACK_DEFAULT_SERVER")},
        "VCARD_SHM": shm,
        "ALSA_CONFIG_PATH": str(tmp_path / "asoundrc"),
        "RIG": str(RIG),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for left in Path("/dev/shm").glob(Path(shm).name + "*"):
        left.unlink()


def run(environment: dict[str, str], code: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("REPORT "))
    return found


@pytest.mark.parametrize(
    ("rate_hz", "sample_format"), [(8000, "auto"), (11_025, "int32"), (22_050, "float32"), (96_000, "int16")]
)
def test_a_card_of_any_rate_and_format_keeps_the_clock(
    environment: dict[str, str], rate_hz: int, sample_format: str
) -> None:
    found = run(
        environment,
        f"""
make_card("vone", {rate_hz})
with PortAudioCard("vone", "vone", sample_format={sample_format!r}) as card:
    blocks = blocks_of(card, 170)
    stats = card.stats()
mic, far = sides(blocks)
report(rate=card.rate_hz, lag=lag_of(mic, far), offset=int(np.median([b.dac_sample - b.sample for b in blocks])),
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


def test_two_cards_with_two_clocks(environment: dict[str, str]) -> None:
    """The loudspeaker's card is 800 ppm fast, four times what cards are: four seconds show it."""
    found = run(
        environment,
        """
a = make_card("vone", 16000)
b = make_card("vtwo", 48000, 800.0)
with PortAudioCard("vone", "vtwo") as card:
    card.play(coloured_noise(3.0))
    blocks = []
    while len(blocks) < 400: blocks.append(card.read(5.0))
    stats = card.stats()
    drift = card.drift_ppm
report(one_clock=card.one_clock, drift=drift, rate=card.rate_hz, jumps=card._duplex.aligner.jumps,
       xruns=stats.capture_overflows + stats.playback_underflows, end=max(b.played.end for b in blocks),
       gaps=int(np.count_nonzero(np.diff([b.sample for b in blocks]) != 160)),
       sounding=int(np.count_nonzero([b.far.any() for b in blocks])),
       heard=int(np.count_nonzero(b.play)))
""",
    )
    assert found["one_clock"] is False
    assert found["rate"] == 16_000
    assert found["gaps"] == 0
    assert found["end"] == 48_000
    assert found["heard"] > 140_000
    if not found["xruns"]:
        assert found["sounding"] >= 270
        assert 200 < found["drift"] < 1000


def test_a_microphone_alone_goes_on_and_a_loudspeaker_alone_plays(environment: dict[str, str]) -> None:
    found = run(
        environment,
        """
v = make_card("vone", 16000)
v.say(np.full(48000, 1234, np.int16))
with PortAudioCard("vone", "none") as card:
    assert card.missing == "no loudspeaker: vone can only listen, so answers are shown and not spoken", card.missing
    blocks = blocks_of(card, 170)
mic, far = sides(blocks)
alone = dict(mic=int(mic.max()), far=int(np.abs(far).max()), played=max(b.played.end for b in blocks))
with PortAudioCard("none", "vone", mic_optional=True) as card:
    blocks = blocks_of(card, 170)
mic, far = sides(blocks)
report(alone=alone, mic=int(np.abs(mic).max()), far=int(np.abs(far).max()), played=max(b.played.end for b in blocks),
       heard=int(np.count_nonzero(v.play)))
""",
    )
    assert found["alone"] == {"mic": 1234, "far": 0, "played": 16_000}
    assert found["mic"] == 0
    assert found["far"] > 1000
    assert found["played"] == 16_000
    assert found["heard"] > 12_000
