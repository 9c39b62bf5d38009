"""What a check comes to.

    ok("memory", "3.1 of 4.0 GB free")
    failed("card", "there is no sound card", means="it hears and says nothing", mend="nearfield devices")

`mend` is a command where there is one, else what a person has to do; it is never empty for what is not ok.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["ok", "warning", "failed", "not tried"]
_RANK: Mapping[Level, int] = {"ok": 0, "not tried": 1, "warning": 2, "failed": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one check."""

    check: str  #: its name
    level: Level
    what: str  #: what was found, in one line
    means: str = ""  #: what follows from it for whoever talks to the device
    mend: str = ""
    more: tuple[str, ...] = ()  #: further lines: each listening port, each mistake in a file
    facts: Mapping[str, Any] = field(default_factory=dict)  #: figures, for --json

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "more": list(self.more), "facts": dict(self.facts)}


def ok(check: str, what: str, more: Sequence[str] = (), **facts: Any) -> Finding:
    """All is well, or there is nothing to look at."""
    return Finding(check, "ok", what, more=tuple(more), facts=facts)


def warning(check: str, what: str, *, means: str, mend: str, more: Sequence[str] = (), **facts: Any) -> Finding:
    """It works, but not as well as it could, or not for long."""
    return Finding(check, "warning", what, means, mend, tuple(more), facts)


def failed(check: str, what: str, *, means: str, mend: str, more: Sequence[str] = (), **facts: Any) -> Finding:
    """It does not work."""
    return Finding(check, "failed", what, means, mend, tuple(more), facts)


def not_tried(check: str, because: str) -> Finding:
    """What it needs is not there, or somebody else has it."""
    return Finding(check, "not tried", f"because {because}")


def worst(findings: Sequence[Finding]) -> Finding:
    """The first of the gravest; what else is not well follows in its `more`."""
    found = max(findings, key=lambda each: _RANK[each.level])
    others = [
        f"{each.what} ({each.mend})" for each in findings if each is not found and each.level in ("warning", "failed")
    ]
    facts = {key: value for each in findings for key, value in each.facts.items()}
    return Finding(found.check, found.level, found.what, found.means, found.mend, (*found.more, *others), facts)


def counted(count: int, noun: str) -> str:
    """ "1 session", "2 sessions"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
