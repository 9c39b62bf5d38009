"""Against servers that people run: llama.cpp's, wyoming-piper, wyoming-whisper-cpp; with the models of this machine."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_servers import llama_server, piper_server, serving, whisper_server
from rude_server import eventually, free_port

from models.clause_audio import PAUSES_MS
from models.errors import ModelRunError
from models.fallback import FallbackChat, FallbackRecogniser, FallbackVoice
from models.guard import Guard
from models.loudness import loudness_lufs
from models.protocols import Message, ToolRequest, ToolSpec
from models.remote_llm import Patience, RemoteChat
from models.wyoming_link import Server
from models.wyoming_stt import WyomingRecogniser
from models.wyoming_tts import WyomingVoice

pytestmark = pytest.mark.models

CHAT = [Message("system", "Answer in one short sentence."), Message("user", "What is the capital of France?")]
STORY = [CHAT[0], Message("user", "Tell me a long story about the sea.")]
#: two cores, and other tests beside this one
PATIENT = Patience(connect_s=10, first_s=30, between_s=30)


@pytest.fixture(scope="module")
def llama(model_path: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model, port = model_path("smollm2-135m-instruct-q8_0"), free_port()
    with serving(*llama_server(model, port), port, tmp_path_factory.mktemp("llama")):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def whisper(model_path: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model, port, folder = model_path("whisper-tiny.en"), free_port(), tmp_path_factory.mktemp("whisper")
    with serving(*whisper_server(model, port, folder), port, folder):
        yield f"tcp://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def piper(model_path: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model, port, folder = model_path("piper-en_US-joe-medium"), free_port(), tmp_path_factory.mktemp("piper")
    with serving(*piper_server(model, port, folder), port, folder):
        yield f"tcp://127.0.0.1:{port}"


@pytest.fixture
def chat(llama: str) -> Iterator[RemoteChat]:
    with contextlib.closing(RemoteChat(llama, patience=PATIENT)) as model:
        yield model


def test_an_answer(chat: RemoteChat) -> None:
    chat.check()
    pieces = list(chat.reply(CHAT))
    assert "Paris" in "".join(pieces)
    assert len(pieces) > 3
    assert chat.last_complete


def test_an_answer_after_warming(chat: RemoteChat) -> None:
    chat.check()
    chat.warm(CHAT)
    assert "Paris" in "".join(chat.reply(CHAT))


def test_the_longest_answer(llama: str) -> None:
    with contextlib.closing(RemoteChat(llama, patience=PATIENT, max_reply_tokens=5)) as model:
        list(model.reply(STORY))
        assert not model.last_complete


def test_a_cancelled_answer_makes_room_for_the_next(chat: RemoteChat) -> None:
    for _ in range(3):
        pieces = chat.reply(STORY)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert "Paris" in "".join(chat.reply(CHAT))


def test_a_chat_with_what_a_tool_gave_back(chat: RemoteChat) -> None:
    assert "".join(chat.reply([*CHAT, Message("tool", "Paris"), Message("user", "So what is it?")]))


def test_tools_do_no_harm_to_a_model_that_knows_none(chat: RemoteChat) -> None:
    tool = ToolSpec("timer_set", "Sets a timer.", {"type": "object", "properties": {"minutes": {"type": "integer"}}})
    for item in chat.reply_with_tools(CHAT, [tool]):
        assert isinstance(item, str) or item == ToolRequest("timer_set", item.arguments)


def test_a_model_that_is_not_there(llama: str) -> None:
    with (
        contextlib.closing(RemoteChat(llama, model="huge", patience=PATIENT)) as model,
        pytest.raises(ModelRunError, match="no model 'huge'") as caught,
    ):
        model.check()
    assert "smol" in caught.value.hint


def test_speech_there_and_back(whisper: str, piper: str) -> None:
    with (
        contextlib.closing(WyomingVoice(Server(piper, 10, 30), begin_s=30)) as voice,
        contextlib.closing(WyomingRecogniser(Server(whisper, 10, 30))) as recogniser,
    ):
        voice.check()
        recogniser.check()
        speech = voice.speak("The capital of France is Paris.")
        assert speech is not None
        heard = recogniser.transcribe(speech.pcm.astype(np.float32) / 32768)
    assert "the capital of fran" in heard.text.lower()
    assert "paris" in heard.text.lower()
    assert heard.complete


def test_it_sounds_like_the_voice_on_the_board(piper: str, steady_voice: Any) -> None:
    text = "It rains in Spain, and the lamp is on."
    with contextlib.closing(WyomingVoice(Server(piper, 10, 30), begin_s=30)) as voice:
        remote, local = voice.speak(text), steady_voice.speak(text)
    assert remote is not None
    pause = PAUSES_MS["."] * 16
    levels = [loudness_lufs(s.pcm[:-pause].astype(np.float32) / 32768, rate_hz=16_000) for s in (remote, local)]
    assert abs(levels[0] - levels[1]) < 2.0  # the same voice, but each time it speaks a little differently
    assert 0.8 < len(remote.pcm) / len(local.pcm) < 1.25
    differences = [abs(r.samples - at.samples) for r, at in zip(remote.marks, local.marks, strict=True)]
    assert max(differences) < 16_000 * 0.45  # half a second of 2.5 s: shares of letters are but a guess


def test_a_server_that_dies_within_a_turn_and_comes_back(
    model_path: Callable[[str], Path], chat_model: Any, tmp_path: Path
) -> None:
    model, port = model_path("smollm2-135m-instruct-q8_0"), free_port()
    with contextlib.ExitStack() as stack:
        remote = RemoteChat(f"http://127.0.0.1:{port}", patience=PATIENT)
        stack.callback(remote.close)
        guard = Guard("language model", remote.url, remote.check, failures=1, recover_s=0.2)
        stack.callback(guard.close)
        chat = FallbackChat(remote, chat_model, guard)
        with serving(*llama_server(model, port), port, tmp_path) as process:
            pieces = chat.reply(STORY)
            said = next(pieces) + next(pieces)
            process.kill()
            process.wait()
            said += "".join(pieces)
            assert len(said) > 20  # the local model has ended the sentence
            assert chat.last_source == "server"
            assert "Paris" in "".join(chat.reply(CHAT))
            assert chat.last_source == "local"
        with serving(*llama_server(model, port), port, tmp_path):
            assert eventually(lambda: guard.state == "half-open", 30)
            assert "Paris" in "".join(chat.reply(CHAT))
            assert chat.last_source == "server"


def test_ears_and_voice_fall_back_to_the_real_ones(recogniser: Any, voice: Any) -> None:
    away = Server(f"tcp://127.0.0.1:{free_port()}", connect_s=5)
    with (
        contextlib.closing(WyomingRecogniser(away)) as far_ears,
        contextlib.closing(WyomingVoice(away)) as far_voice,
    ):
        mouth = FallbackVoice(far_voice, voice, Guard("voice", away.uri, far_voice.check, failures=9))
        speech = mouth.speak("What time is it?")
        assert speech is not None
        ears = FallbackRecogniser(far_ears, recogniser, Guard("recogniser", away.uri, far_ears.check, failures=9))
        assert "time" in ears.transcribe(speech.pcm.astype(np.float32) / 32768).text
        assert (ears.last_source, mouth.last_source) == ("local", "local")
