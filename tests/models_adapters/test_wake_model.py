"""microWakeWord behind its adapter: real recordings, several words, and files that are none."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.files import load_audio
from models.errors import ModelDamagedError, ModelError, ModelMissingError
from models.protocols import Int16s, WakeDetection
from models.store import ModelStore
from models.wake import WakeWord, WakeWords, sensitive

ROOM = np.random.default_rng(7).normal(0, 8, 32_000).astype(np.int16)


@pytest.fixture(scope="module")
def folder(store: ModelStore) -> Path:
    """The pulled models."""
    try:
        return store.path("microwakeword", "okay_nabu-config").parent
    except ModelMissingError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="module")
def words(folder: Path) -> Iterator[WakeWords]:
    made = WakeWords([WakeWord.of_file(folder / f"{name}.json") for name in ("okay_nabu", "hey_jarvis", "alexa")])
    yield made
    made.close()


def heard(words: WakeWords, pcm: Int16s, block: int = 160) -> list[WakeDetection]:
    words.reset()
    return [d for at in range(0, len(pcm), block) for d in words.feed(pcm[at : at + block], at)]


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Callable[[str], Int16s]:
    """A recording in a quiet room."""
    return lambda name: np.concatenate([ROOM, load_audio(shared_data / "wake" / name), ROOM[:16_000]])


@pytest.mark.models
@pytest.mark.shared
def test_each_word_is_told_from_the_others(words: WakeWords, recorded: Callable[[str], Int16s]) -> None:
    said = np.concatenate(
        [recorded(f) for f in ("okay_nabu/pymicro_2.wav", "hey_jarvis/pymicro_2.wav", "alexa/2.flac")]
    )
    found = heard(words, said)
    assert [d.word for d in found] == ["okay_nabu", "hey_jarvis", "alexa"]
    assert [d.phrase for d in found] == ["Okay Nabu", "Hey Jarvis", "Alexa"]
    assert all(0.85 < d.probability <= 1 for d in found)
    assert [d.end_sample for d in found] == sorted(d.end_sample for d in found)


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("block", [1, 159, 161, 4000])
def test_the_size_of_the_blocks_does_not_count(words: WakeWords, recorded: Callable[[str], Int16s], block: int) -> None:
    said = recorded("okay_nabu/pymicro_2.wav")[16_000:]
    assert heard(words, said, block) == heard(words, said)


@pytest.mark.models
@pytest.mark.shared
def test_once_said_is_once_detected_and_a_gap_begins_anew(words: WakeWords, recorded: Callable[[str], Int16s]) -> None:
    said = recorded("okay_nabu/wyoming_okay_nabu.wav")
    assert len(heard(words, said)) == 1
    again = [d for at in range(0, len(said), 160) for d in words.feed(said[at : at + 160], 10_000_000 + at)]
    assert [d.word for d in again] == ["okay_nabu"]
    assert 10_000_000 < again[0].end_sample <= 10_000_000 + len(said) + 160


@pytest.mark.models
def test_silence_and_noise_are_no_word(words: WakeWords) -> None:
    rng = np.random.default_rng(1)
    loud = rng.normal(0, 4000, 80_000).astype(np.int16)
    full = np.where(rng.random(80_000) < 0.5, -32768, 32767).astype(np.int16)
    assert heard(words, np.concatenate([np.zeros(80_000, np.int16), loud, full])) == []


@given(st.floats(0.05, 0.99), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_more_sensitive_never_means_a_higher_cutoff(cutoff: float, a: float, b: float) -> None:
    assert sensitive(cutoff, 0.5) == pytest.approx(cutoff)
    assert sensitive(cutoff, max(a, b)) <= sensitive(cutoff, min(a, b)) < 1
    assert sensitive(cutoff, max(a, b)) > 0


def test_a_word_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="no wake word"):
        WakeWord.of_file(tmp_path / "none.json")


GOOD = {"wake_word": "Hello", "model": "hello.tflite", "micro": {"probability_cutoff": 0.9, "sliding_window_size": 5}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "the whole of it"),
        (json.dumps(GOOD | {"model": "../hello.tflite"}), "model: "),
        (json.dumps(GOOD | {"micro": {"probability_cutoff": 9, "sliding_window_size": 5}}), "micro.probability_cutoff"),
        (json.dumps(GOOD | {"micro": {"probability_cutoff": 0.9}}), "micro.sliding_window_size"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "wake_word"}), "wake_word"),
    ],
)
def test_a_description_that_is_none(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "hello.tflite").write_bytes(b"x")
    (tmp_path / "hello.json").write_text(text)
    with pytest.raises(ModelDamagedError, match=why):
        WakeWord.of_file(tmp_path / "hello.json")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(ModelDamagedError, match="is not a wake word"):
        WakeWord.of_file(tmp_path / "hello.json")


def test_a_network_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_text(json.dumps(GOOD))
    with pytest.raises(ModelMissingError, match="not beside it"):
        WakeWord.of_file(tmp_path / "hello.json")


def own_word(folder: Path, network: bytes) -> WakeWord:
    (folder / "hello.json").write_text(json.dumps(GOOD))
    (folder / "hello.tflite").write_bytes(network)
    return WakeWord.of_file(folder / "hello.json")


@pytest.mark.parametrize("network", [b"", b"hello world" * 100, b"TFL3" * 1000, b"\0" * 5000])
def test_a_network_that_is_none(tmp_path: Path, network: bytes) -> None:
    with pytest.raises(ModelDamagedError, match=r"hello\.tflite is not a wake word"):
        WakeWords([own_word(tmp_path, network)])


@pytest.mark.models
def test_a_network_that_is_cut_off_anywhere(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "okay_nabu.tflite").read_bytes()
    for kept in (10, 1000, len(whole) // 2, len(whole) - 5000):
        with pytest.raises(ModelError):
            WakeWords([own_word(tmp_path, whole[:kept])])


@pytest.mark.models
@pytest.mark.shared
def test_ones_own_model_from_a_file(folder: Path, tmp_path: Path, recorded: Callable[[str], Int16s]) -> None:
    shutil.copy(folder / "alexa.tflite", tmp_path / "mine.tflite")
    described = json.loads((folder / "alexa.json").read_text()) | {"model": "mine.tflite", "wake_word": "My Word"}
    (tmp_path / "computer.json").write_text(json.dumps(described))
    mine = WakeWords([WakeWord.of_file(tmp_path / "computer.json")])
    assert [(d.word, d.phrase) for d in heard(mine, recorded("alexa/2.flac"))] == [("computer", "My Word")]
    mine.close()


@pytest.mark.models
@pytest.mark.shared
def test_sensitivity_decides_a_doubtful_one(folder: Path, shared_data: Path) -> None:
    """Recorded at 0.95 for a cut-off of 0.9."""
    said = np.concatenate([ROOM, load_audio(shared_data / "wake" / "alexa/145.flac"), ROOM[:16_000]])
    hits = {}
    for sensitivity in (0.0, 0.5):
        listener = WakeWords([WakeWord.of_file(folder / "alexa.json", sensitivity=sensitivity)])
        hits[sensitivity] = len(heard(listener, said))
        listener.close()
    assert hits == {0.0: 0, 0.5: 1}
