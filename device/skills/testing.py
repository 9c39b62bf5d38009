"""Skills without a microphone: for a test of your own, and for `nearfield skills try`.

    skills = SkillBench(Path("skills.d"))
    assert skills.understand("Brew coffee for three.").arguments == {"cups": 3}
    assert skills.say("Brew coffee for three.") == "3 cups of coffee."

Nothing outlives it: what skills keep, they keep in memory.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device.dialogue.deeds import Call, Meaning, Outcome, Unable
from device.skills.journal import MemoryJournal
from device.skills.lent import Lent
from device.skills.runner import SkillRunner
from device.skills.skill import Services, State
from device.skills.skillset import Skillset, load_skillset


class TestServices(Lent):
    """Lends what it is given: `TestServices({DeviceControls: FakeControls()})`."""

    __test__ = False  # pytest: its name is no wish to be collected


class SkillBench:
    """All skills and sentences, ours (unless not `builtin`) and those of `folder`, with a journal in memory.

    `now` (with a time zone) stands still unless you move it; None: the time it is. `services`: what skills are lent,
    by type.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        skills: Skillset | None = None,
        builtin: bool = True,
        now: datetime | None = datetime(2026, 1, 2, 12, 0, tzinfo=UTC),
        services: Mapping[type[Any], Any] | Services | None = None,
        language: str = "en",
        journal: MemoryJournal | None = None,
    ) -> None:
        """`skills`: in place of those; `journal`: the one that they were given already."""
        self.skills = skills or load_skillset(folder, language=language, builtin=builtin)
        self.now = now
        lent = TestServices(services) if isinstance(services, Mapping) else services
        self._journal = journal or MemoryJournal()
        self._runner = SkillRunner(
            self.skills.meanings,
            self._journal,
            lent,
            session="test",
            language=language,
            now=self._time,
            recorded=False,
        )
        self._turn = 0

    @property
    def complaints(self) -> list[str]:
        """What was wrong with files, a line each."""
        return [str(complaint) for complaint in self.skills.complaints]

    def understand(self, text: str) -> Meaning | None:
        """What the sentences make of `text`; nothing is done."""
        return self.skills.fast_path.interpret(text)

    def unable(self, text: str) -> Unable | None:
        """Is `text`, which the sentences make nothing of, an order? What is said of it then."""
        return self.skills.fast_path.unable(text)

    def do(self, meaning: Meaning) -> Outcome:
        """Carries it out, as a turn of its own; a question counts as answered with yes."""
        self._turn += 1
        return self._runner.carry_out(Call(self._turn, 0, meaning.skill, meaning.arguments))

    def say(self, text: str) -> str:
        """What is said in answer to `text`: the question, or the words when it has been done.

        Raises AssertionError: no sentence fits.
        """
        meaning = self.understand(text)
        assert meaning is not None, f"no sentence fits: {text!r}"
        if meaning.question:
            return meaning.question
        outcome = self.do(meaning)
        return outcome.say or meaning.says or ""

    def call(self, skill: str, **arguments: Any) -> Outcome:
        """Carries out a skill by its name."""
        return self.do(Meaning(skill, arguments))

    def state(self, group: str) -> State:
        """What the skills of `group` keep."""
        return self._journal.state(group)

    def _time(self) -> datetime:
        return self.now or datetime.now().astimezone()
