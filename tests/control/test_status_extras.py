"""What the status tells beside the conversation: timers, the machine, ways in; words only to who may see them."""

from pathlib import Path

from desk_kit import FakeControls, FakeDesk

from device.abilities import Abilities, PersonaSkills
from device.config import Settings
from device.control.machine import MachineStatus
from device.diagnostics.health import Health, HealthReader
from device.dialogue.deeds import Call
from device.persona import load_persona
from device.session.store import SessionStore


def test_timers_with_what_is_left(tmp_path: Path) -> None:
    settings = Settings.model_validate({"session": {"database": tmp_path / "s.db"}, "skills": {"folder": tmp_path}})
    persona = load_persona("assistant")
    recorder = SessionStore.open(settings.session.database).begin("assistant")
    skills = PersonaSkills(persona, settings)
    able = Abilities(skills, persona, settings, recorder, FakeControls(), keep=False)
    meaning = able.interpreter.interpret("Set a ten minute pasta timer.")
    assert meaning is not None
    assert able.runner.carry_out(Call(1, 0, meaning.skill, meaning.arguments)).status == "done"
    meaning = able.interpreter.interpret("Wake me up at seven in the morning.")
    assert meaning is not None
    assert able.runner.carry_out(Call(2, 0, meaning.skill, meaning.arguments)).status == "done"

    desk = FakeDesk()
    desk.add_spoken_status(able.status)
    by_kind = {each["kind"]: each for each in desk.status()["timers"]}
    timer, alarm = by_kind["timer"], by_kind["alarm"]
    assert (timer["label"], timer["running"]) == ("pasta timer", True)
    assert 590 < timer["left_s"] <= 600
    assert 0 <= alarm["left_s"] <= 86_400
    assert (desk.status()["rings"], desk.status()["house"]) == ([], {})
    assert "timers" not in desk.status(words=False), "their names are words of users"
    recorder.close()


class Reads(HealthReader):
    def __init__(self) -> None:
        self.times = 0

    def read(self) -> Health:
        self.times += 1
        return Health(50.0 + self.times, False, None, None)


def test_the_machine_is_read_once_a_second_at_most() -> None:
    clock = [100.0]
    reads = Reads()
    status = MachineStatus(reads, lambda: clock[0])
    for clock[0] in (100.0, 100.5, 100.9):
        assert status.to_json()["health"]["temperature_c"] == 51.0
    clock[0] = 101.2
    told = status.to_json()
    assert told["health"] == {
        "temperature_c": 52.0, "throttled": False, "power_low": None, "cpu_pressure_percent": None
    }  # fmt: skip
    assert told["uptime_s"] == 1.2
    assert told["version"]
    assert told["pid"] > 0


def test_several_may_tell_of_the_same() -> None:
    desk = FakeDesk()
    desk.add_status(lambda: {"webhooks": {"a": 1}, "version": "1"})
    desk.add_status(lambda: {"webhooks": {"b": 2}, "version": "2"})
    assert desk.status()["webhooks"] == {"a": 1, "b": 2}
    assert desk.status()["version"] == "2"


def test_the_feed_works_nothing_out_that_nobody_wants() -> None:
    feed = FakeDesk().feed
    assert not feed.wanted("levels")
    with feed.subscribe(only=("mute",)) as few:
        assert feed.watched
        assert not feed.wanted("levels")
        feed.publish({"type": "levels"})
        feed.publish({"type": "mute"})
        assert few.take() == [{"type": "mute"}]
        with feed.subscribe():
            assert feed.wanted("levels")
