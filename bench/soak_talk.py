"""What people say in a soak, and when: a mixed conversation that goes on for as long as it is let.

    talk = Talk(repertoire(voice), seed=1)
    for utterance in talk.next(now, state): card.say(utterance.pcm)

Sans-IO but for the repertoire, which a voice speaks once before it begins.
"""

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.protocols import SAMPLE_RATE_HZ, Int16s, Voice

Sort = Literal["command", "question", "barge_in", "stop", "noise", "broken_skill", "slow_skill"]

TEXTS: dict[Sort, tuple[str, ...]] = {
    "command": (
        "What time is it?",
        "What is twelve times seven?",
        "Set a timer for fifteen seconds.",
        "Add bread to my shopping list.",
        "What is on my shopping list?",
        "What day is it today?",
        "Cancel all timers.",
    ),
    "question": (
        "What is the capital of France?",
        "Tell me something about the moon.",
        "Who wrote Romeo and Juliet?",
        "Why is the sky blue?",
    ),
    "barge_in": ("What time is it now?", "Wait, what is five plus six?"),
    "stop": ("Stop.",),
    "broken_skill": ("Start the broken machine.",),
    "slow_skill": ("Start the slow machine.",),
}
#: Of what is said of people's own accord. "barge_in": a question, and something else over its answer.
_SHARES: dict[str, float] = {"command": 0.45, "question": 0.25, "barge_in": 0.15, "noise": 0.1, "silence": 0.05}

SKILLS = """\
import time

from device.skills.skill import skill


@skill
def start_broken_machine() -> str:
    "Start the broken machine."
    raise RuntimeError("it is broken")


@skill
def start_slow_machine() -> str:
    "Start the slow machine."
    time.sleep(10)
    return "The slow machine runs."
"""
SENTENCES = """\
language: en
intents:
  start_broken_machine: {data: [{sentences: ['start the broken machine']}]}
  start_slow_machine: {data: [{sentences: ['start the slow machine']}]}
"""
#: Another file, which cannot even be read.
BROKEN_FILE = "from device.skills.skill import (\n"


@dataclass(frozen=True, slots=True)
class Utterance:
    """`pcm`: (n,) int16, 16 kHz; the speech ends at `end`. "" is a noise: nobody says anything."""

    text: str
    pcm: Int16s
    end: int


Repertoire = dict[Sort, list[Utterance]]


def repertoire(voice: Voice) -> Repertoire:
    """All of it as a person would say it: the voice a little higher. Raises ModelRunError."""
    from dsp.resample import resample  # noqa: PLC0415 - loads the native extension

    out: Repertoire = {"noise": [knocking(seed) for seed in range(3)]}
    for sort, texts in TEXTS.items():
        out[sort] = []
        for text in texts:
            speech = voice.speak(text)
            assert speech is not None
            pcm = resample(speech.pcm, 17_920, SAMPLE_RATE_HZ)
            padded = np.concatenate((pcm, np.zeros(SAMPLE_RATE_HZ // 5, np.int16)))
            out[sort].append(Utterance(text, padded, pcm.size))
    return out


def knocking(seed: int) -> Utterance:
    """Somebody knocks on wood: bursts of noise, no voice."""
    rng = np.random.default_rng(seed)
    pcm = np.zeros(SAMPLE_RATE_HZ, np.float64)
    for start in rng.integers(0, SAMPLE_RATE_HZ - 1600, 4):
        pcm[start : start + 1600] += rng.normal(0, 4000, 1600) * np.exp(-np.arange(1600) / 200)
    return Utterance("", np.clip(pcm, -32768, 32767).astype(np.int16), SAMPLE_RATE_HZ)


class Talk:
    """Who talks to it. One thread."""

    def __init__(self, repertoire: Repertoire, seed: int, *, gap_s: float = 1.0) -> None:
        self._repertoire = repertoire
        self._random = random.Random(seed)
        self._gap_samples = round(gap_s * SAMPLE_RATE_HZ)
        self._quiet_since = 0  # since when nothing goes on
        self._interrupts = False  # the answer to come is to be interrupted
        self._wanted: list[Sort] = []
        self._pause_until = 0

    def want(self, sort: Sort) -> None:
        """To be said next."""
        self._wanted.append(sort)

    def anew(self) -> None:
        """The clock begins at 0 again."""
        self._quiet_since = self._pause_until = 0
        self._interrupts = False

    def next(self, now: int, *, state: str, speaking_for: int, waits: bool, stuck: bool = False) -> Utterance | None:
        """What is said now; None: nothing.

        `state`: of the assistant; `speaking_for`: so many samples of its answer have sounded; `waits`: nothing has
        come of what was said last yet; `stuck`: it has been thinking for longer than anybody waits.
        """
        if state == "speaking" and self._interrupts and speaking_for > SAMPLE_RATE_HZ:
            self._interrupts = False
            return self._one("barge_in" if self._random.random() < 0.7 else "stop")
        if waits or not (stuck or state in ("idle", "attentive", "ringing")):
            self._quiet_since = max(self._quiet_since, now)
            return None
        if now < max(self._quiet_since + self._gap_samples, self._pause_until):
            return None
        self._quiet_since = now
        return self._one("stop") if state == "ringing" else self._of_own_accord(now)

    def _of_own_accord(self, now: int) -> Utterance | None:
        if self._wanted:
            self._interrupts = False
            return self._one(self._wanted.pop(0))
        sort = self._random.choices(list(_SHARES), list(_SHARES.values()))[0]
        self._interrupts = sort == "barge_in"
        if sort == "silence":
            self._pause_until = now + 4 * SAMPLE_RATE_HZ
            return None
        return self._one("question" if sort == "barge_in" else sort)  # type: ignore[arg-type]

    def _one(self, sort: Sort) -> Utterance:
        return self._random.choice(self._repertoire[sort])
