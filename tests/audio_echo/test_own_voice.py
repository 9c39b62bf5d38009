"""Piper through a room, as loud as a person, and the real detector: it never interrupts itself, a person does."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from echo_world import blocks, noise, through, to_int16

from device.audio.files import load_audio
from device.audio.frontend import FrontEnd
from device.audio.measure import speech_rms
from device.audio.rooms import synthetic_room
from device.dialogue.endpointer import Endpointer, EndpointPolicy, Onset
from device.dialogue.voice_meter import VoiceMeter
from models.protocols import SAMPLE_RATE_HZ, Int16s

NEAR_RMS = 1600.0  # -26 dBFS
#: The loudspeaker sounds without a pause, and long enough for the filter to have learnt the room at the half.
ANSWER = (
    "The rain will stop in the afternoon, and then it will be warm and sunny for the rest of the day. "
    "Tomorrow there are clouds in the morning, with a light wind from the west. "
    "On Sunday you may want to take an umbrella with you when you leave the house."
)
QUESTION = "Wait a moment, please. What about the weather on Monday?"


@pytest.fixture(scope="module")
def far(steady_voice: Any) -> Int16s:
    """What the loudspeaker plays, (n,) int16."""
    pcm: Int16s = steady_voice.speak(ANSWER).pcm
    return pcm


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Int16s:
    """Another voice than the assistant's, (n,) int16; skips without espeak-ng."""
    wav: Path = tmp_path_factory.mktemp("person") / "question.wav"
    try:
        subprocess.run(["espeak-ng", "-v", "en+f3", "-w", str(wav), QUESTION], check=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("espeak-ng is not installed")
    return at_level(load_audio(wav))


def at_level(pcm: Int16s) -> Int16s:
    return to_int16(pcm * (NEAR_RMS / speech_rms(pcm)))


def room(far: Int16s) -> np.ndarray:
    """The echo at the microphone, at the level of a person: 0 dB."""
    echo = through(far, synthetic_room(0.0, 8.0, rt60_ms=250.0, seed=3))
    return echo * (NEAR_RMS / speech_rms(to_int16(echo)))


def onsets(vad: Any, far: Int16s, mic: Int16s, *, gated: bool = True) -> list[int]:
    """Capture samples at which the conversation would take it for an interruption: the rules of the listening loop."""
    meter, pointer, found = VoiceMeter(vad.fresh()), Endpointer(EndpointPolicy()), []
    with FrontEnd() as ear:
        for block in blocks(far, mic):
            clean = ear.process(block) if gated else block.mic
            for reading in meter.feed(clean, block.sample):
                if gated and (not ear.near_end_likely or reading.second):
                    continue
                heard = pointer.feed(reading.probability, reading.start_sample, reading.end_sample, over_playout=True)
                if any(isinstance(decision, Onset) for decision in heard):
                    found.append(block.sample)
                    pointer.reset()
    return found


def test_its_own_voice_never_interrupts_it(vad: Any, far: Int16s) -> None:
    mic = to_int16(room(far) + noise(far.size))
    assert len(onsets(vad, far, mic, gated=False)) > 2, "without the gate its own voice is a voice"
    assert onsets(vad, far, mic) == []


@pytest.mark.parametrize("over_db", [0.0, -6.0])
def test_a_person_does(vad: Any, far: Int16s, person: Int16s, over_db: float) -> None:
    at = far.size // 2
    mic = room(far) + noise(far.size)
    said = person[: far.size - at]
    mic[at : at + said.size] += said * 10 ** (over_db / 20)
    found = onsets(vad, far, to_int16(mic))
    assert found, "nobody was noticed"
    assert at <= found[0] <= at + SAMPLE_RATE_HZ, "within a second, and not before"


def test_a_recorded_person_does(vad: Any, far: Int16s, shared_data: Path) -> None:
    said = at_level(load_audio(shared_data / "assistant_misc" / "livekit_weather_question.wav"))
    at = far.size // 2
    mic = room(far) + noise(far.size)
    said = said[: far.size - at]
    mic[at : at + said.size] += said
    found = onsets(vad, far, to_int16(mic))
    assert found
    assert at <= found[0] <= at + said.size
