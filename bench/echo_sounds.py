"""What else a loudspeaker plays: music, songs, clicks and earcons, for `echo.py`.

    sounds = music(data, voices["piper"])          # "instrumental" and "sung", each (name, pcm) in a list
    far = loop(pcm, seconds=30, seed=1)            # (n,) int16

The recordings hold no singing, so a song is made: Piper's voice cut into notes and tuned to a scale, over the music.
"""

from pathlib import Path

import numpy as np

from device.audio.earcons import earcons
from device.audio.files import load_audio
from device.audio.measure import speech_rms
from dsp.resample import resample
from models.protocols import SAMPLE_RATE_HZ, Int16s

MUSIC = (
    "noise/music_Kevin_MacLeod_Vibe_Ace.ogg",
    "noise/livekit_hold_music.ogg",
    "aec/real_music_spk.wav",
)
CLATTER = (
    "noise/esc10_clock_tick_1-62849-A.ogg",
    "noise/esc10_clock_tick_2-88724-A.ogg",
    "noise/livekit_keyboard-typing2.ogg",
)
#: A pentatonic scale in semitones, about the pitch at which the voice speaks.
SCALE = (-5, -3, 0, 2, 4, 7)
NOTE_S = 0.36
FADE_SAMPLES = SAMPLE_RATE_HZ // 100
#: As loud as Piper's own clips, over the blocks that sound.
RMS = 3000.0
CLICK_PEAK = 26_000.0
#: Seconds between two clicks: from a rattle to single ones that stand alone.
PACES_S = (0.1, 0.25, 0.5, 1.2, 2.5)

Named = tuple[str, Int16s]


def music(data: Path, voice: list[Int16s]) -> dict[str, list[Named]]:
    """Instrumental music of the recordings, and the same with somebody singing to it, the two equally loud."""
    found = [(Path(name).stem, at_rms(load_audio(data / name))) for name in MUSIC if (data / name).exists()]
    sung = []
    for n, (name, tune) in enumerate(found):
        line = at_rms(song(voice, tune.size, seed=n))
        sung.append((f"{name} sung to", at_rms(np.clip(tune / 2.0 + line / 2.0, -32768, 32767).astype(np.int16))))
    return {"instrumental": found, "sung": sung}


def song(clips: list[Int16s], samples: int, seed: int) -> Int16s:
    """(samples,) int16: the clips' words on the notes of `SCALE`, one after another; formants move with the pitch."""
    rng = np.random.default_rng(seed)
    out = np.zeros(samples, np.int16)
    at, size = 0, int(NOTE_S * SAMPLE_RATE_HZ)
    while at < samples:
        clip = clips[int(rng.integers(len(clips)))]
        for start in range(0, clip.size - size, size):
            up = 2 ** (SCALE[int(rng.integers(len(SCALE)))] / 12)
            note = resample(clip[start : start + size], round(SAMPLE_RATE_HZ * up), SAMPLE_RATE_HZ).astype(np.float64)
            fade = np.minimum(1.0, np.arange(note.size) / FADE_SAMPLES)
            note = (note * fade * fade[::-1])[: samples - at]
            out[at : at + note.size] = note
            at += note.size
        at += SAMPLE_RATE_HZ // 4
    return out


def clicks(data: Path, seconds: float, seed: int) -> dict[str, list[Named]]:
    """Bare clicks at several paces, the ticking and typing of the recordings, and the earcons of the appliance."""
    bare = [(f"a click every {pace} s", _train(_click(), pace, seconds, seed)) for pace in PACES_S]
    recorded = [(Path(name).stem, loop(at_rms(load_audio(data / name)), seconds, seed)) for name in CLATTER]
    chimes = [(f"earcon {name}", _train(pcm, 2.0, seconds, seed)) for name, pcm in earcons().items()]
    return {"clicks": bare, "ticking and typing": recorded, "earcons": chimes}


def loop(pcm: Int16s, seconds: float, seed: int) -> Int16s:
    """(seconds * 16000,) int16: `pcm` from a random place on, again and again."""
    start = int(np.random.default_rng(seed).integers(pcm.size))
    return np.resize(np.roll(pcm, -start), int(seconds * SAMPLE_RATE_HZ))


def at_rms(pcm: Int16s) -> Int16s:
    """`pcm` at `RMS` over the blocks that sound, peaks cut off at full scale."""
    return np.clip(pcm * (RMS / max(1.0, speech_rms(pcm))), -32000, 32000).astype(np.int16)


def _click() -> Int16s:
    """2 ms of decaying noise: a relay, a key, a loudspeaker that is switched on."""
    n = np.arange(SAMPLE_RATE_HZ * 2 // 1000)
    noise = np.random.default_rng(7).uniform(-1, 1, n.size) * np.exp(-n / 10)
    out: Int16s = (noise / np.abs(noise).max() * CLICK_PEAK).astype(np.int16)
    return out


def _train(pcm: Int16s, pace_s: float, seconds: float, seed: int) -> Int16s:
    """`pcm` every `pace_s` (after its end where it is longer), give or take a fifth."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)
    at = int(rng.uniform(0.1, 1.0) * pace_s * SAMPLE_RATE_HZ)
    while at + pcm.size < out.size:
        out[at : at + pcm.size] = pcm
        at += max(pcm.size, int(pace_s * rng.uniform(0.8, 1.2) * SAMPLE_RATE_HZ))
    return out
