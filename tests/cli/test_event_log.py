"""The file of --events: whole lines, kept for a conversation that goes on."""

import json
import os
import threading
from pathlib import Path

import pytest

from device.cli.event_log import EventLog
from device.dialogue.events import Mute
from device.errors import NearfieldError

EVENT = Mute(16_000, 0, True)
LINE = json.dumps(EVENT.to_json()) + "\n"


@pytest.mark.parametrize(
    ("before", "kept"), [("", ""), ("one\n", "one\n"), ("one\ntw", "one\ntw\n")], ids=["empty", "whole", "cut off"]
)
def test_a_conversation_that_goes_on_is_one_file(tmp_path: Path, before: str, kept: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(before)
    with EventLog(path, keep=True) as log:
        log.write(EVENT)
    assert path.read_text() == kept + LINE


def test_another_conversation_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for keep in (False, True):
        path.write_text("old\n")
        with EventLog(path, keep=keep) as log:
            log.start_anew()
            log.write(EVENT)
            log.write(EVENT)
        assert path.read_text() == LINE * 2


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl", keep=True) as log:
        assert (tmp_path / "events.jsonl").read_text() == ""
        log.write(EVENT)
    assert (tmp_path / "events.jsonl").read_text() == LINE


def test_a_pipe_has_nothing_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    reader.start()
    with EventLog(path, keep=True) as log:
        log.start_anew()
        log.write(EVENT)
    reader.join(10)
    assert got == [LINE]


def test_a_full_disk_is_told_at_the_end() -> None:
    log = EventLog(Path("/dev/full"), keep=True)
    log.start_anew()
    log.write(EVENT)
    log.write(EVENT)
    with pytest.raises(NearfieldError, match=r"/dev/full are incomplete: No space"):
        log.close()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NearfieldError, match="cannot write the events"):
        EventLog(tmp_path, keep=True)
