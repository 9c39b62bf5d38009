"""Whole-program tests: the command itself, the real models, speech made on the spot."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from alsa_session import RATE_HZ, Session, small_room
from nearfield_command import Command, Done
from virtual_card.stage import AlsaStage

from dsp.resample import resample
from models.protocols import Int16s


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The caller's environment, with state and configuration in a place of their own; models where they are."""
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NEARFIELD_")}
    watched = Path(__file__).parent / "watched"
    return {
        **kept,
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(watched), kept.get("PYTHONPATH")])),
        "NETWORK_LOG": str(home / "network.log"),
    }


@pytest.fixture(scope="session")
def nearfield(environment: dict[str, str]) -> Command:
    def run(*args: object, timeout_s: float = 120, cwd: Path | None = None) -> Done:
        command = [sys.executable, "-m", "device.cli.main", *map(str, args)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=environment, cwd=cwd, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def spoken(steady_voice: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A question as a recording: the voice a little higher, and half a second of silence on both sides.

    The same in every run: with Piper's variation one "Huh?" of a hundred is "Earth." to the recogniser.
    """
    folder = tmp_path_factory.mktemp("spoken")
    made: dict[str, Path] = {}

    def say(text: str) -> Path:
        if text not in made:
            pcm: Int16s = resample(steady_voice.speak(text).pcm, 17_920, 16_000)
            made[text] = folder / f"{len(made)}.wav"
            soundfile.write(made[text], pcm, 16_000, subtype="PCM_16")
        return made[text]

    return say


@pytest.fixture
def session(alsa_stage: AlsaStage, environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    card = alsa_stage.add("vcard", rate_hz=RATE_HZ, seconds=300)
    card.set_echo(small_room(-15))
    made = Session(card, {**environment, **alsa_stage.environment}, tmp_path)
    yield made
    made.kill()
