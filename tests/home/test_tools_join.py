"""Tools of a server that is slow: nobody waits for them at the start, and they are there once it has answered."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from device.abilities import Abilities, PersonaSkills
from device.config import Settings
from device.home.bridges import Bridges
from device.persona import load_persona
from device.session.store import SessionStore
from device.skills.mcp_bridge import McpBridge

SENTENCES = """
language: en
intents:
  house_temperature: {data: [{sentences: ["how warm is the house"]}]}
"""


def wait_for(what: Callable[[], bool], within_s: float = 40.0) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def settings_with(folder: Path) -> Settings:
    server = {
        "command": [sys.executable, str(Path(__file__).with_name("mcp_house_server.py")), str(folder)],
        "env": {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        "allow": ["temperature"],
        "read_only": ["temperature"],
    }
    return Settings.model_validate(
        {
            "mcp": {"connect_timeout_s": 40, "servers": {"house": server}},
            "session": {"database": folder / "sessions.db"},
            "skills": {"folder": folder},
        }
    )


def test_a_server_that_answers_late_joins_what_runs_already(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(SENTENCES)
    (tmp_path / "shut").touch()
    settings, persona = settings_with(tmp_path), load_persona("assistant")
    assistant: Any = SimpleNamespace(announce=print, ring=print, stop_ringing=print)
    controls: Any = SimpleNamespace(muted=False, volume_percent=50)
    skills = PersonaSkills(persona, settings)
    with (
        SessionStore.open(settings.session.database).begin("assistant") as recorder,
        Abilities(skills, persona, settings, recorder, controls, keep=True) as able,
    ):
        able.begin(assistant)
        before = {tool.name for tool in able.tools()}
        assert "set_timer" in before
        assert "house_temperature" not in before
        assert able.interpreter.interpret("How warm is the house?") is None
        (tmp_path / "shut").unlink()
        wait_for(lambda: {tool.name for tool in able.tools()} == {*before, "house_temperature"})
        meaning = able.interpreter.interpret("How warm is the house?")
        assert meaning is not None
        assert meaning.skill == "house_temperature"


def test_nobody_waits_for_servers_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(McpBridge, "start", lambda _self, wait_s=0.0: waited.append(wait_s))
    with Bridges(settings_with(tmp_path)) as bridges:
        bridges.start(SimpleNamespace(), on_announce=print)  # type: ignore[arg-type]
    assert waited == [0.0]
