"""What a service prints is kept by the journal: nobody's words."""

import os
from pathlib import Path

import pytest

from device.cli.captions import Captions, into_a_journal
from device.dialogue import events as ev


@pytest.mark.parametrize("words", [True, False])
def test_words_only_where_they_are_wanted(words: bool, capsys: pytest.CaptureFixture[str]) -> None:
    captions = Captions("Ready.", words=words)
    for event in (
        ev.Commit(0, 1, "my secret", "complete"),
        ev.PlayoutEnd(1, 1, "your secret", "your secret"),
        ev.Interrupted(2, 1, 1, "a third secret", "a third"),
        ev.CardLost(3, 1, "unplugged"),
    ):
        captions.show(event)
    out = capsys.readouterr().out
    assert ("secret" in out, "third" in out) == (words, words)
    assert "interrupted" in out
    assert "unplugged" in out


def test_the_journal_is_known_by_its_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        there = os.fstat(out.fileno())
        mine = f"{there.st_dev}:{there.st_ino}"
        assert into_a_journal({"JOURNAL_STREAM": mine}, out.fileno())
        assert not into_a_journal({"JOURNAL_STREAM": f"{mine}1"}, out.fileno())
        assert not into_a_journal({}, out.fileno())
    assert not into_a_journal({"JOURNAL_STREAM": mine}, 10_000)
