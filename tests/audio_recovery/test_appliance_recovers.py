"""The appliance around a card that is lost: events, earcon, and a conversation that goes on in a new session."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from card_world import World

from device import abilities
from device.abilities import Abilities
from device.appliance import Appliance
from device.assembly import kept_texts
from device.audio.earcons import earcon
from device.audio.frontend import FrontEnd
from device.config import Settings, load_settings
from device.dialogue import events as ev
from device.dialogue.loop import Models
from device.errors import AudioError, CardStuckError, ConfigError
from device.persona import Persona
from device.session import SessionStore, TurnCommitted, TurnFinished
from models.protocols import Cancelled, Effort, Floats, Int16s, Message, Speech, Transcript, never


class Quiet:
    """All four models: nobody speaks. What the language model was told is kept."""

    frame_samples = 512
    last_complete = True

    def __init__(self) -> None:
        self.told: list[tuple[Message, ...]] = []
        self.said: list[str] = []

    def probability(self, frame: Floats) -> float:  # noqa: ARG002
        return 0.0

    def reset(self) -> None:
        pass

    def fresh(self) -> "Quiet":
        return Quiet()

    def transcribe(self, audio: Floats, *, cancelled: Cancelled = never, effort: Effort = "final") -> Transcript:  # noqa: ARG002
        return Transcript("", 0.0, 0.0, 0.0)

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> Iterator[str]:  # noqa: ARG002
        yield "Yes."

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:  # noqa: ARG002
        self.told.append(tuple(messages))

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        if text not in kept_texts(Settings()):  # those are made ahead, whether they are wanted or not
            self.said.append(text)
        return None


PERSONA = Persona("assistant", prompt="Be brief.", greeting="Good evening.")


class LookerOn:
    """Figures, a page, a webhook: what they are told."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []

    def on_event(self, event: ev.Event) -> None:
        self.events.append(event)

    def on_trace(self, trace: object) -> None:
        pass


class Stage:
    """An appliance on a card of the fake world, which ends itself when the story is over."""

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.world = World()
        self.database = folder / "sessions.db"
        self.ends = Quiet()
        self.events: list[ev.Event] = []
        self.looker_on = LookerOn()
        self.played: list[Int16s] = []
        self.resume = resume
        self.policy: dict[str, float] = {}  # how a lost card is looked for
        self.begins_anew = False

    def run(self, until: type[ev.Event] = ev.CardBack, seconds: float = 0.5) -> None:
        settings = load_settings(None, [f"session.database={self.database}"])
        world = self.world
        card = world.kept(**self.policy)
        original = card.play
        card.play = lambda pcm: (self.played.append(pcm), original(pcm))[1]  # type: ignore[method-assign,func-returns-value]
        end_at: list[int] = []

        def on_event(event: ev.Event) -> None:
            self.events.append(event)
            if isinstance(event, until) and not end_at:
                end_at.append(event.sample + round(seconds * 16_000))

        def on_block(now: int) -> None:
            time.sleep(0)  # others may run too
            if end_at and now >= end_at[0]:
                appliance.assistant.stop()

        models = Models(self.ends, self.ends, self.ends, self.ends)
        with Appliance(
            settings, PERSONA, models, card, on_event=on_event, on_block=on_block, resume=self.resume
        ) as appliance:
            world.do = appliance.begin_anew
            appliance.desk.add_listener(self.looker_on)
            appliance.run()
        self.begins_anew = appliance.begins_anew

    def kinds(self) -> list[str]:
        return [e.type for e in self.events]

    def endings(self) -> list[tuple[str, int | None]]:
        """Of all sessions in the record, the oldest first: how it ended, and which one it went on with."""
        return [(each.ending, each.continues) for each in SessionStore.open(self.database).sessions()]


def talked_with_ada(database: Path) -> None:
    """A conversation that broke off."""
    with SessionStore.open(database).begin("assistant") as recorder:
        recorder.commit_turn(TurnCommitted(1, "My name is Ada.", 0.9, 0, 0, 0, "silence"))
        recorder.finish_turn(TurnFinished(1, "Hello Ada.", "Hello", interrupted=True))
        recorder.close(failed=True)


ADA = ["Be brief.", "My name is Ada.", "Hello"]


def test_the_trace_says_it_and_the_user_hears_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.world.later(1.0, "unplug")
    stage.world.later(3.0, "plug")
    stage.run()
    assert [k for k in stage.kinds() if k.startswith("card")] == ["card_lost", "card_back"]
    (lost,) = [e for e in stage.events if isinstance(e, ev.CardLost)]
    (back,) = [e for e in stage.events if isinstance(e, ev.CardBack)]
    assert "stopped" in lost.message
    assert lost.sample == pytest.approx(16_000, abs=320)
    assert back.lost_ms == pytest.approx(2000, abs=400)
    assert back.sample - lost.sample == pytest.approx(back.lost_ms * 16, abs=640)
    assert len(stage.played) == 1
    assert np.array_equal(stage.played[0], earcon("card back"))
    assert stage.ends.said == ["Good evening."]


def test_a_record_that_cannot_be_written_is_told_to_all_who_look_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SessionStore.open

    def on_a_full_disk(path: Path, *, on_error: Callable[[str], None]) -> SessionStore:
        on_error("the disk is full")
        return original(path, on_error=on_error)

    stage = Stage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(SessionStore, "open", on_a_full_disk)
        stage.run(until=ev.StateChange)
    for events in (stage.events, stage.looker_on.events):
        assert [(e.stage, e.message) for e in events if isinstance(e, ev.Failure)] == [("session", "the disk is full")]


def test_a_dead_microphone_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)  # the fake card hears zeros
    stage.run(until=ev.MicTrouble)
    (trouble,) = [e for e in stage.events if isinstance(e, ev.MicTrouble)]
    assert (trouble.kind, trouble.over) == ("silent", False)
    assert "zeros" in trouble.message


def test_a_card_that_hangs_ends_it_as_failed_and_the_next_one_goes_on(tmp_path: Path) -> None:
    first = Stage(tmp_path, resume=True)
    store = SessionStore.open(first.database)
    talked_with_ada(first.database)
    first.world.stuck = True
    first.world.later(1.0, "unplug")
    with pytest.raises(CardStuckError):
        first.run()
    assert "card_lost" in first.kinds()
    second = Stage(tmp_path, resume=True)
    second.run(until=ev.StateChange)
    for stage in (first, second):
        assert [m.text for m in stage.ends.told[0]] == ADA
        assert stage.ends.said == [], "it does not greet somebody whom it was talking with"
        assert np.array_equal(stage.played[0], earcon("card back"))
    third = Stage(tmp_path, resume=True)
    third.run(until=ev.StateChange)
    assert [m.text for m in third.ends.told[0]] == ["Be brief."], "the second one ended in order"
    continued = [store.session(number) for number in (1, 2, 3, 4)]
    assert [(s.ending, s.continues) for s in continued if s is not None] == [
        ("failed", None),
        ("failed", 1),
        ("done", 2),
        ("done", None),
    ]


def test_a_rehearsal_does_not_go_on_with_anything(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    SessionStore.open(stage.database).begin("assistant").close(failed=True)
    stage.run(until=ev.StateChange)
    assert stage.ends.said == ["Good evening."]


def next_start(folder: Path) -> Quiet:
    """What it says, and what it is told of before, when it is started again."""
    stage = Stage(folder, resume=True)
    stage.run(until=ev.StateChange)
    return stage.ends


@pytest.mark.parametrize("broke_off", [False, True])
def test_asked_to_begin_anew_while_the_card_is_waited_for_it_does(tmp_path: Path, *, broke_off: bool) -> None:
    stage = Stage(tmp_path, resume=True)
    if broke_off:
        talked_with_ada(stage.database)
    stage.policy = {"start_within_s": 600.0}
    stage.world.busy = True
    stage.world.later(3.0, "do")
    begun_s = stage.world.now_s
    stage.run()
    assert stage.begins_anew
    assert stage.world.now_s - begun_s == pytest.approx(3.0, abs=0.4)
    assert stage.ends.told == [], "it has not begun to converse"
    assert stage.endings() == ([("failed", None), ("reload", 1)] if broke_off else [("done", None)])
    ends = next_start(tmp_path)
    assert ends.said == ([] if broke_off else ["Good evening."])
    assert [m.text for m in ends.told[0]] == (ADA if broke_off else ADA[:1])


@pytest.mark.parametrize("broke_off", [False, True])
def test_what_could_not_be_put_together_is_no_conversation_that_broke_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broke_off: bool
) -> None:
    """Nor does it end the one that it would have gone on with."""
    stage = Stage(tmp_path, resume=True)
    if broke_off:
        talked_with_ada(stage.database)

    def no_library(*_: object, **_options: object) -> None:
        raise ConfigError("tools of MCP servers need a library that is missing")

    with monkeypatch.context() as patch, pytest.raises(ConfigError, match="MCP"):
        patch.setattr(abilities, "Bridges", no_library)
        stage.run()
    assert stage.endings() == ([("failed", None), ("failed", 1)] if broke_off else [("done", None)])
    ends = next_start(tmp_path)
    assert ends.said == ([] if broke_off else ["Good evening."])
    assert [m.text for m in ends.told[0]] == (ADA if broke_off else ADA[:1])


def test_nor_is_one_whose_card_could_not_be_started(tmp_path: Path) -> None:
    stage = Stage(tmp_path, resume=True)
    stage.world.busy = True
    with pytest.raises(AudioError, match="busy"):
        stage.run()
    assert stage.endings() == [("done", None)]
    assert next_start(tmp_path).said == ["Good evening."]


def test_what_cannot_be_closed_leaves_nothing_else_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def fails(part: object) -> None:
        closed.append(type(part).__name__)
        raise OSError(f"{closed[-1]} does not close")

    monkeypatch.setattr(FrontEnd, "close", fails)
    monkeypatch.setattr(Abilities, "close", fails)
    stage = Stage(tmp_path)
    with pytest.raises(OSError, match="does not close"):
        stage.run(until=ev.StateChange)
    assert sorted(closed) == ["Abilities", "FrontEnd"]
    assert stage.endings() == [("done", None)], "it had ended in order"
