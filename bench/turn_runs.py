"""The whole program on the virtual card, in real time, and what came of every utterance, measured in the waveforms.

    with open_bench(args.set) as bench:
        for run in bench.each(utterances): print(run.turns[0].ttfa_ms)

Nothing in here knows how a turn is ended or an answer made: it says recordings into the microphone and looks at what
the loudspeaker did. Rules of measuring: `device.audio.measure`, and `speech_end` of the utterance where it was set by
hand.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.options import PRESS_SAMPLES, Utterance
from bench.processor_time import cpu_s
from device.assembly import load_models
from device.audio.measure import first_audible_sample
from device.audio.recording import Recorder
from device.audio.rooms import delay_and_gain
from device.audio.virtual import VirtualCard
from device.card import BLOCK_SAMPLES
from device.config import Settings, load_settings
from device.converse.rehearsal import Rehearsal, Result
from device.converse.report import TurnReport
from device.converse.script import Line, Timing
from device.dialogue.events import Acknowledged, Commit, Degraded, Event, SpeechStart, to_ms
from device.dialogue.loop import Assistant, Models
from device.persona import Persona, load_persona, settings_for
from models.protocols import SAMPLE_RATE_HZ, Int16s

ECHO_DELAY_MS = 8.0
_IDLE_S = 3.0

BlockHook = Callable[[Rehearsal, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one utterance. Times in ms after its end of speech."""

    file: str
    text: str
    transcript: str  #: of all turns that it became
    reply: str  #: what was heard of the last answer to it
    noticed: bool  #: was it taken for speech?
    answered: bool
    ttfa_ms: float | None  #: first audible 10 ms of the answer; None: there was none
    first_sound_ms: float | None  #: first audible 10 ms of anything since it began
    early: bool  #: something sounded before the user had finished
    commits_ms: tuple[float, ...]  #: one a turn that it became: one is right
    commit_reason: str  #: of the last
    stages_ms: dict[str, float]

    @property
    def commit_ms(self) -> float | None:
        """Of the last turn that it became; None: of none."""
        return self.commits_ms[-1] if self.commits_ms else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"commit_ms": self.commit_ms}


@dataclass(frozen=True, slots=True)
class Run:
    """One session."""

    outcomes: list[Outcome]
    result: Result
    speaker: Int16s  #: (n,) int16, what the loudspeaker played
    cpu_s: float  #: of this process while it ran
    seconds: float
    lost_samples: int
    starved_samples: int
    worst_tick_ms: float

    @property
    def commits(self) -> int:
        return sum(isinstance(e, Commit) for e in self.result.events)

    def card_json(self) -> dict[str, float]:
        """What the card has to say of it."""
        return {
            "lost_samples": self.lost_samples,
            "starved_samples": self.starved_samples,
            "worst_tick_ms": self.worst_tick_ms,
        }


class Bench:
    """Settings and loaded models; every `session` is a new conversation with them."""

    def __init__(
        self, sets: Sequence[str], settings: Settings, persona: Persona, models: Models, load_s: float
    ) -> None:
        self.settings, self.persona, self.models, self.load_s = settings, persona, models, load_s
        self._sets = tuple(sets)
        self._idle_share: float | None = None

    def changed(self, *sets: str) -> "Bench":
        """The same models under other settings, none of which may be a model's own. Raises ConfigError."""
        together = (*self._sets, *sets)
        settings = settings_for(self.persona, load_settings(None, together))
        return Bench(together, settings, self.persona, self.models, self.load_s)

    def session(
        self,
        utterances: Sequence[Utterance],
        timing: Timing | None = None,
        *,
        echo_db: float | None = None,
        recorder: Recorder | None = None,
        on_block: BlockHook | None = None,
        on_event: Callable[[Event], None] = lambda _event: None,
    ) -> Run:
        """Say `utterances` one after the other. `on_block`: called every 10 ms, in the thread of the conversation."""
        room = None if echo_db is None else delay_and_gain(echo_db, ECHO_DELAY_MS)
        card = VirtualCard(impulse_response=room, recorder=recorder)
        lines = [Line(f"{n} {u.name}", u.pcm) for n, u in enumerate(utterances)]
        rehearsal: Rehearsal = Rehearsal(
            self.settings,
            self.persona,
            self.models,
            lines,
            timing or Timing(),
            card,
            on_event=on_event,
            on_block=(lambda now: on_block(rehearsal, now)) if on_block is not None else lambda _now: None,
        )
        cpu, began = cpu_s(), time.monotonic()
        rehearsal.run()
        cpu, seconds = cpu_s() - cpu, time.monotonic() - began
        result = rehearsal.result()
        _mic, speaker = card.recording()
        stats = card.stats()
        return Run(
            outcomes(utterances, result, speaker),
            result,
            speaker,
            cpu,
            seconds,
            stats.capture_lost_samples,
            stats.starved_samples,
            round(card.worst_late_ms, 1),
        )

    def each(self, utterances: Sequence[Utterance], *, echo_db: float | None = None) -> Iterator[Run]:
        """A session of its own for every utterance."""
        for each in utterances:
            yield self.session([each], echo_db=echo_db)

    def batches(self, utterances: Sequence[Utterance], size: int, timing: Timing) -> Iterator[Run]:
        """`size` utterances a session."""
        for first in range(0, len(utterances), size):
            yield self.session(utterances[first : first + size], timing)

    def held(self, said: Utterance, after_s: float = 0.05, on_block: BlockHook | None = None) -> tuple[Run, int]:
        """Say `said` with the talk button held down from before it until `after_s` behind its end of speech.

        Returns the session and the sample of the release. The settings must be those of push-to-talk.
        """
        start = round(Timing().lead_s * SAMPLE_RATE_HZ)
        button = _Button(start - PRESS_SAMPLES, start + said.speech_end + round(after_s * SAMPLE_RATE_HZ), on_block)
        run = self.session([said], on_block=button)
        return run, button.up

    @property
    def idle_share(self) -> float:
        """CPU seconds a second of a session in which nobody says anything; measured once, in 3 s."""
        if self._idle_share is None:
            silence = Utterance("silence", "", np.zeros(round(_IDLE_S * SAMPLE_RATE_HZ), np.int16), 0)
            run = self.session([silence], Timing(lead_s=0.1, patience_s=0.1, tail_s=0.1))
            self._idle_share = run.cpu_s / run.seconds
        return self._idle_share

    def cpu_a_turn_s(self, runs: Sequence[Run]) -> float | None:
        """CPU seconds for each committed turn beyond what listening to silence costs; None without any."""
        commits = sum(run.commits for run in runs)
        used = sum(run.cpu_s - self.idle_share * run.seconds for run in runs)
        return round(used / commits, 3) if commits else None


class _Button:
    """A finger on the talk button: down at one sample, up at another."""

    def __init__(self, down: int, up: int, then: BlockHook | None) -> None:
        self.up = up
        self._then = then
        self._moves = [(down, Assistant.press), (up, Assistant.release)]

    def __call__(self, rehearsal: Rehearsal, now: int) -> None:
        while self._moves and now >= self._moves[0][0]:
            _at, move = self._moves.pop(0)
            move(rehearsal.assistant)
        if self._then is not None:
            self._then(rehearsal, now)


@contextmanager
def open_bench(sets: Sequence[str]) -> Iterator[Bench]:
    """Load the models; the sessions are recorded in a folder that goes away. Raises ConfigError, ModelError.

    The language model answers everything, unless `sets` says that there are skills.
    """
    with tempfile.TemporaryDirectory(prefix="nearfield-bench-") as scratch:
        sets = ["skills.enabled=false", *sets, f"session.database={Path(scratch) / 'sessions.db'}"]
        settings = load_settings(None, sets)
        persona = load_persona(settings.persona)
        settings = settings_for(persona, settings)
        began = time.monotonic()
        models = load_models(settings, persona)
        yield Bench(sets, settings, persona, models, time.monotonic() - began)


def outcomes(utterances: Sequence[Utterance], result: Result, speaker: Int16s) -> list[Outcome]:
    """What came of each utterance; a turn belongs to the newest utterance that had begun when it was committed.

    An early turn cut the user off; the one that answers the whole utterance is the last.
    """
    placed = [result.placed[n] for n in range(len(utterances)) if n in result.placed]
    commits = {e.turn: e for e in result.events if isinstance(e, Commit)}
    out = []
    for n, start in enumerate(placed):
        until = placed[n + 1] if n + 1 < len(placed) else max(len(speaker), start) + SAMPLE_RATE_HZ
        turns = [t for t in result.turns if t.turn in commits and start <= commits[t.turn].sample < until]
        heard = any(isinstance(e, SpeechStart) and start <= e.sample < until for e in result.events)
        committed = [commits[t.turn] for t in turns]
        out.append(_outcome(utterances[n], start, turns, committed, first_sound(speaker, start, until), noticed=heard))
    return out


def _outcome(
    said: Utterance, start: int, turns: list[TurnReport], commits: list[Commit], sound: int | None, *, noticed: bool
) -> Outcome:
    end_ms = to_ms(start + said.speech_end)
    last = turns[-1] if turns else None
    first_audio_ms = None if last is None else last.first_audio_ms
    # the report counts from where its own rule finds the end of the recording
    shift = 0.0 if last is None or last.speech_end_ms is None else last.speech_end_ms - end_ms
    return Outcome(
        file=said.name,
        text=said.text,
        transcript=" | ".join(t.transcript for t in turns),
        reply=last.reply_heard if last is not None else "",
        noticed=noticed or bool(turns),
        answered=last is not None and bool(last.reply_heard),
        ttfa_ms=None if first_audio_ms is None else round(first_audio_ms - end_ms, 1),
        first_sound_ms=None if sound is None else round(to_ms(sound) - end_ms, 1),
        early=sound is not None and sound < start + said.speech_end,
        commits_ms=tuple(round(to_ms(commit.sample) - end_ms, 1) for commit in commits),
        commit_reason=commits[-1].reason if commits else "",
        stages_ms={} if last is None else {name: round(ms + shift, 1) for name, ms in last.stages_ms.items()},
    )


def first_sound(speaker: Int16s, from_sample: int, until_sample: int) -> int | None:
    """First audible block of `speaker` in [from, until), or None."""
    return first_audible_sample(speaker[: max(0, until_sample) // BLOCK_SAMPLES * BLOCK_SAMPLES], from_sample)


def degradations(runs: Sequence[Run]) -> list[dict[str, object]]:
    """The `degraded` events, in order."""
    found = [e for run in runs for e in run.result.events if isinstance(e, Degraded)]
    return [{"level": e.level, "without": list(e.without), "reason": e.reason} for e in found]


def acknowledgements(runs: Sequence[Run]) -> int:
    """How often something was said because the answer was late."""
    return sum(isinstance(e, Acknowledged) for run in runs for e in run.result.events)
