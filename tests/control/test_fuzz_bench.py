"""The fuzzing program itself, in small; and that its oracle finds what it is to find."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.fuzz import WAYS, fuzz
from bench.fuzz_counts import Tally
from bench.fuzz_inputs import WISHES, Inputs, is_wish
from device.control import lines, wishes
from device.home import house_device


def test_every_way_in_small() -> None:
    tallies = fuzz(600, 3, list(WAYS))
    assert [name for name, tally in tallies.items() if tally.crashes or tally.unasked or tally.refused_good] == []
    for name in ("socket", "mqtt", "config"):
        assert tallies[name].tried >= 100
        assert 0 < tallies[name].obeyed < tallies[name].tried, "inputs of both kinds"


def test_a_server_that_guesses_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def guesses(data: object) -> wishes.Wish:
        try:
            return real(data)
        except wishes.WishError:
            return wishes.SetMute(do="unmute")

    real = wishes.wish_in
    monkeypatch.setattr(lines.w, "wish_in", guesses)
    tally = Tally()
    WAYS["socket"](Inputs(1), 300, tally)
    assert tally.unasked > 0


def test_a_house_that_obeys_what_is_retained_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = house_device.HouseDevice.asked

    def obeys(device: house_device.HouseDevice, topic: str, payload: bytes, *, retained: bool) -> object:  # noqa: ARG001
        return real(device, topic, payload, retained=False)

    monkeypatch.setattr(house_device.HouseDevice, "asked", obeys)
    tally = Tally()
    WAYS["mqtt"](Inputs(1), 300, tally)
    assert tally.unasked > 0


def test_the_oracle_knows_the_wishes() -> None:
    import json  # noqa: PLC0415

    assert [form["do"] for form in WISHES if not is_wish(json.dumps(form).encode())] == ["reload"]
    for no in (
        b"",
        b"1",
        b'{"do": "mute", "x": 1}',
        b'{"do": "volume", "percent": true}',
        b'{"do": "say", "text": " "}',
    ):
        assert not is_wish(no)
