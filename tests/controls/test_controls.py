"""Mute and volume: what is asked, what reaches the card, what is there after a restart."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.volume import HIGHEST_DB, LOWEST_DB, STEP_DB, Volume
from device.controls import Controls


class FakeCard:
    """What a card is told."""

    def __init__(self) -> None:
        self.mute_asked: bool | None = None
        self.factor: float | None = None

    def mute(self, muted: bool) -> None:
        self.mute_asked = muted

    def set_volume(self, factor: float) -> None:
        self.factor = factor


def controls(kept: Path | None = None) -> tuple[Controls, FakeCard]:
    card = FakeCard()
    return Controls(card, kept), card  # type: ignore[arg-type]


def test_it_begins_open_and_at_full_volume() -> None:
    made, card = controls()
    assert (made.muted, made.volume_db) == (False, 0.0)
    assert (card.mute_asked, card.factor) == (False, 1.0)


def test_both_are_as_they_were_left(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "controls.json"  # the folder is not there yet
    made, _ = controls(kept)
    made.toggle_mute()
    made.softer()
    made.softer()
    again, card = controls(kept)
    assert (again.muted, again.volume_db) == (True, -6.0)
    assert card.mute_asked is True
    assert card.factor == pytest.approx(0.501, abs=0.001)
    again.toggle_mute()
    assert controls(kept)[0].muted is False
    assert [file.name for file in kept.parent.iterdir()] == ["controls.json"], "nothing temporary is left"


def test_silence_is_kept_too(tmp_path: Path) -> None:
    made, _ = controls(tmp_path / "c.json")
    for _ in range(20):
        made.softer()
    again, card = controls(tmp_path / "c.json")
    assert again.volume_db is None
    assert card.factor == 0.0
    again.louder()
    assert again.volume_db == LOWEST_DB


def test_whoever_changes_the_volume_it_is_told_once(tmp_path: Path) -> None:
    made, card = controls(tmp_path / "c.json")
    told: list[tuple[int, float | None]] = []
    made.watch(lambda percent: told.append((percent, card.factor)))
    made.louder()
    made.set_volume_percent(100)
    assert told == [], "it was so loud already"
    made.softer()
    made.set_volume_percent(0)
    made.softer()
    made.toggle_mute()
    assert [percent for percent, _ in told] == [92, 0]
    assert [factor for _, factor in told] == [pytest.approx(0.708, abs=0.001), 0.0], "told when it is so loud"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"muted": true}', b'{"muted": 1, "volume_db": 5}',
     b'{"muted": "yes", "volume_db": "loud"}', b'{"muted": false, "volume_db": NaN}',
     b'{"muted": false, "volume_db": true}', b'{"muted": false, "volume_db": [1]}'],
)  # fmt: skip
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    kept = tmp_path / "c.json"
    kept.write_bytes(damage)
    made, card = controls(kept)
    assert (made.muted, made.volume_db) == (False, 0.0)
    assert card.mute_asked is False
    made.mute(True)
    assert json.loads(kept.read_text()) == {"muted": True, "volume_db": 0.0}


def test_a_file_that_cannot_be_written_does_not_stop_the_mute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    made, card = controls(blocked / "controls.json")
    made.mute(True)
    assert card.mute_asked is True
    assert "will not survive a restart" in caplog.text


def test_volume_goes_down_in_steps_to_silence_and_up_again() -> None:
    volume = Volume()
    assert not volume.up()
    heard = [volume.factor]
    while volume.down():
        heard.append(volume.factor)
    assert len(heard) == (HIGHEST_DB - LOWEST_DB) / STEP_DB + 2
    assert heard[-1] == 0.0
    assert all(b < a for a, b in pairwise(heard))
    assert heard[1] == pytest.approx(10 ** (-3 / 20))
    assert not volume.down()
    while volume.up():
        pass
    assert volume.level_db == HIGHEST_DB


@pytest.mark.parametrize("level_db", [0.1, -36.1, float("nan"), float("inf")])
def test_a_volume_out_of_bounds_is_refused(level_db: float) -> None:
    with pytest.raises(ValueError, match="not between"):
        Volume(level_db)


@given(
    st.one_of(st.none(), st.floats(LOWEST_DB, HIGHEST_DB).map(lambda db: round(db, 1))),
    st.lists(st.booleans(), max_size=50),
)
def test_no_key_leaves_the_limits(level_db: float | None, keys: list[bool]) -> None:
    volume = Volume(level_db)
    for up in keys:
        before = volume.factor
        changed = volume.up() if up else volume.down()
        assert volume.level_db is None or LOWEST_DB <= volume.level_db <= HIGHEST_DB
        assert 0.0 <= volume.factor <= 1.0
        assert changed == (volume.factor != before)
        if changed:
            assert (volume.factor > before) == up


@given(st.integers(0, 100))
def test_percent_there_and_back(percent: int) -> None:
    volume = Volume()
    volume.set_percent(percent)
    assert volume.percent == percent
    assert (volume.level_db is None) == (percent == 0)


def test_the_steps_of_the_key_in_percent() -> None:
    volume, percents = Volume(), []
    while volume.down():
        percents.append(volume.percent)
    assert percents == [92, 83, 75, 67, 58, 50, 42, 33, 25, 17, 8, 1, 0]


def test_percent_reaches_the_card_and_is_kept(tmp_path: Path) -> None:
    made, card = controls(tmp_path / "c.json")
    made.set_volume_percent(50)
    assert card.factor == pytest.approx(10 ** (-18 / 20))
    assert controls(tmp_path / "c.json")[0].volume_percent == 50
    made.set_volume_percent(0)
    assert (made.volume_db, card.factor, made.volume_percent) == (None, 0.0, 0)
    for percent in (-1, 101):
        with pytest.raises(ValueError, match="not between"):
            made.set_volume_percent(percent)
    assert made.volume_percent == 0


def test_a_closed_switch_has_the_last_word() -> None:
    made, card = controls()
    made.switch(True)
    made.mute(False)  # a voice, or the network
    made.toggle_mute()  # a key
    assert made.muted
    assert card.mute_asked is True
    made.mute(True)
    made.switch(False)
    assert not made.muted
    assert card.mute_asked is False
    made.mute(True)
    made.mute(False)
    assert not made.muted
