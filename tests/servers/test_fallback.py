"""Who answers: the server, or within the same turn the model on the board."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from rude_server import eventually

from models.errors import ModelRunError
from models.fallback import FallbackChat, FallbackRecogniser, FallbackVoice
from models.guard import Guard
from models.phrases import PhraseVoice
from models.protocols import (
    Cancelled,
    ChatModel,
    Frugal,
    Mark,
    Message,
    Recogniser,
    Speech,
    ToolCaller,
    ToolRequest,
    ToolSpec,
    Transcript,
    Voice,
    never,
)

CHAT = [Message("user", "What is the capital of France?")]
AUDIO = np.zeros(16_000, dtype=np.float32)
AWAY = ModelRunError("nobody there")


class Script:
    """A chat model that yields what it is told to, and fails where it is told to."""

    def __init__(self, *answer: str | ToolRequest | Exception, complete: bool = True) -> None:
        self.answer = answer
        self.last_complete = complete
        self.calls: list[str] = []
        self.closed = 0

    def _yield(self, cancelled: Cancelled) -> Iterator[Any]:
        try:
            for item in self.answer:
                if isinstance(item, Exception):
                    raise item
                if cancelled():
                    return
                yield item
        finally:
            self.closed += 1

    def reply(self, _: Sequence[Message], *, cancelled: Cancelled = never, begun: str = "") -> Iterator[str]:
        self.calls.append(f"reply {begun}".strip())
        return self._yield(cancelled)

    def reply_with_tools(
        self, _: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> Iterator[str | ToolRequest]:
        self.calls.append(f"tools {len(tools)}")
        return self._yield(cancelled)

    def warm(self, _: Sequence[Message], *, cancelled: Cancelled = never) -> None:  # noqa: ARG002
        self.calls.append("warm")


class Plain(Script):
    """One that cannot ask for tools."""

    reply_with_tools = None  # type: ignore[assignment]


class Watched(Guard):
    """With a probe that finds the server once `there` is set."""

    def __init__(self, *, failures: int = 2, recover_s: float = 0.02) -> None:
        self.there = threading.Event()
        self.looked = 0
        super().__init__("language model", "http://nas", self._search, failures=failures, recover_s=recover_s)

    def _search(self) -> None:
        self.looked += 1
        if not self.there.is_set():
            raise AWAY


@pytest.fixture
def guard() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.close()


def test_they_are_what_they_stand_for(guard: Watched) -> None:
    chat: ChatModel = FallbackChat(Script(), Script(), guard)
    recogniser: Recogniser = FallbackRecogniser(Ears("a"), Ears("b"), guard)
    voice: Voice = FallbackVoice(Mouth("a"), Mouth("b"), guard)
    assert isinstance(chat, ToolCaller)
    assert isinstance(recogniser, Frugal)
    assert voice is not None


def test_the_server_answers(guard: Watched) -> None:
    remote, local = Script("Pa", "ris."), Script("Lyon.")
    chat = FallbackChat(remote, local, guard)
    assert "".join(chat.reply(CHAT)) == "Paris."
    assert chat.last_source == "server"
    assert chat.last_complete
    assert local.calls == []


def test_cut_off_by_its_length_is_passed_on(guard: Watched) -> None:
    chat = FallbackChat(Script("Pa", complete=False), Script(), guard)
    list(chat.reply(CHAT))
    assert not chat.last_complete


def test_nothing_came_so_the_local_model_answers(guard: Watched, caplog: pytest.LogCaptureFixture) -> None:
    chat = FallbackChat(Script(AWAY), Script("Par", "is."), guard)
    assert "".join(chat.reply(CHAT)) == "Paris."
    assert chat.last_source == "local"
    assert "".join(chat.reply(CHAT)) == "Paris."
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        "nobody there; the local language model takes over"
    ]


@pytest.mark.parametrize(
    ("said", "local", "heard"),
    [
        (("The capital of", " Fr"), ("ance is Paris", ".", " It has", " two"), "The capital of France is Paris."),
        (("The capital of", " Fr"), ("ance is Paris.", '" I said. Then'), 'The capital of France is Paris."'),
        (("The capital",), (" of France is Paris. It is",), "The capital of France is Paris."),
        (("It is Paris.",), ("Not asked.",), "It is Paris."),
        (("It is Paris. ",), ("Not asked.",), "It is Paris. "),
        (("It is 3",), (".1", "4 or so", ".", " Yes"), "It is 3.14 or so."),
        (("It is Par",), ("is",), "It is Paris"),
    ],
)
def test_broken_off_in_the_middle_the_local_model_ends_the_sentence(
    guard: Watched, said: tuple[str, ...], local: tuple[str, ...], heard: str
) -> None:
    board = Script(*local)
    chat = FallbackChat(Script(*said, AWAY), board, guard)
    assert "".join(chat.reply(CHAT)) == heard
    assert chat.last_source == "server"
    assert chat.last_complete
    assert board.calls in ([f"reply {''.join(said)}"], [])
    assert board.closed == len(board.calls)


def test_the_local_model_has_no_end_to_the_sentence_either(guard: Watched) -> None:
    chat = FallbackChat(Script("The capital", AWAY), Script(" of", complete=False), guard)
    assert "".join(chat.reply(CHAT)) == "The capital of"
    assert not chat.last_complete
    chat = FallbackChat(Script("The capital", AWAY), Script(), Watched())
    pieces = chat.reply(CHAT)
    assert next(pieces) == "The capital"
    with pytest.raises(ModelRunError, match="nobody there"):
        next(pieces)


def test_both_fail(guard: Watched) -> None:
    chat = FallbackChat(Script(AWAY), Script(ModelRunError("no memory")), guard)
    with pytest.raises(ModelRunError, match="no memory"):
        list(chat.reply(CHAT))


def test_an_error_in_the_program_is_not_hidden(guard: Watched) -> None:
    chat = FallbackChat(Script(ZeroDivisionError()), Script("Paris."), guard)
    with pytest.raises(ZeroDivisionError):
        list(chat.reply(CHAT))
    assert guard.permits()


def test_tools(guard: Watched) -> None:
    tools = [ToolSpec("timer", "", {})]
    request = ToolRequest("timer", {})
    assert list(FallbackChat(Script(request), Script(), guard).reply_with_tools(CHAT, tools)) == [request]
    assert list(FallbackChat(Script(AWAY), Script(request), guard).reply_with_tools(CHAT, tools)) == [request]
    plain = Plain("I cannot.")
    chat = FallbackChat(Script(AWAY), plain, Watched())
    assert list(chat.reply_with_tools(CHAT, tools)) == ["I cannot."]


# --- the breaker --------------------------------------------------------------------------------------------------


def test_a_dead_server_is_not_asked_every_turn_and_comes_back_by_itself(
    guard: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    remote = Script(AWAY)
    chat = FallbackChat(remote, Script("local"), guard)
    for _ in range(20):
        assert list(chat.reply(CHAT)) == ["local"]
    assert len(remote.calls) == 2
    assert eventually(lambda: guard.looked > 1)
    assert guard.state == "open"
    remote.answer = ("server",)
    guard.there.set()
    assert eventually(lambda: guard.state == "half-open")
    assert list(chat.reply(CHAT)) == ["server"]
    assert guard.state == "closed"
    assert caplog.messages[-1] == "the language model at http://nas answers again"
    assert eventually(lambda: not any(t.name == "nearfield-probe" for t in threading.enumerate()))


def test_there_again_but_still_ill(guard: Watched) -> None:
    remote = Script(AWAY)
    chat = FallbackChat(remote, Script("local"), guard)
    guard.there.set()
    for _ in range(2):
        list(chat.reply(CHAT))
    assert eventually(lambda: guard.state == "half-open")
    assert list(chat.reply(CHAT)) == ["local"]
    assert eventually(lambda: guard.state == "half-open")  # and again, later
    assert len(remote.calls) == 3


def test_known_to_be_away_at_the_start(guard: Watched) -> None:
    remote = Script("server")
    guard.trip(AWAY)
    assert list(FallbackChat(remote, Script("local"), guard).reply(CHAT)) == ["local"]
    assert remote.calls == []


def test_a_probe_that_raises_whatever_it_likes_looks_again(caplog: pytest.LogCaptureFixture) -> None:
    looked: list[int] = []

    def probe() -> None:
        looked.append(1)
        if len(looked) < 3:
            raise TypeError("'<' not supported between instances of 'NoneType' and 'str'")

    nosy = Guard("voice", "tcp://nas:10200", probe, recover_s=0.02)
    with contextlib.closing(nosy):
        nosy.trip(AWAY)
        assert eventually(lambda: nosy.state == "half-open", within_s=2.0)
    assert len(looked) == 3
    (logged,) = {r.getMessage() for r in caplog.records if r.exc_info}
    assert "tcp://nas:10200" in logged


def test_a_cancelled_call_tells_nothing(guard: Watched) -> None:
    chat = FallbackChat(Script(AWAY), Script("local"), guard)
    list(chat.reply(CHAT))
    chat = FallbackChat(Script("server"), Script("local"), guard)
    assert list(chat.reply(CHAT, cancelled=lambda: True)) == []
    chat = FallbackChat(Script(AWAY), Script("local"), guard)
    list(chat.reply(CHAT))
    assert guard.state == "open"  # two failures in a row, whatever was cancelled between


def test_an_answer_that_is_not_wanted_any_more_is_closed_and_counts_as_one(guard: Watched) -> None:
    guard.failed(AWAY)
    remote = Script("one", "two")
    pieces = FallbackChat(remote, Script(), guard).reply(CHAT)
    assert next(pieces) == "one"
    pieces.close()  # type: ignore[attr-defined]
    assert remote.closed == 1
    guard.failed(AWAY)
    assert guard.state == "closed"


def test_closing_ends_the_probe() -> None:
    watched = Watched(recover_s=60)
    watched.trip(AWAY)
    assert any(t.name == "nearfield-probe" for t in threading.enumerate())
    watched.close()
    assert not any(t.name == "nearfield-probe" for t in threading.enumerate())


# --- warming ------------------------------------------------------------------------------------------------------


def test_the_local_model_is_warmed_at_first_and_while_it_may_be_needed(guard: Watched) -> None:
    remote, local = Script("server"), Script("local")
    chat = FallbackChat(remote, local, guard)
    for _ in range(3):
        chat.warm(CHAT)
    assert (remote.calls, local.calls) == (["warm"] * 3, ["warm"])
    guard.trip(AWAY)
    chat.warm(CHAT)
    assert (len(remote.calls), local.calls) == (3, ["warm"] * 2)


# --- recogniser and voice -----------------------------------------------------------------------------------------


class Ears:
    """A recogniser that hears what it is told to."""

    frugal = False

    def __init__(self, heard: str | Exception, *, complete: bool = True) -> None:
        self.heard = heard
        self.complete = complete
        self.calls = 0

    def transcribe(self, audio: Any, *, cancelled: Cancelled = never, effort: Any = "final") -> Transcript:  # noqa: ARG002
        self.calls += 1
        if isinstance(self.heard, Exception):
            raise self.heard
        return Transcript(self.heard, 0.9, 1000.0, 1.0, complete=self.complete)


class Mouth:
    """A voice that says nothing but its name."""

    def __init__(self, name: str | Exception | None) -> None:
        self.name = name
        self.calls = 0

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        self.calls += 1
        if isinstance(self.name, Exception):
            raise self.name
        return self.name and Speech(self.name, np.zeros(1, dtype=np.int16), (Mark(1, 1),))  # type: ignore[return-value]


def test_the_recogniser_falls_back_in_the_same_call(guard: Watched) -> None:
    remote, local = Ears("from afar"), Ears("from here")
    ears = FallbackRecogniser(remote, local, guard)
    assert ears.transcribe(AUDIO).text == "from afar"
    assert ears.last_source == "server"
    remote.heard = AWAY
    for _ in range(5):
        assert ears.transcribe(AUDIO).text == "from here"
        assert ears.last_source == "local"
    assert remote.calls == 3
    assert local.calls == 5


def test_frugal_is_the_local_one(guard: Watched) -> None:
    local = Ears("here")
    ears = FallbackRecogniser(Ears("afar"), local, guard)
    ears.frugal = True
    assert local.frugal
    assert ears.frugal


def test_the_voice_falls_back_clause_by_clause(guard: Watched) -> None:
    remote, local = Mouth("afar"), Mouth("here")
    voice = FallbackVoice(remote, local, guard)
    speech = voice.speak("x")
    assert speech is not None
    assert speech.text == "afar"
    remote.name = AWAY
    for _ in range(5):
        speech = voice.speak("x")
        assert speech is not None
        assert speech.text == "here"
        assert voice.last_source == "local"
    assert remote.calls == 3


class Tone:
    """A voice that says everything, each sample of it at its own level."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.calls = 0

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:  # noqa: ARG002
        self.calls += 1
        return Speech(text, np.full(8, self.level, dtype=np.int16), (Mark(len(text), 8),))


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_phrase_of_the_local_voice_is_the_servers_again_once_it_is_back(guard: Watched, in_parts: bool) -> None:
    remote, local = Tone(1), Tone(2)
    phrases = PhraseVoice(FallbackVoice(remote, local, guard), keep=["One moment."])

    def level() -> int:
        (speech,) = phrases.speak_parts("One moment.") if in_parts else [phrases.speak("One moment.")]
        assert speech is not None
        return int(speech.pcm[0])

    guard.trip(AWAY)
    assert [level(), level()] == [2, 2]
    guard.there.set()
    assert eventually(lambda: guard.state == "half-open")
    assert [level(), level(), level()] == [1, 1, 1]
    assert (remote.calls, local.calls) == (1, 2), "what the server said is kept"


@pytest.mark.parametrize(
    "call",
    [
        lambda guard: FallbackRecogniser(Ears("", complete=False), Ears("x"), guard).transcribe(AUDIO),
        lambda guard: FallbackVoice(Mouth(None), Mouth("x"), guard).speak("x"),
    ],
)
def test_a_cancelled_call_is_not_made_again_locally(guard: Watched, call: Callable[[Guard], Any]) -> None:
    guard.failed(AWAY)
    result = call(guard)
    assert result is None or not result.complete
    guard.failed(AWAY)
    assert guard.state == "open"
