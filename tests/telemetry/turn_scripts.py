"""Turns for the tests, as their events: by hand with the whole vocabulary, or by a conversation on virtual time."""

from device.dialogue import events as ev

MS = 16
WORDS = "What is the capital of France?"


def at(ms: float, turn: int) -> int:
    """Capture sample `ms` after the end of speech of a turn; the turns are 10 s apart."""
    return round((turn * 10_000 + ms) * MS)


def full_turn(turn: int = 1, late_ms: float = 0.0) -> list[ev.Event]:
    """Partials, a hypothesis that is discarded, one that is committed; the answer is `late_ms` later than 330 ms."""
    return [
        ev.SpeechStart(at(-1700, turn), turn, at(-1900, turn)),
        ev.Partial(at(-900, turn), turn, "What is the", "What is", 0, 110.0, at(-1050, turn)),
        ev.EndPoint(at(-640, turn), turn, "wait", 120.0, 0.2, "open", 800.0),
        ev.Supposed(at(-620, turn), turn, "What is the"),
        ev.LlmFirstToken(at(-580, turn), turn),
        ev.Clause(at(-540, turn), turn, 0, "It is"),
        ev.Discarded(at(-520, turn), turn, "What is the", "more_speech"),
        ev.Partial(at(170, turn), turn, WORDS, "What is the capital", 1, 140.0, at(110, turn)),
        ev.Supposed(at(172, turn), turn, WORDS),
        ev.EndPoint(at(196, turn), turn, "commit", 196.0, 0.93, "complete", 200.0),
        ev.SpeechEnd(at(198, turn), turn, at(0, turn)),
        ev.Final(at(200, turn), turn, WORDS, 0.9, 140.0, 2),
        ev.Commit(at(200, turn), turn, WORDS, "complete"),
        ev.LlmFirstToken(at(215, turn), turn),
        ev.Clause(at(262 + late_ms, turn), turn, 0, "The capital of France is Paris."),
        ev.TtsFirstAudio(at(310 + late_ms, turn), turn),
        ev.PlayoutStart(at(330 + late_ms, turn), turn),
        ev.PlayoutEnd(at(2300 + late_ms, turn), turn, "The capital of France is Paris.", "The capital of France"),
    ]
