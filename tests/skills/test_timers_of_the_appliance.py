"""What the conversation and the timers tell each other; the conversation waits for no disk."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from desk_kit import FakeControls

from device import abilities
from device.abilities import Abilities, PersonaSkills
from device.config import Settings
from device.dialogue import events as ev
from device.dialogue.agreement import same_words
from device.dialogue.loop import Assistant
from device.dialogue.ringing import SNOOZABLE_MS
from device.persona import load_persona
from device.session.store import SessionStore
from device.skills.timer_records import Now
from device.skills.timer_watch import TimerWatch
from device.skills.timers import SNOOZE_S, TimerDesk


@pytest.mark.parametrize("reason", ["stopped", "button", "snoozed"])
def test_a_disk_that_hangs_holds_no_conversation_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """That a ring was stopped is written down: where the disk takes seconds, it is not the ear that waits."""
    settings = Settings.model_validate({"session": {"database": tmp_path / "s.db"}, "skills": {"folder": tmp_path}})
    persona = load_persona("assistant")
    recorder = SessionStore.open(settings.session.database).begin("assistant")
    able = Abilities(PersonaSkills(persona, settings), persona, settings, recorder, FakeControls(), keep=True)
    disk, written = threading.Event(), threading.Event()

    def slowly(_watch: TimerWatch, _label: str) -> list[object]:
        disk.wait(30)
        written.set()
        return []

    monkeypatch.setattr(TimerWatch, "stop_ringing", slowly)
    monkeypatch.setattr(TimerWatch, "snooze", slowly)
    tell = able.on_event if reason != "snoozed" else lambda _event: able.on_snooze("tea")
    talk = threading.Thread(target=tell, args=(ev.RingEnd(0, 0, "tea", reason),), daemon=True)  # type: ignore[arg-type]
    talk.start()
    talk.join(15)
    assert not talk.is_alive()
    assert not written.is_set()
    disk.set()
    able.close()
    assert written.is_set(), "the end waits for it"
    recorder.close()


class Talk:
    """A conversation that notes what the timers ask of it, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def ring(self, name: str, _text: str) -> None:
        self.asked.append(("ring", name))

    def stop_ringing(self, name: str = "") -> None:
        self.asked.append(("withdraw", name))

    def announce(self, text: str) -> None:
        self.asked.append(("announce", text))

    def announced(self) -> list[str]:
        return [text for what, text in self.asked if what == "announce"]


class Appliance:
    """Abilities with a real book and a real thread, on clocks that are put by hand and a disk of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed_s = 0.0
        self.settings = Settings.model_validate(
            {"session": {"database": folder / "s.db"}, "skills": {"folder": folder}}
        )
        watch = partial(TimerWatch, now=lambda: Now(1.8e9 + self.passed_s, self.passed_s), longest_sleep_s=0.01)
        monkeypatch.setattr(abilities, "TimerWatch", watch)

    @contextmanager
    def run(self) -> Iterator[tuple[Abilities, Talk, TimerDesk]]:
        """One session, from its start to its end."""
        persona, talk = load_persona("assistant"), Talk()
        skills = PersonaSkills(persona, self.settings)
        recorder = SessionStore.open(self.settings.session.database).begin("assistant")
        with Abilities(skills, persona, self.settings, recorder, FakeControls(), keep=True) as able:
            able.begin(cast(Assistant, talk))
            yield able, talk, skills.get(TimerDesk)
        recorder.close()


@pytest.fixture
def appliance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Appliance:
    return Appliance(tmp_path, monkeypatch)


def eventually(true: Callable[[], object], what: Callable[[], object]) -> None:
    """Threads carry it out: wait for them, and say `what` there is when it does not come true."""
    until_s = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < until_s, what()
        time.sleep(0.005)


def set_timers(desk: TimerDesk, *timers: tuple[float, str]) -> None:
    with desk.open() as (book, now):
        for seconds, name in timers:
            book.set_timer(now, seconds, name)


def button(name: str) -> ev.RingEnd:
    return ev.RingEnd(0, 0, name, "button")


def told(text: str) -> ev.PlayoutEnd:
    return ev.PlayoutEnd(0, 0, heard=text, generated=text)


def test_snooze_after_the_button_had_silenced_it_rings_again(appliance: Appliance) -> None:
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (60, "tea"))
        appliance.passed_s = 60
        eventually(lambda: able.status()["rings"] == ["tea timer"], able.status)
        able.on_event(button("tea timer"))
        eventually(lambda: able.status()["rings"] == [], able.status)
        appliance.passed_s += SNOOZABLE_MS / 1000  # as long as the conversation lets it be put off
        able.on_snooze("tea timer")
        eventually(lambda: [each["kind"] for each in able.status()["timers"]] == ["snoozed"], able.status)
        appliance.passed_s += SNOOZE_S
        eventually(lambda: able.status()["rings"] == ["tea timer"], able.status)
        assert talk.asked.count(("ring", "tea timer")) == 2


def test_nobody_comes_so_it_falls_silent_before_it_is_told_as_missed(appliance: Appliance) -> None:
    """Else it rings on, and whoever stops it is told that it was missed."""
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (60, "tea"))
        appliance.passed_s = 60
        eventually(lambda: able.status()["rings"] == ["tea timer"], able.status)
        appliance.passed_s += appliance.settings.timers.ring_s
        eventually(talk.announced, lambda: talk.asked)
        assert talk.asked[:2] == [("ring", "tea timer"), ("withdraw", "tea timer")]
        assert [what for what, _ in talk.asked] == ["ring", "withdraw", "announce"]


def test_what_is_missed_while_another_is_told(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of the timers adds to what is missed while the conversation looks through it."""
    with appliance.run() as (able, talk, desk):

        def slowly(a: str, b: str) -> bool:
            if len(talk.announced()) == 1:
                appliance.passed_s = 9000
                eventually(lambda: len(talk.announced()) == 2, lambda: talk.asked)
            return same_words(a, b)

        monkeypatch.setattr(abilities, "same_words", slowly)
        set_timers(desk, (60, "tea"))
        appliance.passed_s = 3000
        eventually(lambda: len(talk.announced()) == 1, lambda: talk.asked)
        set_timers(desk, (60, "eggs"))
        able.on_event(told(talk.announced()[0]))
        able.on_event(told(talk.announced()[1]))
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (0, "last"))
        eventually(lambda: ("ring", "last timer") in talk.asked, lambda: talk.asked)
        assert talk.announced() == [], "both were heard"


def test_two_that_were_missed_in_the_same_words(appliance: Appliance) -> None:
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (60, ""), (60, ""))
        appliance.passed_s = 3000
        eventually(lambda: len(talk.announced()) == 2, lambda: talk.asked)
        first, second = talk.announced()
        assert first == second
        able.on_event(told(first))
        able.on_event(told(second))
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (0, "last"))
        eventually(lambda: ("ring", "last timer") in talk.asked, lambda: talk.asked)
        assert talk.announced() == [], "both were heard"


@pytest.mark.parametrize("put_off", [False, True])
def test_one_that_falls_silent_takes_no_other_with_it(appliance: Appliance, put_off: bool) -> None:
    """The eggs are due while the conversation ends the tea: nobody has heard them yet."""
    with appliance.run() as (able, talk, desk):
        set_timers(desk, (60, "tea"), (61, "eggs"))
        appliance.passed_s = 61
        eventually(lambda: able.status()["rings"] == ["tea timer", "eggs timer"], able.status)
        if put_off:
            able.on_snooze("tea timer")
        else:
            able.on_event(button("tea timer"))
        eventually(lambda: "tea timer" not in able.status()["rings"], able.status)
        assert able.status()["rings"] == ["eggs timer"]
    assert [name for what, name in talk.asked if what == "withdraw"] == ["tea timer"]
