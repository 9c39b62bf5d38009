"""What goes wrong when, in a soak: the plan of the faults. Sans-IO.

for planned in plan(minutes=120, every_s=60, seed=1): planned.at_s, planned.kind.name, planned.kind.length_s
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault. `length_s`: it lasts so long; what it breaks works again by itself afterwards."""

    name: str
    length_s: float
    what: str


KINDS = (
    Kind("stt_raises", 8.0, "the recogniser raises at every call"),
    Kind("llm_raises", 8.0, "the language model raises at every call"),
    Kind("tts_raises", 8.0, "the voice raises at every call"),
    Kind("vad_raises", 1.0, "the voice detector raises at every frame"),
    Kind("out_of_memory", 8.0, "the recogniser raises MemoryError at every call"),
    Kind("stt_hangs", 14.0, "the recogniser does not come back"),
    Kind("llm_hangs", 30.0, "the language model does not come back"),
    Kind("tts_hangs", 14.0, "the voice does not come back"),
    Kind("vad_hangs", 8.0, "the voice detector does not come back: nothing is heard meanwhile"),
    Kind("stt_dies", 8.0, "SystemExit in the recogniser's thread, at every call"),
    Kind("llm_dies", 8.0, "SystemExit in the language model's thread, at every call"),
    Kind("tts_dies", 8.0, "SystemExit in the voice's thread, at every call"),
    Kind("disk_full", 12.0, "SQLite is told that there is no page left (SQLITE_FULL)"),
    Kind("database_locked", 12.0, "another connection holds the session record"),
    Kind("card_lost", 6.0, "the sound card is gone, and comes back"),
    Kind("clock_forward", 10.0, "the wall clock of the timers is an hour ahead, and right again"),
    Kind("clock_back", 10.0, "the wall clock of the timers is an hour behind, and right again"),
    Kind("memory_pressure", 10.0, "300 MB more are taken, and touched"),
    Kind("skill_hangs", 12.0, "somebody asks for a skill that does not come back for 10 s"),
    Kind("skill_raises", 12.0, "somebody asks for a skill that raises"),
)
#: With a language model on a server (`--llm-server`), these too.
SERVER_KINDS = (
    Kind("server_refuses", 12.0, "the server of the language model hangs up at once"),
    Kind("server_silent", 12.0, "the server of the language model takes connections and says nothing"),
)
BY_NAME = {kind.name: kind for kind in (*KINDS, *SERVER_KINDS)}


@dataclass(frozen=True, slots=True)
class Planned:
    """`at_s`: from the start of the soak."""

    at_s: float
    kind: Kind


def warm_s(planned: list[Planned], kinds: int, seconds: float) -> float:
    """How long the warm-up lasts: a tenth of the time, and until each of `kinds` faults has come once.

    What happens for the first time takes memory that stays (a runtime's buffers for a longer sound than any before).
    Where one round of faults leaves less than half of the time, the tenth alone counts.
    """
    tenth = seconds / 10
    if len(planned) < 2 * kinds or not kinds:
        return tenth
    last = planned[kinds - 1]
    return max(tenth, last.at_s + last.kind.length_s + 30.0)


def plan(minutes: float, every_s: float, seed: int, kinds: tuple[Kind, ...] = KINDS) -> list[Planned]:
    """A fault every `every_s`, none in the first and none that would not be over before the end.

    Every kind comes once before any comes again, in an order that `seed` gives.
    """
    if not every_s > max(kind.length_s for kind in kinds):
        raise ValueError(f"a fault every {every_s:g} s: one lasts for {max(kind.length_s for kind in kinds):g} s")
    order = random.Random(seed)
    out: list[Planned] = []
    waiting: list[Kind] = []
    at_s = every_s
    while at_s < minutes * 60:
        if not waiting:
            waiting = list(kinds)
            order.shuffle(waiting)
        kind = waiting.pop()
        if at_s + kind.length_s < minutes * 60:
            out.append(Planned(at_s, kind))
        at_s += every_s
    return out
