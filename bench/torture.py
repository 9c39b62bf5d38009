"""Does the sound card's callback lose a sample while everything else goes wrong at once?

    python bench/torture.py --minutes 10         # at real time; exit status 1 if one sample was lost or repeated
    python bench/torture.py --seconds 8 --no-models

The real path, PortAudio on ALSA, on the virtual ALSA card of tests/virtual_card (gcc, libasound2-dev). Meanwhile: the
models that have been pulled all work without a pause, a Python thread spins, and every second there is a garbage
collection over a million objects and a call of 60 ms that holds the interpreter. The microphone delivers a known
noise, the loudspeaker gets another: both are compared sample by sample.
"""

import argparse
import ctypes
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.virtual_alsa import staged  # first: it says where the next one is

from virtual_card.alsa_card import AlsaCard  # isort: skip

RATE_HZ = 16_000
OBJECTS = 1_000_000
HOLD_US = 60_000
AHEAD_S = 2.0  # how much sound is queued for the loudspeaker at any time


@dataclass(frozen=True)
class Result:
    seconds: float
    loads: list[str]
    blocks: int
    overflows: int
    underflows: int
    starved_samples: int
    mic_lost_samples: int
    mic_repeated_samples: int
    speaker_lost_samples: int
    speaker_silent_samples: int
    driver_xruns: int
    worst_interval_ms: float
    worst_backlog_blocks: int  #: how far Python was behind the callback

    @property
    def whole(self) -> bool:
        lost = self.mic_lost_samples + self.mic_repeated_samples + self.speaker_lost_samples
        return lost + self.speaker_silent_samples + self.starved_samples == 0


class Follower:
    """Compares a signal with what was expected, block by block, and finds its place again where they differ."""

    def __init__(self, expected: np.ndarray, start: int) -> None:
        self._expected, self._at = expected, start
        self.lost = self.repeated = 0

    def feed(self, block: np.ndarray) -> None:
        """(n,) int16, the next of the signal."""
        size = len(block)
        if not np.array_equal(block, self._expected[self._at : self._at + size]):
            self._find(block)
        self._at += size

    def _find(self, block: np.ndarray) -> None:
        reach = 10 * RATE_HZ
        begin = max(0, self._at - reach)
        window = np.lib.stride_tricks.sliding_window_view(self._expected[begin : self._at + reach], len(block))
        places = begin + np.flatnonzero((window[:, :4] == block[:4]).all(axis=1))
        for place in sorted(places, key=lambda p: abs(p - self._at)):
            if np.array_equal(self._expected[place : place + len(block)], block):
                self.lost += max(0, int(place) - self._at)
                self.repeated += max(0, self._at - int(place))
                self._at = int(place)
                return
        self.lost += len(block)  # torn apart in the middle, or nothing that was ever said


def noise(samples: int, seed: int) -> np.ndarray:
    """Never zero, so that silence put in between can be told from it."""
    rng = np.random.default_rng(seed)
    signal: np.ndarray = rng.integers(1, 3000, samples, np.int16) * rng.choice(np.array([-1, 1], np.int16), samples)
    return signal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=10.0)
    length.add_argument("--seconds", type=float)
    parser.add_argument("--no-models", action="store_true", help="only what the interpreter itself can do")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    seconds = args.seconds if args.seconds is not None else args.minutes * 60
    with staged() as stage:
        os.environ |= stage.environment  # before PortAudio is loaded
        alsa = stage.add("vcard", rate_hz=RATE_HZ, seconds=seconds + 90)  # models take their time to load
        result = torture(alsa, seconds, with_models=not args.no_models)
    if args.json:
        print(json.dumps({**asdict(result), "whole": result.whole}))
    else:
        for key, value in asdict(result).items():
            print(f"{key:24} {', '.join(value) if isinstance(value, list) else value}")
        print("not one sample was lost or repeated" if result.whole else "SAMPLES WERE LOST")
    return 0 if result.whole else 1


def torture(alsa: AlsaCard, seconds: float, *, with_models: bool) -> Result:
    from device.audio.frontend import FrontEnd  # noqa: PLC0415 - loads the native extension
    from device.audio.portaudio import PortAudioCard  # noqa: PLC0415 - loads PortAudio

    alsa.said[:] = noise(len(alsa.said), 1)
    speech = noise(round((seconds + AHEAD_S + 1) * RATE_HZ), 2)
    loads = [*interpreter_loads(), *(model_loads() if with_models else [])]
    front_end = FrontEnd(200)
    backlog = 0
    with PortAudioCard("vcard", "vcard") as card, running(loads):
        first = card.read(5.0)
        start = alsa.started_at()
        assert first is not None
        assert start is not None
        follower = Follower(alsa.said, start)
        queued = 0
        until = time.monotonic() + seconds
        block = first
        while time.monotonic() < until:
            follower.feed(block.mic)
            front_end.process(block)
            if queued - block.played.end < AHEAD_S * RATE_HZ and queued < len(speech):
                queued = card.play(speech[queued : queued + RATE_HZ // 2]).end
            backlog = max(backlog, card.stats().blocks - (block.sample // 160 + 1))
            following = card.read(5.0)
            assert following is not None, "the card delivers nothing"
            block = following
        stats = card.stats()
        card.flush()
    heard, silent = compare_played(alsa.played, speech)
    front_end.close()
    return Result(
        seconds=seconds,
        loads=[name for name, _ in loads],
        blocks=stats.blocks,
        overflows=stats.capture_overflows,
        underflows=stats.playback_underflows,
        starved_samples=stats.starved_samples,
        mic_lost_samples=follower.lost + stats.capture_lost_samples,
        mic_repeated_samples=follower.repeated,
        speaker_lost_samples=heard,
        speaker_silent_samples=silent,
        driver_xruns=len(alsa.events("xrun")),
        worst_interval_ms=round(stats.worst_interval_ms, 2),
        worst_backlog_blocks=backlog,
    )


def compare_played(played: np.ndarray, speech: np.ndarray) -> tuple[int, int]:
    """(samples that are not those of `speech`, samples of silence in between), but for the last 50 ms: the flush."""
    sounding = np.flatnonzero(played)
    sounding = sounding[: -RATE_HZ // 20]
    if not len(sounding):
        return len(speech), 0
    wrong = int(np.count_nonzero(played[sounding] != speech[: len(sounding)]))
    return wrong, int(sounding[-1] - sounding[0] + 1 - len(sounding))


Load = tuple[str, Callable[[], object]]  # a name, and what is called again and again


def interpreter_loads() -> list[Load]:
    """What Python itself can do to others."""
    rubbish = [[i] for i in range(OBJECTS)]
    holding = ctypes.PyDLL(None)  # unlike CDLL it keeps the interpreter's lock during the call

    def spin() -> None:
        for _ in range(100_000):
            pass

    def collect() -> None:
        assert rubbish
        gc.collect()
        time.sleep(1.0)

    def hold() -> None:
        holding.usleep(HOLD_US)
        time.sleep(1.0)

    return [("spinning thread", spin), ("gc of a million objects", collect), ("60 ms with the GIL", hold)]


def model_loads() -> list[Load]:
    """Every model that has been pulled, at work without a pause."""
    from device import assembly  # noqa: PLC0415
    from device.config import load_settings  # noqa: PLC0415
    from models.errors import ModelError  # noqa: PLC0415
    from models.protocols import Message  # noqa: PLC0415

    settings = load_settings(None, [])
    messages = [Message("user", "Tell me a long story.")]
    voiced = (noise(3 * RATE_HZ, 3) / 32768).astype(np.float32)
    uses: list[tuple[str, Callable[[Any], Any], Callable[[Any], object]]] = [
        ("vad", assembly.load_vad, lambda vad: vad.probability(voiced[:512])),
        ("stt", assembly.load_recogniser, lambda stt: stt.transcribe(voiced)),
        ("llm", assembly.load_chat, lambda llm: list(llm.reply(messages))),
        ("tts", assembly.load_voice, lambda tts: tts.speak("It was a dark and stormy night.")),
    ]
    found: list[Load] = []
    for name, load, use in uses:
        try:
            found.append((name, partial(use, load(settings))))
        except ModelError as error:
            print(f"without {name}: {error.message}", file=sys.stderr)
    return found


@contextmanager
def running(loads: list[Load]) -> Iterator[None]:
    """All of them, each in a thread of its own. Raises what a load raised."""
    stop = threading.Event()
    failures: list[Exception] = []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                work()
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(work,), name=name, daemon=True) for name, work in loads]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30.0)
    if failures:
        raise failures[0]


if __name__ == "__main__":
    sys.exit(main())
