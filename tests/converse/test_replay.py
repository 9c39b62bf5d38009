"""A kept turn run again: the same comes out the same, what differs is told, and nothing is done a second time."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from replay_kit import PERSONA, SPEED, Device, Fakes

from device.converse.kept_turn import KeptTurn, NotKeptError, kept_turn
from device.converse.replay import Again, Replay
from device.converse.replay_report import Report, compared, report_lines
from device.errors import UsageError
from device.session.store import SessionStore
from device.session.turn_audio import audio_folder, delete_audio
from device.telemetry.marks import TraceMark
from device.telemetry.turn_trace import TurnTrace
from models.protocols import Message

DOOR = """\
from pathlib import Path
from device.skills.skill import skill

@skill
def open_door(door: str) -> str:
    'Open a door.'
    with (Path(__file__).parent / 'opened').open('a') as file:
        file.write(door)
    return 'It is open.'
"""
SENTENCES = """\
language: en
intents: {open_door: {data: [{sentences: ['open the {door} door']}]}}
lists: {door: {values: [front, back]}}
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """Two turns were said to it."""
    made = Device(tmp_path_factory.mktemp("device"))
    made.talk("My name is Ada.", "What is my name?")
    return made


def store_of(device: Device) -> SessionStore:
    return SessionStore.existing(device.settings.session.database)


def beside_time(report: Report) -> list[str]:
    """What differs but for the end-point: that may be late on a machine that is busy."""
    return [each for each in report.differs if each != "end_point"]


def again(device: Device, kept: KeptTurn, models: Fakes) -> Report:
    return compared(kept, Replay(device.settings, PERSONA, models.models(), kept, speed=SPEED).run())


def test_the_same_comes_out_the_same_and_the_conversation_before_it_is_there(device: Device) -> None:
    store = store_of(device)
    kept = kept_turn(store, "last")
    assert (kept.session.id, kept.committed.number) == (1, 2)
    before = store.path.read_bytes()
    models = Fakes("What is my name?")
    report = again(device, kept, models)
    assert beside_time(report) == []
    assert [(m.role, m.text) for m in models.told[-1]] == [
        ("system", PERSONA.prompt),
        ("user", "My name is Ada."),
        ("assistant", "So be it."),
        ("user", "What is my name?"),
    ]
    ended = {row.stage: (row.then_end_ms, row.now_end_ms) for row in report.stages}
    assert None not in ended["end_point"]
    assert report.then.verdicts[-1].verdict == report.now.verdicts[-1].verdict == "commit"
    assert store.path.read_bytes() == before
    assert [session.id for session in store.sessions()] == [1]


def test_what_differs_is_told(device: Device) -> None:
    report = again(device, kept_turn(store_of(device), "1/2"), Fakes("What is my game?", "Chess."))
    assert beside_time(report) == ["transcript", "reply"]
    text = "\n".join(report_lines(report))
    assert "then  What is my name?" in text
    assert "now   What is my game?" in text
    assert text.splitlines()[-1].startswith("Differs: transcript")
    assert report.to_json()["now"]["reply"] == "Chess."


def test_a_turn_that_is_not_noticed_any_more(device: Device) -> None:
    class Deaf(Fakes):
        def probability(self, frame: object) -> float:  # noqa: ARG002
            return 0.0

    report = again(device, kept_turn(store_of(device), "2"), Deaf())
    assert report.differs == ("no_turn",)
    assert "(no turn came of it)" in "\n".join(report_lines(report))


def test_the_turn_before_knows_nothing_of_the_one_behind(device: Device) -> None:
    assert kept_turn(store_of(device), "1").before.messages == ()
    assert kept_turn(store_of(device), "2").before.messages == (
        Message("user", "My name is Ada."),
        Message("assistant", "So be it."),
    )


@pytest.mark.parametrize(
    ("which", "says"),
    [("1/3", "has no turn 3"), ("9/1", "there is no session 9"), ("first", "names no turn"), ("1/", "names no turn")],
)
def test_a_turn_that_is_not_there(device: Device, which: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        kept_turn(store_of(device), which)


def test_a_turn_without_its_sound_says_what_to_set(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.talk("Hello.", "Goodbye.")
    store = store_of(device)
    (audio_folder(store.path) / "1-1.flac").unlink()
    with pytest.raises(NotKeptError, match="turn 1 of session 1 was not kept") as some:
        kept_turn(store, "1/1")
    assert "there is 1/2" in some.value.hint
    delete_audio(audio_folder(store.path))
    for which in ("last", "1"):
        with pytest.raises(NotKeptError) as none:
            kept_turn(store, which)
        assert "audio = 20" in none.value.hint


def test_nothing_is_done_a_second_time(tmp_path: Path) -> None:
    folder = tmp_path / "skills.d"
    folder.mkdir()
    (folder / "door.py").write_text(DOOR)
    (folder / "door.yaml").write_text(SENTENCES)
    device = Device(tmp_path)
    device.talk("Open the front door.")
    assert (folder / "opened").read_text() == "front"
    kept = kept_turn(store_of(device), "last")
    report = again(device, kept, Fakes("Open the front door."))
    assert beside_time(report) == []
    assert report.now.calls == ("open_door(door='front')",)
    assert report.now.reply == "It is open."
    other = again(device, kept, Fakes("Open the back door."))
    assert beside_time(other) == ["transcript", "calls", "reply"]
    assert other.now.reply == "I don't do that a second time."
    assert (folder / "opened").read_text() == "front"


def test_a_held_turn_is_held_from_where_it_was_to_where_it_was(tmp_path: Path) -> None:
    device = Device(tmp_path, "turn.listen=push-to-talk")
    slow = 0.1  # 0.8 s on this clock: the commit is far behind the release, and so is the end of what is kept
    device.talk("Open the window.", models=Fakes(decode_s=slow), held=True)
    kept = kept_turn(store_of(device), "last")
    assert kept.committed.commit_reason == "release"
    now = Replay(device.settings, PERSONA, Fakes("Open the window.", decode_s=slow).models(), kept, speed=SPEED).run()
    assert (now.reason, now.turns, now.errors) == ("release", 1, ())
    then = kept.trace
    assert then is not None
    assert now.trace is not None
    assert held_samples(now.trace) == held_samples(then)
    # the voice lies where it did between press and release, but for a frame of the detector and a block of the card
    assert abs(voice_end(now.trace) - voice_end(then)) <= 512 + 160
    assert beside_time(compared(kept, now)) == []


def held_samples(trace: TurnTrace) -> int:
    """From press to release."""
    marks = {mark.name: mark for mark in trace.marks}
    return marks["speech_end"].sample - int(marks["speech_start"].number("onset") or 0)


def voice_end(trace: TurnTrace) -> int:
    """The end of the voice, from the press."""
    marks = {mark.name: mark for mark in trace.marks}
    return int(marks["speech_end"].number("offset") or 0) - int(marks["speech_start"].number("onset") or 0)


def test_a_held_turn_without_its_trace_is_held_to_the_end_of_its_sound(tmp_path: Path) -> None:
    device = Device(tmp_path, "turn.listen=push-to-talk")
    device.talk("Open the window.", held=True)
    store = store_of(device)
    kept = kept_turn(store, "last")
    assert kept.held is not None
    press, release = kept.held
    assert 0 <= press < release <= len(kept.pcm)
    with sqlite3.connect(store.path) as connection:
        connection.execute("DELETE FROM trace")
    connection.close()
    assert kept_turn(store, "last").held == (press, len(kept.pcm))


def test_nobody_holds_a_turn_that_ended_in_silence(device: Device) -> None:
    assert kept_turn(store_of(device), "last").held is None


def side(**changes: object) -> TurnTrace:
    """A trace whose end-point was decided `at_ms` behind the end of speech."""
    at_ms = changes.get("at_ms", 300)
    assert isinstance(at_ms, int)
    marks = [
        TraceMark("speech_start", 1000, {"onset": 0}),
        TraceMark("speech_end", 16_000 + at_ms * 16, {"offset": 16_000}),
        TraceMark("commit", 16_000 + at_ms * 16, {"reason": "complete"}),
    ]
    return TurnTrace.of(1, 1, marks)


@pytest.mark.parametrize(
    ("at_ms", "differs"), [(300, ()), (455, ()), (145, ()), (465, ("end_point",)), (130, ("end_point",))]
)
def test_an_end_point_counts_as_another_beyond_five_frames(
    device: Device, at_ms: int, differs: tuple[str, ...]
) -> None:
    kept = replace(kept_turn(store_of(device), "1/1"), trace=side(), calls=())
    then = kept.committed
    assert kept.finished is not None
    now = Again(then.user_text, then.commit_reason, kept.finished.reply_generated, (), (), 1, side(at_ms=at_ms))
    report = compared(kept, now)
    assert report.differs == differs
    assert (report_lines(report)[-1] == "It came to the same.") == (differs == ())
    assert "end_point" in compared(kept, replace(now, turns=2)).differs
    assert compared(kept, replace(now, errors=("stt: no",))).differs == (*differs, "errors")
