"""The whole dialogue of the shop, on speech: ask, look up, interrupt, "actually, cancel it", confirm.

The script is tests/personas/store_dialogue.toml, which is also held in text (test_store_persona).
"""

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "personas" / "store_dialogue.toml"
#: The greeting has ended; the answer about the order sounds; its question has been put whole; all has been said.
AT_S = ("4", "10.3", "17.5", "24.5")


def test_the_dialogue_of_the_shop(environment: dict[str, str], spoken: Callable[[str], Path], tmp_path: Path) -> None:
    script = tomllib.loads(SCRIPT.read_text("utf-8"))
    state = tmp_path / "state"
    recordings = [str(spoken(turn["says"])) for turn in script["turn"]]
    record = state / "sessions.db"
    command = [
        *(sys.executable, "-m", "device.cli.main", "converse", *recordings, "--at", *AT_S, "--json"),
        *("--set", "persona=store", "--set", f"session.database={record}"),
        *("--events", str(tmp_path / "e.jsonl")),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, **environment, "XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    turns = json.loads(done.stdout)["turns"]
    assert len(turns) == len(script["turn"]), [turn["transcript"] for turn in turns]
    for said, turn in zip(script["turn"], turns, strict=True):
        missing = [words for words in said["answer_has"] if words not in turn["reply_generated"]]
        assert not missing, f"{turn['transcript']!r} -> {turn['reply_generated']!r}"
    assert turns[0]["interrupted"]
    assert turns[1]["reply_heard"] == turns[1]["reply_generated"]  # the question was heard whole before the yes

    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text("utf-8").splitlines()]
    (settled,) = [event for event in events if event["type"] == "settled"]
    assert settled["answer"] == "yes"
    assert [e["skill"] for e in events if e["type"] == "called"].count("cancel_order") == 1

    (orders_file,) = state.rglob("store-orders.db")
    orders = sqlite3.connect(orders_file)
    try:
        assert orders.execute("SELECT number, status FROM changes").fetchall() == [
            tuple(change) for change in script["after"]["changes"]
        ]
        for number, status in script["after"]["orders"].items():
            assert orders.execute("SELECT status FROM orders WHERE number = ?", (number,)).fetchone() == (status,)
    finally:
        orders.close()
    heard = subprocess.run(
        [sys.executable, "-m", "device.cli.main", "sessions", "show", "1", "--set", f"session.database={record}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "cancel_order" in heard
