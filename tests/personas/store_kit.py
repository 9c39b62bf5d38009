"""The shop as its persona has it, with orders of its own, and no microphone."""

import dataclasses
import sqlite3
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from device.dialogue.deeds import Call, Meaning, Outcome
from device.persona import Persona, load_persona
from device.personas.skillset import load_persona_skills
from device.skills.journal import MemoryJournal
from device.skills.runner import SkillRunner
from device.skills.skill import State
from device.skills.skillset import Skillset
from device.skills.testing import TestServices

_open: "list[Shop]" = []  # the one that the skills work for: reading their sentences takes longer than any test


class _TheirServices:
    def get(self, kind: type[Any]) -> Any:
        return _open[-1].services.get(kind)


def _their_state(group: str) -> State:
    return _open[-1].journal.state(group)


@cache
def skills_of_the_shop() -> Skillset:
    """Read once; whatever they look at is of the shop that was made last."""
    return load_persona_skills(
        load_persona("store"),
        None,
        state=_their_state,
        services=_TheirServices(),
        now=lambda: _open[-1].now,
    )


class Shop:
    """One conversation: `ask` is a turn, `yes` says yes to the question of the last one."""

    def __init__(self, folder: Path) -> None:
        self.persona = dataclasses.replace(load_persona("store"), database=folder / "orders.db")
        self.now = datetime.now(UTC)
        self.journal = MemoryJournal()
        self.services = TestServices({Persona: self.persona})
        _open[:] = [self]
        self.skills = skills_of_the_shop()
        self.runner = SkillRunner(
            self.skills.meanings, self.journal, self.services, session="test", now=lambda: self.now
        )
        self.asked: Meaning | None = None
        self.turn = 0

    def means(self, text: str) -> Meaning:
        meaning = self.skills.fast_path.interpret(text)
        assert meaning is not None, f"no sentence fits {text!r}"
        return meaning

    def ask(self, text: str) -> str:
        meaning = self.means(text)
        self.asked = meaning if meaning.question else None
        return meaning.question or self.do(meaning).say

    def yes(self) -> str:
        assert self.asked is not None, "nothing was asked"
        meaning, self.asked = self.asked, None
        return self.do(meaning).say

    def do(self, meaning: Meaning) -> Outcome:
        self.turn += 1
        return self.runner.carry_out(Call(self.turn, 0, meaning.skill, meaning.arguments))

    def status(self, number: str) -> str:
        return str(self.sql("SELECT status FROM orders WHERE number = ?", number)[0][0])

    def sql(self, query: str, *values: Any) -> list[Any]:
        assert self.persona.database is not None
        connection = sqlite3.connect(self.persona.database)
        try:
            with connection:
                return connection.execute(query, values).fetchall()
        finally:
            connection.close()
