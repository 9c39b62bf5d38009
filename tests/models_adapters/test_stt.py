"""whisper.cpp: words, silence, cancelling, bad files."""

import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelDamagedError, ModelMissingError
from models.protocols import Effort, Expecting
from models.stt import (
    CONTEXT_MARGIN,
    FRUGAL_CONTEXT,
    FULL_CONTEXT,
    LOOP_CONTEXT,
    MIN_CONTEXT,
    SAMPLES_PER_POSITION,
    WhisperCpp,
    context_for,
    least_of_words,
)


def spoken(steady_voice: Any, text: str) -> np.ndarray:
    """`text` as it comes from a microphone: 0.25 s around it, some hiss."""
    speech = steady_voice.speak(text).pcm / 32768
    audio = np.concatenate([np.zeros(4000), speech, np.zeros(4000)])
    return (audio + np.random.default_rng(0).normal(0, 1e-3, len(audio))).astype(np.float32)


@pytest.fixture
def passes(recogniser: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Encoder positions of each pass over the audio that the recogniser makes from now on."""
    contexts: list[int] = []
    decode = recogniser._decode

    def counted(audio: np.ndarray, context: int, *rest: Any) -> Any:
        contexts.append(context)
        return decode(audio, context, *rest)

    monkeypatch.setattr(recogniser, "_decode", counted)
    monkeypatch.setattr(recogniser, "frugal", False)
    return contexts


@given(st.integers(0, 100 * 16_000), st.sampled_from([FRUGAL_CONTEXT, MIN_CONTEXT]))
def test_the_window_holds_the_utterance(samples: int, floor: int) -> None:
    context = context_for(samples, floor=floor)
    assert floor <= context <= FULL_CONTEXT
    assert context == FULL_CONTEXT or context * SAMPLES_PER_POSITION >= samples + CONTEXT_MARGIN * SAMPLES_PER_POSITION


@pytest.mark.models
def test_words(recogniser: Any, steady_voice: Any) -> None:
    heard = recogniser.transcribe(spoken(steady_voice, "Please turn on the lights in the kitchen."))
    assert heard.text == "Please turn on the lights in the kitchen."
    assert heard.complete
    assert heard.probability > 0.6
    assert heard.decode_ms > 0


def test_each_word_has_its_probability(recogniser: Any, steady_voice: Any) -> None:
    heard = recogniser.transcribe(spoken(steady_voice, "The capital of France is Paris."))
    assert len(heard.word_probabilities) == len(heard.text.split())
    assert all(0 < p <= 1 for p in heard.word_probabilities)
    assert min(heard.word_probabilities) <= heard.probability
    assert recogniser.transcribe(np.zeros(16_000, np.float32)).word_probabilities == ()


def test_a_word_is_as_probable_as_the_least_of_its_tokens_that_has_a_letter() -> None:
    pieces = [b" It", b" cost", b"s", b" \xc3", b"\xa9", b"t\xc3\xa9", b"."]
    least = least_of_words("It costs été.", pieces, [math.log(p) for p in (0.9, 0.8, 0.5, 0.7, 0.6, 0.9, 0.1)])
    assert least == pytest.approx((0.9, 0.5, 0.6))
    assert least_of_words("It lost", pieces, [0.0] * len(pieces)) == ()


@pytest.mark.models
@pytest.mark.parametrize("word", ["Yes.", "No.", "Stop.", "Next.", "Thank you."])
def test_one_word_is_enough(recogniser: Any, steady_voice: Any, word: str) -> None:
    heard = recogniser.transcribe(spoken(steady_voice, word))
    assert heard.text.rstrip(".!").lower() == word.rstrip(".").lower()


@pytest.mark.models
@pytest.mark.parametrize(("silence_ms", "put_ms"), [(0, (400, 500)), (500, (0, 250)), (1_000, (0, 0))])
def test_much_silence_before_the_words_is_not_made_more(
    recogniser: Any, steady_voice: Any, monkeypatch: pytest.MonkeyPatch, silence_ms: int, put_ms: tuple[int, int]
) -> None:
    """With much of it before the first word an utterance is said twice."""
    given: list[int] = []
    decode = recogniser._decode
    monkeypatch.setattr(recogniser, "_decode", lambda audio, *rest: (given.append(len(audio)), decode(audio, *rest))[1])
    words = spoken(steady_voice, "Turn on the lights.")
    audio = np.concatenate([np.zeros(silence_ms * 16, np.float32), words])
    assert recogniser.transcribe(audio).text == "Turn on the lights."
    assert put_ms[0] <= (given[0] - len(audio)) / 16 <= put_ms[1]


@pytest.mark.models
@pytest.mark.parametrize("name", ["next", "pause", "resume"])
def test_recorded_one_word_commands_are_not_lost(recogniser: Any, shared_data: Path, name: str) -> None:
    import soundfile  # noqa: PLC0415

    audio, _ = soundfile.read(shared_data / "ha_commands_en" / f"{name}.wav", dtype="float32")
    assert recogniser.transcribe(audio).text != ""


@pytest.mark.models
@pytest.mark.parametrize("level_db", [-120, -60, -40, -20])
def test_silence_and_hiss_say_nothing(recogniser: Any, level_db: int) -> None:
    noise = np.random.default_rng(1).normal(0, 10 ** (level_db / 20), 32_000).astype(np.float32)
    heard = recogniser.transcribe(noise)
    assert (heard.text, heard.probability, heard.complete) == ("", 0.0, True)


@pytest.mark.models
def test_household_noise_says_hardly_anything(recogniser: Any, shared_data: Path) -> None:
    import soundfile  # noqa: PLC0415
    import soxr  # noqa: PLC0415

    files = [f for f in sorted((shared_data / "noise").iterdir()) if f.suffix in {".wav", ".ogg", ".flac"}][::3]
    said = []
    for file in files:
        audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
        clip = soxr.resample(audio.mean(axis=1), rate, 16_000)[: 3 * 16_000]
        said.append(recogniser.transcribe(clip.astype(np.float32)).text)
    assert sum(text != "" for text in said) <= 1, said


@pytest.mark.models
@pytest.mark.parametrize(("effort", "most"), [("partial", 1), ("final", 2)])
def test_what_says_nothing_is_heard_again_only_for_a_final_text(
    recogniser: Any, passes: list[int], effort: Effort, most: int
) -> None:
    assert recogniser.transcribe(np.zeros(32_000, dtype=np.float32), effort=effort).text == ""
    assert passes == [MIN_CONTEXT] * most


@pytest.mark.models
def test_second_tries_are_never_the_whole_window(recogniser: Any, passes: list[int], shared_data: Path) -> None:
    """Short words at half speed, twice as fast, soft: what the model is least sure of, and loops most on."""
    import soundfile  # noqa: PLC0415

    for file in sorted((shared_data / "ha_commands_en").glob("*.wav"))[::5]:
        audio, _ = soundfile.read(file, dtype="float32")
        for odd in (audio[::2], np.repeat(audio[8_000:24_000], 2), np.tile(audio[12_000:20_000], 3) / 8):
            passes.clear()
            recogniser.transcribe(odd)
            first = context_for(len(odd) + 8_000)
            assert passes[0] == first
            assert len(passes) <= 3
            assert max(passes) <= first + LOOP_CONTEXT


@pytest.mark.models
def test_cancelled_between_two_tries(recogniser: Any, passes: list[int]) -> None:
    heard = recogniser.transcribe(np.zeros(32_000, dtype=np.float32), cancelled=lambda: len(passes) >= 2)
    assert (heard.text, heard.complete) == ("", False)


@pytest.mark.models
def test_frugal_narrows_the_window_of_short_utterances(
    recogniser: Any, passes: list[int], monkeypatch: pytest.MonkeyPatch, steady_voice: Any
) -> None:
    monkeypatch.setattr(recogniser, "frugal", True)
    heard = recogniser.transcribe(spoken(steady_voice, "What time is it?"))
    assert heard.text == "What time is it?"
    assert FRUGAL_CONTEXT <= passes[0] < MIN_CONTEXT


@pytest.mark.models
@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_too_little_audio(recogniser: Any, samples: int) -> None:
    heard = recogniser.transcribe(np.zeros(samples, dtype=np.float32))
    assert heard.text == ""
    assert heard.complete
    assert heard.audio_ms == samples / 16


@pytest.mark.models
def test_more_than_the_window(recogniser: Any, steady_voice: Any) -> None:
    part = spoken(steady_voice, "The ocean is a vast and mysterious place, and it is home to countless species.")
    last = spoken(steady_voice, "Please turn on the lights in the kitchen.")
    audio = np.concatenate([*[part] * (30 * 16_000 // len(part) + 1), last])
    assert len(audio) > 30 * 16_000
    heard = recogniser.transcribe(audio)
    assert heard.text.lower().count("ocean") >= 3
    assert "kitchen" in heard.text[-40:]


@pytest.mark.models
def test_cancelled_before_and_during(recogniser: Any, steady_voice: Any) -> None:
    audio = spoken(steady_voice, "The weather in my area is mostly sunny, with a light breeze.")
    before = recogniser.transcribe(audio, cancelled=lambda: True)
    assert (before.text, before.complete) == ("", False)
    asked = 0

    def later() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    during = recogniser.transcribe(audio, cancelled=later)
    assert (during.text, during.complete) == ("", False)
    assert asked < 8  # it came back, it did not go on asking at every token
    assert "sunny" in recogniser.transcribe(audio).text


@pytest.mark.models
def test_callers_wait_for_each_other(recogniser: Any, steady_voice: Any) -> None:
    texts = ["Turn on the lights in the kitchen.", "What is the capital of France?"]
    clips = [spoken(steady_voice, text) for text in texts]
    heard = ["", ""]

    def work(i: int) -> None:
        heard[i] = recogniser.transcribe(clips[i]).text

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == texts


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="tiny"):
        WhisperCpp(tmp_path / "tiny.bin")


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "tiny.bin"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(ModelDamagedError, match="not a whisper"):
        WhisperCpp(path)


@pytest.mark.models
def test_a_truncated_model(tmp_path: Path, model_path: Any) -> None:
    path = tmp_path / "tiny.bin"
    whole = model_path("whisper-tiny.en").read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ModelDamagedError, match="cannot be loaded") as failure:
        WhisperCpp(path)
    assert "nearfield models verify" in failure.value.hint


@pytest.mark.models
def test_closed_and_quiet_at_exit(model_path: Any) -> None:
    """In a process of its own: it ends well, says nothing on either stream, and a closed model says so."""
    script = (
        "import sys, numpy as np; from pathlib import Path; from models.stt import WhisperCpp\n"
        "from models.errors import ModelRunError\n"
        "model = WhisperCpp(Path(sys.argv[1])); other = WhisperCpp(Path(sys.argv[1]))\n"
        "audio = np.zeros(16000, np.float32); asked = iter([False] * 4)\n"
        "model.transcribe(audio, cancelled=lambda: next(asked, True)); model.close(); model.close()\n"
        "try: model.transcribe(audio)\n"
        "except ModelRunError: sys.exit(7)\n"
    )
    path = str(model_path("whisper-tiny.en"))
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


@pytest.mark.models
def test_what_is_expected_is_heard_and_forgotten(recogniser: Any, shared_data: Path) -> None:
    import soundfile  # noqa: PLC0415

    audio, _ = soundfile.read(shared_data / "ha_commands_en" / "add_apples_to_my_Shopping_List.wav", dtype="float32")
    before = recogniser.transcribe(audio).text
    assert isinstance(recogniser, Expecting)
    assert "shopping list" in recogniser.transcribe_expecting(audio, "Add milk to my shopping list.").text.lower()
    assert recogniser.transcribe(audio).text == before
    assert not recogniser.transcribe_expecting(audio, "Add.", cancelled=lambda: True).complete
