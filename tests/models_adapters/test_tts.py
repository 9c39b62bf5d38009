"""Piper: what it says, how loud, where the words are, cancelling, bad files."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.clause_audio import PAUSES_MS
from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.loudness import loudness_lufs
from models.protocols import Mark, Speech, joined
from models.trim import SILENCE_DBFS
from models.tts import PiperVoice

CLAUSES = ["The lamp is on.", "No.", "To boil an egg,", "you need to heat the water.", "What would you like to do?"]


def level_lufs(speech: Speech) -> float:
    pcm = speech.pcm / 32768
    return loudness_lufs(pcm[: np.flatnonzero(pcm)[-1] + 1].astype(np.float32), rate_hz=16_000)


def check_marks(speech: Speech) -> None:
    assert speech.marks[-1] == Mark(len(speech.text), len(speech.pcm))
    assert len(speech.marks) == len(speech.text.split())
    for before, after in pairwise(speech.marks):
        assert before.chars < after.chars
        assert 0 <= before.samples <= after.samples


@pytest.mark.models
def test_what_it_says_is_understood(steady_voice: Any, recogniser: Any) -> None:
    text = "Dr. Jones will turn on the lights in the kitchen."
    speech = steady_voice.speak(text)
    assert speech.pcm.dtype == np.int16
    assert recogniser.transcribe((speech.pcm / 32768).astype(np.float32)).text == text


@pytest.mark.models
def test_without_variation_it_sounds_the_same_every_time(steady_voice: Any, voice: Any) -> None:
    assert np.array_equal(steady_voice.speak("Good morning.").pcm, steady_voice.speak("Good morning.").pcm)
    assert not np.array_equal(voice.speak("Good morning.").pcm, voice.speak("Good morning.").pcm)


@pytest.mark.models
def test_an_error_does_not_repeat_what_was_to_be_said(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are logged; words are not."""

    def fail(*_: object) -> None:
        raise RuntimeError("no such tensor")

    monkeypatch.setattr(voice, "_sentences", fail)
    with pytest.raises(ModelRunError, match="a text of 10 characters: no such tensor") as caught:
        voice.speak("My secret.")
    assert "secret" not in caught.value.message


@pytest.mark.models
def test_loudness(voice: Any) -> None:
    levels = [level_lufs(voice.speak(clause)) for clause in CLAUSES]
    assert np.mean(levels) == pytest.approx(-16.0, abs=1.5)
    assert np.ptp(levels) < 7.0


@pytest.mark.models
def test_nothing_clips(voice: Any) -> None:
    peaks = [np.abs(voice.speak(clause).pcm.astype(int)).max() for clause in CLAUSES]
    assert max(peaks) <= round(32767 * 10 ** (-1 / 20)) + 1


@pytest.mark.models
def test_it_begins_at_once_and_without_a_click(voice: Any) -> None:
    pcm = voice.speak("The lamp is on.").pcm / 32768
    levels = np.sqrt(np.mean(np.square(pcm[: len(pcm) // 160 * 160].reshape(-1, 160)), axis=1))
    assert np.flatnonzero(levels > 0.005)[0] <= 4  # within 40 ms
    assert abs(pcm[0]) < 0.01
    assert pcm[-1] == 0


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "sign"), [("the lamp is on,", ","), ("The lamp is on.", "."), ('"The lamp is on!"', "!")]
)
def test_the_pause_suits_the_sign(voice: Any, text: str, sign: str) -> None:
    pcm = voice.speak(text).pcm
    silence = len(pcm) - (np.flatnonzero(pcm)[-1] + 1)
    assert silence == pytest.approx(PAUSES_MS[sign] * 16, abs=16 * 5)


@pytest.mark.models
def test_marks_lie_between_the_words(voice: Any) -> None:
    """Half of the text is heard after about half of the speech, and a pause lies where the comma is."""
    speech = voice.speak("one two three four five, six seven eight nine ten.")
    check_marks(speech)
    five, six = speech.marks[4], speech.marks[5]
    assert 0.4 < five.samples / len(speech.pcm) < 0.6
    assert six.samples > five.samples
    near = np.abs(speech.pcm[five.samples - 800 : six.samples].astype(int))
    assert near.reshape(-1)[: len(near) // 80 * 80].reshape(-1, 80).max(axis=1).min() < 600


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith pays $5.20 at 3:45 p.m. on the 5th.",
        "It is 42 degrees — or 180°F.",
        "Hello there. How are you? Fine!",
        "of the and for it is",
        "  well, hello (you) there ",
        "[[abc]] U.S. e.g. AT&T 1,234.56",
        "naïve straße 日本",
    ],
)
def test_marks_of_difficult_text(voice: Any, text: str) -> None:
    check_marks(voice.speak(text))


@pytest.mark.models
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abc ABC.,!?'\"-—$%&0123456789()[]\n\x00é日😀", max_size=24))
def test_any_text(voice: Any, text: str) -> None:
    speech = voice.speak(text)
    if speech is not None:
        check_marks(speech)


@pytest.mark.models
@pytest.mark.parametrize("text", ["", "   ", "...", "—", "?!", "\n"])
def test_nothing_to_say(voice: Any, text: str) -> None:
    assert voice.speak(text) is None


@pytest.mark.models
def test_cancelled(voice: Any) -> None:
    assert voice.speak("The lamp is on.", cancelled=lambda: True) is None
    asked = 0

    def after_one_sentence() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    assert voice.speak("One. Two. Three. Four. Five. Six. Seven. Eight.", cancelled=after_one_sentence) is None
    assert asked < 5
    assert voice.speak("The lamp is on.") is not None


@pytest.mark.models
def test_long_sentences_are_made_in_parts(voice: Any) -> None:
    """Between two parts `cancelled` is asked, the marks go on, and the pause of a comma lies."""
    text = (
        "The ocean is home to countless species, from tiny plankton to the enormous blue whale, "
        "and it is also a place of mystery, where hardly anybody has ever been."
    )
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    speech = voice.speak(text, cancelled=count)
    check_marks(speech)
    assert asked >= 3
    at_whale = next(m.samples for m in speech.marks if text[: m.chars].endswith("whale,"))
    assert 0.4 < at_whale / len(speech.pcm) < 0.7


@pytest.mark.models
def test_a_voice_without_alignments(voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = type(voice._voice).phoneme_ids_to_audio

    def unpatched(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)[0], None

    aligned = voice.speak("one two three four five, six seven eight nine ten.")
    monkeypatch.setattr(type(voice._voice), "phoneme_ids_to_audio", unpatched)
    shared = voice.speak("one two three four five, six seven eight nine ten.")
    check_marks(shared)
    for a, b in zip(aligned.marks, shared.marks, strict=True):
        assert abs(a.samples - b.samples) < 0.15 * len(shared.pcm)


LONG = "It is a good idea to begin with the basics, and to go on from there to harder things."


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "The capital of France is Paris.",
        "Yes.",
        "Yes. It rains, and it will go on until Monday.",
        "Sure, here are three things,",
        "The number is 1,042 - and that is it.",
        LONG,
        "Of the",
    ],
)
def test_laid_end_to_end_the_parts_are_the_clause(steady_voice: Any, text: str) -> None:
    """To the last bit of rounding: so there is no seam to be heard, and its words are those of the whole."""
    whole = steady_voice.speak(text)
    parts = list(steady_voice.speak_parts(text))
    assert " ".join(part.text for part in parts) == text
    for part in parts:
        check_marks(part)
    together = joined(parts)
    assert len(together.pcm) == len(whole.pcm)
    assert np.abs(together.pcm.astype(int) - whole.pcm).max() <= 1
    for n, seam in enumerate(np.cumsum([len(part.pcm) for part in parts[:-1]])):
        # within 5 ms of the end of a word, or behind the pause of a sentence; the first part may be 0.3 s and some ms
        at_a_word = min(abs(mark.samples - seam) for mark in whole.marks) <= 80 or not whole.pcm[seam - 1]
        assert at_a_word or (n == 0 and 4_720 <= seam <= 5_600)
        heard = sum(len(part.text.split()) for part in parts[: n + 1])
        assert whole.marks[heard - 1].samples <= seam + 80, "the word that sounds is of the part in which it ends"
        begun = parts[n + 1].begun_samples
        assert begun == 0 if at_a_word else abs(seam - whole.marks[heard - 1].samples - begun) <= 1
        step = abs(int(together.pcm[seam]) - int(together.pcm[seam - 1]))
        assert step <= np.abs(np.diff(whole.pcm[max(0, seam - 400) : seam + 400].astype(int))).max() + 2


@pytest.mark.models
def test_the_first_part_is_short_and_the_rest_is_not_made_yet(
    steady_voice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    decode = steady_voice._vocoder.decode
    monkeypatch.setattr(steady_voice._vocoder, "decode", lambda z, a, b: made.append(b - a) or decode(z, a, b))
    parts = steady_voice.speak_parts(LONG)
    first = next(parts)
    assert 0.2 < len(first.pcm) / 16_000 < 1
    first_frames = sum(made)
    rest = list(parts)
    assert first_frames < sum(made) / 4
    assert sum(len(part.pcm) for part in rest) > 3 * len(first.pcm)


@pytest.mark.models
def test_parts_can_be_cancelled_between_them(steady_voice: Any) -> None:
    cancelled = False
    parts = steady_voice.speak_parts(LONG, cancelled=lambda: cancelled)
    assert next(parts).text
    cancelled = True
    assert list(parts) == []
    assert list(steady_voice.speak_parts(LONG, cancelled=lambda: True)) == []
    assert list(steady_voice.speak_parts("...")) == []
    abandoned = steady_voice.speak_parts(LONG)
    next(abandoned)  # nobody takes the rest: the voice is free all the same
    assert steady_voice.speak("Yes.") is not None


@pytest.mark.models
@pytest.mark.parametrize(("factor", "within"), [(0.05, True), (0.2, False)])
def test_the_first_part_ends_within_a_word_where_the_rest_is_made_quickly(
    steady_voice: Any, monkeypatch: pytest.MonkeyPatch, factor: float, within: bool
) -> None:
    monkeypatch.setattr(steady_voice, "_real_time_factor", factor)
    parts = steady_voice.speak_parts("The capital of France is Paris.")
    assert next(parts).text == ("The" if within else "The capital")
    parts.close()


@pytest.mark.models
def test_a_slow_machine_gets_the_clause_whole(steady_voice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady_voice, "_real_time_factor", 3.0)
    (only,) = steady_voice.speak_parts(LONG)
    assert only.text == LONG
    check_marks(only)


@pytest.mark.models
def test_a_voice_that_cannot_be_split_says_the_same(
    steady_voice: Any, model_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.vits_graph._FIRST_WEIGHT", "no such weight")
    whole = PiperVoice(model_path("piper-en_US-joe-medium"), variation=0.0)
    (only,) = whole.speak_parts("The capital of France is Paris.")
    split = steady_voice.speak("The capital of France is Paris.")
    assert abs(whole.gain_db - steady_voice.gain_db) < 0.01
    assert only.marks == split.marks
    assert np.abs(only.pcm.astype(int) - split.pcm).max() <= 8
    whole.close()


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="joe"):
        PiperVoice(tmp_path / "joe.onnx")


@pytest.mark.models
def test_no_description(tmp_path: Path, model_path: Any) -> None:
    path = tmp_path / "joe.onnx"
    shutil.copy(model_path("piper-en_US-joe-medium"), path)
    with pytest.raises(ModelMissingError, match=r"joe\.onnx\.json"):
        PiperVoice(path)
    path.with_name("joe.onnx.json").write_text('{"audio": {}}')
    with pytest.raises(ModelDamagedError, match=r"joe\.onnx\.json"):
        PiperVoice(path)


@pytest.mark.models
def test_not_a_model(tmp_path: Path, model_path: Any) -> None:
    path = tmp_path / "joe.onnx"
    path.write_bytes(b"nothing of the kind" * 100)
    source = model_path("piper-en_US-joe-medium")
    shutil.copy(source.with_name(source.name + ".json"), path.with_name("joe.onnx.json"))
    with pytest.raises(ModelDamagedError, match="joe"):
        PiperVoice(path)


def _silence_ms(pcm: Any, at: int) -> float:
    """Length of the stretch around sample `at` whose 5 ms levels stay below the voice's own idea of silence."""
    levels = np.sqrt(np.mean(np.square(pcm[: len(pcm) // 80 * 80].reshape(-1, 80) / 32768), axis=1))
    loud = np.flatnonzero(levels > 10 ** (SILENCE_DBFS / 20))
    before, after = loud[loud < at // 80], loud[loud >= at // 80]
    return float(after[0] - before[-1] - 1) * 5


@pytest.mark.models
@pytest.mark.parametrize(
    ("first", "second", "least_ms", "most_ms"),
    [
        ("Sure,", "I can help you with that.", 120, 200),
        ("If it rains tomorrow,", "take a coat.", 120, 200),
        ("The lamp is on.", "It is warm in here.", 250, 350),
        ("Is it late?", "Not at all.", 250, 350),
        ("The sky looks blue", "because sunlight is scattered.", 0, 60),
    ],
)
def test_a_join_is_a_pause_and_no_click(
    steady_voice: Any, first: str, second: str, least_ms: float, most_ms: float
) -> None:
    """Two clauses one behind the other, as they lie in the playback ring."""
    clauses = [steady_voice.speak(text) for text in (first, second)]
    joined = np.concatenate([clause.pcm for clause in clauses]).astype(int)
    at = len(clauses[0].pcm)
    assert least_ms <= _silence_ms(joined, at - 1) <= most_ms
    inside = max(int(np.abs(np.diff(clause.pcm.astype(int))).max()) for clause in clauses)
    across = int(np.abs(np.diff(joined[at - 80 : at + 80])).max())
    assert across <= inside / 10, "5 ms to both sides of the join are all but silent"


@pytest.mark.models
def test_a_description_of_another_voice_is_said_when_it_is_loaded(
    model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its phonemes have numbers that this network does not know."""
    path = model_path("piper-en_US-joe-medium")
    description = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
    description["phoneme_id_map"] = {sign: [100_000] for sign in description["phoneme_id_map"]}
    (tmp_path / "other.json").write_text(json.dumps(description))
    with pytest.raises(ModelDamagedError, match=rf"{path.name} cannot speak with other.json"):
        PiperVoice(path, config_path=tmp_path / "other.json")
