"""What a rehearsed conversation came to, turn by turn, measured in the waveforms.

    reports = turn_reports(lines, placed, events, speaker)

TTFA runs from the end of speech in the input to the first audible 10 ms at the loudspeaker, both found in the
waveforms (`device.audio.measure`); events only say where to look. All times are on the session's time line: sample
0 is its start.
"""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from device.audio.measure import first_audible_sample, last_audible_sample, speech_end_sample
from device.converse.script import Line
from device.dialogue import events as ev
from device.dialogue.events import Event, to_ms
from device.telemetry.hypotheses import milestones
from device.telemetry.marks import marks_of
from models.protocols import Int16s

_E = TypeVar("_E", bound=Event)

_LOOK_BACK_SAMPLES = 320  # the first sound may lie just before the block in which the answer was seen to start


@dataclass(frozen=True, slots=True)
class TurnReport:
    """One committed turn. Times in ms; `stages_ms` after the end of speech, as the waveform has it."""

    turn: int
    input: str | None  #: file that was being said
    transcript: str
    reply_generated: str
    reply_heard: str
    interrupted: bool
    speech_end_ms: float | None  #: end of speech in the input, on the session's time line
    first_audio_ms: float | None  #: first audible block at the loudspeaker
    last_audio_ms: float | None  #: end of its last audible block
    ttfa_ms: float | None  #: None: no answer was heard, or no speech found in the input
    commit_reason: str
    stt_probability: float
    stages_ms: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def turn_reports(lines: list[Line], placed: dict[int, int], events: list[Event], speaker: Int16s) -> list[TurnReport]:
    """`placed`: where each line began; `speaker`: (n,) int16, what the loudspeaker played from the start on."""
    said = [_Said(line.name, placed[n], placed[n] + line.pcm.size, _speech_end(line, placed[n]))
            for n, line in enumerate(lines) if n in placed]  # fmt: skip
    turns = sorted({e.turn for e in events if isinstance(e, ev.Commit)})
    starts = {e.turn: e.sample for e in events if isinstance(e, ev.PlayoutStart)}
    out = []
    for turn in turns:
        until = min((s for t, s in starts.items() if t > turn), default=speaker.size)
        out.append(_report(turn, [e for e in events if e.turn == turn], said, speaker[:until]))
    return out


@dataclass(frozen=True, slots=True)
class _Said:
    """A line on the session's time line, in samples."""

    name: str
    start: int
    end: int
    speech_end: int | None


def _speech_end(line: Line, start: int) -> int | None:
    end = speech_end_sample(line.pcm)
    return None if end is None else start + end


def _report(turn: int, events: list[Event], said: list[_Said], speaker: Int16s) -> TurnReport:
    """`events`: those of the turn; `speaker`: up to the next turn's answer."""
    final = _last(events, ev.Final)
    commit = _last(events, ev.Commit)
    assert final is not None
    assert commit is not None
    line = _line_of(events, said)
    speech_end = None if line is None else line.speech_end
    start = _last(events, ev.PlayoutStart)
    look = 0 if start is None else max(0, start.sample - _LOOK_BACK_SAMPLES)
    audible = None if start is None else first_audible_sample(speaker, look)
    silent = None if start is None else last_audible_sample(speaker, look)
    over = _last(events, ev.Interrupted)
    end = over if over is not None else _last(events, ev.PlayoutEnd)
    return TurnReport(
        turn=turn,
        input=None if line is None else line.name,
        transcript=final.text,
        reply_generated=end.generated if end is not None else "",
        reply_heard=end.heard if end is not None else "",
        interrupted=over is not None,
        speech_end_ms=None if speech_end is None else to_ms(speech_end),
        first_audio_ms=None if audible is None else to_ms(audible),
        last_audio_ms=None if silent is None else to_ms(silent),
        ttfa_ms=None if audible is None or speech_end is None else to_ms(audible - speech_end),
        commit_reason=commit.reason,
        stt_probability=final.probability,
        stages_ms={} if speech_end is None else _stages(events, speech_end),
    )


def _line_of(events: list[Event], said: list[_Said]) -> _Said | None:
    """The line that was being said when the turn began."""
    start = _last(events, ev.SpeechStart)  # earlier ones came to nothing
    if start is None:
        return None
    there = [line for line in said if line.start - _LOOK_BACK_SAMPLES <= start.onset_sample < line.end]
    return max(there, key=lambda line: line.start) if there else None


def _stages(events: list[Event], speech_end: int) -> dict[str, float]:
    """When each stage came first, in the hypothesis that was committed, after the end of speech in the waveform."""
    return {name: to_ms(sample - speech_end) for name, sample in milestones(marks_of(events)).items()}


def _last(events: list[Event], kind: type[_E]) -> _E | None:
    found = [e for e in events if isinstance(e, kind)]
    return found[-1] if found else None
