"""Runs a piece of Python as a program of its own on the staged cards, and hands back what it reports.

    found = probe(stage, 'with PortAudioCard("vcard", "vcard") as card: report(first=card.read(5.0).sample)')

A program each, because ALSA reads its configuration once a process, and because a lost card may hang what holds it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from virtual_card.stage import AlsaStage

ROOT = Path(__file__).resolve().parents[2]

_PRELUDE = """
import gc, json, os, sys, threading, time
from pathlib import Path
import numpy as np
from virtual_card.alsa_card import AlsaCard, Loss
from virtual_card.stage import FOLDER_KEY
from device.audio.portaudio import PortAudioCard
from device.errors import AudioError, NoCardError

def staged(name="vcard"):
    return AlsaCard(Path(os.environ[FOLDER_KEY]) / f"{name}.timeline")

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


def probe(stage: AlsaStage, code: str, timeout_s: float = 90.0) -> dict[str, Any]:
    """What `code` gave to `report(...)`, and under "stderr" what it wrote there."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))  # the project first: tests/ has folders of the same names
    done = subprocess.run(
        [sys.executable, "-c", _PRELUDE + code],
        env={**os.environ, **stage.environment, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("REPORT "))
    found["stderr"] = done.stderr
    return found
