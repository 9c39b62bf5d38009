"""Whatever the load: no sample is dropped between the card and the recogniser, and everything is answered."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loud_vad import Loud
from placed_rim import PlacedRim
from virtual_rim import MS, VirtualRim

from device.audio.frontend import PassThrough
from device.audio.virtual import VirtualCard
from device.card import BLOCK_SAMPLES
from device.dialogue import events as ev
from device.dialogue.commands import Decode
from device.dialogue.conversation import Conversation, Policy
from device.dialogue.loop import Assistant, Models
from models.protocols import Cancelled, Effort, Floats, Mark, Message, Speech, Transcript, never

#: Each sample says where it belongs, modulo a prime; too soft to be a voice by its level.
_PRIME = 13


def numbered(rim: VirtualRim) -> VirtualRim:
    """The microphone delivers its own sample count."""
    hear: Callable[..., list[object]] = rim.talk.hear

    def hear_numbered(pcm: np.ndarray, sample: int, *args: object, **more: object) -> list[object]:
        return hear((np.arange(sample, sample + pcm.size) % _PRIME).astype(np.int16), sample, *args, **more)

    rim.talk.hear = hear_numbered  # type: ignore[method-assign, assignment]
    return rim


def gaps(audio: Floats) -> int:
    """How often the count of `numbered` does not go on by one."""
    count = np.round(audio * 32768).astype(int)
    return int(np.count_nonzero(np.diff(count) % _PRIME != 1))


@settings(max_examples=25, deadline=None)
@given(
    slower=st.integers(1, 10),
    # in frames of the voice detector, 32 ms: it hears the last of a word that ends within one a little early
    turns=st.lists(st.tuples(st.integers(10, 125), st.integers(32, 250)), min_size=1, max_size=3),
    turn_model=st.booleans(),
)
def test_the_recogniser_gets_all_that_was_said(slower: int, turns: list[tuple[int, int]], turn_model: bool) -> None:
    rim = numbered(
        VirtualRim(
            answers=["Fine."] * 40,
            policy=Policy(turn_model=turn_model),
            stt_ms=150 * slower,
            judge_ms=25 * slower,
            first_token_ms=40 * slower,
            token_ms=6 * slower,
            tts_ms=45 * slower,
        )
    )
    at = 512
    for n, (length, gap) in enumerate(turns):
        rim.say(at, at + 32 * length, f"Sentence {n}.")
        at += 32 * (length + gap)
    rim.run(at + 40_000)
    decodes = [(t, c) for t, c in rim.commands if isinstance(c, Decode)]
    for at_sample, decode in decodes:
        assert gaps(decode.audio) == 0
        count = round(float(decode.audio[-1]) * 32768)
        # what a model's answer gives occasion to is asked for before the next block comes
        newest = {(at_sample - 1) % _PRIME, (at_sample - 1 - BLOCK_SAMPLES) % _PRIME}
        assert count in newest, "up to the newest sample there was"
    heard = " ".join(e.text for e in rim.of(ev.Commit))
    assert heard == " ".join(f"Sentence {n}." for n in range(len(turns))), "nothing is lost, nothing is heard twice"
    assert rim.talk.state == "idle"
    committed = {e.turn for e in rim.of(ev.Commit)}
    assert {e.turn for e in rim.events if isinstance(e, ev.PlayoutEnd | ev.Interrupted)} == committed


class SlowEnds:
    """Models that take their time, in seconds of this machine."""

    last_complete = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.audio: list[Floats] = []

    def _work(self) -> None:
        time.sleep(self._seconds)

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        self._work()
        self.audio.append(audio)
        return Transcript("Hello?", 0.9, len(audio) / 16, self._seconds * 1000)

    def finished(self, audio: Floats) -> float:  # noqa: ARG002
        self._work()
        return 0.95

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        self._work()
        yield "Hello to you."

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:  # noqa: ARG002
        self._work()

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        self._work()
        return Speech(text, np.full(4800, 3000, np.int16), (Mark(len(text), 4800),))


@pytest.mark.parametrize("seconds", [0.02, 0.3])
def test_slow_models_cost_no_sample_of_the_card(seconds: float) -> None:
    """At four times real time, so that 0.3 s of a model are 1.2 s of the card."""
    card = VirtualCard(speed=4)
    ends = SlowEnds(seconds)
    events: list[ev.Event] = []

    def on_event(event: ev.Event) -> None:
        events.append(event)
        if isinstance(event, ev.PlayoutEnd) and event.turn == 2:
            assistant.stop()

    assistant = Assistant(
        Conversation(Policy(), "Be brief."),
        card,
        PassThrough(),
        Models(Loud(), ends, ends, ends, ends),
        on_event=on_event,
        on_block=lambda now: assistant.stop() if now > 90 * 16_000 else None,
    )
    for start_s in (0.5, 14):
        card.say(np.full(16_000, 9000, np.int16), int(start_s * 16_000))
    with card:
        assistant.run()
    assert [e.turn for e in events if isinstance(e, ev.Commit)] == [1, 2]
    assert [e.heard for e in events if isinstance(e, ev.PlayoutEnd)] == ["Hello to you."] * 2
    assert card.stats().capture_lost_samples == 0
    onset = next(e.onset_sample for e in events if isinstance(e, ev.SpeechStart))
    assert abs(onset - 8000) <= 512
    whole = max(np.count_nonzero(np.abs(audio) > 0.1) for audio in ends.audio)
    assert whole == 16_000, "each sample that was said, once"


def test_the_longest_utterance_is_kept_whole_while_a_slow_recogniser_works() -> None:
    rim = numbered(PlacedRim(answers=["Fine."], policy=Policy(turn_model=False), stt_ms=3000))
    for n in range(110):
        rim.say(1000 + 500 * n, 1500 + 500 * n, f"word{n}")
    rim.run(75_000)
    (commit,) = rim.of(ev.Commit)
    assert commit.text.split() == [f"word{n}" for n in range(110)], "nothing is lost, nothing is heard twice"
    decodes = [c.audio for _, c in rim.commands if isinstance(c, Decode)]
    assert [gaps(audio) for audio in decodes] == [0] * len(decodes)
    assert sum(len(audio) for audio in decodes) < 20 * 55_000 * MS, "bounded: the beginning is not decoded for ever"
