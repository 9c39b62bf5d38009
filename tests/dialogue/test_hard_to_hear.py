"""What is hard to hear, and what is not meant for it, as sound: the real voice detector and the real recogniser."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hearing_rim import WITHOUT_PARTIALS, HearingRim

from device.audio.files import load_audio
from device.dialogue import events as ev
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s

QUESTION = "What is the capital of France?"
Converse = Callable[[Floats], HearingRim]


def at_level(audio: Floats, level_db: float) -> Floats:
    """With this RMS, in dB of full scale."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    return (audio * (10 ** (level_db / 20) / max(rms, 1e-9))).astype(np.float32)


def silence(seconds: float) -> Floats:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), np.float32)


def espeak(text: str, voice: str = "en") -> Floats:
    """(n,) float32 at 16 kHz; skips where there is no espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("no espeak-ng here")
    wav = subprocess.run([program, "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    pcm, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
    return resample(pcm, rate, SAMPLE_RATE_HZ).astype(np.float32) / np.float32(32768)


@pytest.fixture
def converse(vad: Any, recogniser: Any) -> Converse:
    """A second of silence, this sound, silence: what came of it."""

    def run(sound: Floats) -> HearingRim:
        mic = np.concatenate((silence(1.0), sound, silence(0.5)))
        pcm: Int16s = (np.clip(mic, -1.0, 1.0) * 32767).astype(np.int16)
        rim = HearingRim(answers=["Fine."] * 9, policy=WITHOUT_PARTIALS)
        rim.listen(pcm, vad, recogniser)
        return rim.run_out()

    return run


@pytest.fixture
def said(steady_voice: Any) -> Callable[[str], Floats]:
    return lambda text: steady_voice.speak(text).pcm.astype(np.float32) / np.float32(32768)


def texts(rim: HearingRim) -> list[str]:
    """What was answered; whatever was heard, nothing is left in work."""
    assert rim.talk.state == "idle"
    commits = rim.of(ev.Commit)
    assert [e.turn for e in rim.of(ev.PlayoutEnd)] == [e.turn for e in commits], "each turn is answered, whole"
    return [e.text for e in commits]  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", ["Yes.", "No.", "Okay."])
def test_one_word(converse: Converse, said: Callable[[str], Floats], word: str) -> None:
    assert texts(converse(said(word))) == [word]


def test_stop_is_obeyed_and_not_answered(converse: Converse, said: Callable[[str], Floats]) -> None:
    rim = converse(said("Stop."))
    assert texts(rim) == []
    assert [e.control for e in rim.of(ev.Controlled)] == ["stop"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", ["Yes.", "No."])
def test_one_word_of_another_voice(converse: Converse, word: str) -> None:
    assert texts(converse(at_level(espeak(word), -23))) == [word]


def test_whispering_is_heard(converse: Converse) -> None:
    """No pitch, and 7 dB softer than speech."""
    (text,) = texts(converse(at_level(espeak("What time is it?", "en+whisper"), -30)))
    assert "time" in text.lower()


def test_shouting_into_the_microphone_is_heard(converse: Converse, said: Callable[[str], Floats]) -> None:
    """20 dB too loud: the tops of the waves are cut off."""
    shouted = np.clip(said("What time is it?") * 10, -1, 1)
    assert np.mean(np.abs(shouted) == 1) > 0.05, "clipped indeed"
    (text,) = texts(converse(shouted))
    assert "what time is it" in text.lower()


def test_silence_and_hiss_are_nothing(converse: Converse) -> None:
    hiss = np.random.default_rng(1).normal(size=5 * SAMPLE_RATE_HZ).astype(np.float32)
    for sound in (silence(5.0), at_level(hiss, -50)):
        rim = converse(sound)
        assert texts(rim) == []
        assert not rim.of(ev.SpeechStart)


NOISES = {
    "sneeze": "esc10_person_sneeze_2-128631-A.ogg",
    "dog": "esc10_dog_bark_3-180256-A.ogg",
    "crying": "esc10_baby_cry_3-152007-E.ogg",
    "hold music": "livekit_hold_music.ogg",
    "crowd": "livekit_crowded-room.ogg",
    "kitchen": "picovoice_kitchen.wav",
    "typing": "livekit_keyboard-typing2.ogg",
}


def noise(shared_data: Path, name: str, seconds: float) -> Floats:
    pcm = load_audio(shared_data / "noise" / NOISES[name])[: int(seconds * SAMPLE_RATE_HZ)]
    return pcm.astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize("name", NOISES)
def test_a_noise_is_no_turn(converse: Converse, shared_data: Path, name: str) -> None:
    assert texts(converse(at_level(noise(shared_data, name, 5), -35))) == []


@pytest.mark.parametrize("name", ["hold music", "crowd", "kitchen"])
def test_a_user_is_heard_over_it(
    converse: Converse, said: Callable[[str], Floats], shared_data: Path, name: str
) -> None:
    """20 dB above it, and while it goes on."""
    user = np.concatenate((silence(1.0), at_level(said(QUESTION), -23), silence(1.5)))
    behind = at_level(np.resize(noise(shared_data, name, 5), user.size), -43)
    assert texts(converse(user + behind)) == [QUESTION]


def test_talk_in_the_background_is_somebody_talking(converse: Converse, shared_data: Path) -> None:
    """Who speaks is not asked: words that can be made out, however soft, are a turn. (The button is the remedy.)"""
    clip = sorted((shared_data / "speech_negatives").glob("*.flac"))[2]
    talk = load_audio(clip)[: 5 * SAMPLE_RATE_HZ].astype(np.float32) / np.float32(32768)
    assert len(texts(converse(at_level(talk, -50)))) >= 1
