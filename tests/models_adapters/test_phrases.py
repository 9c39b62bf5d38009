"""The cache of phrases: what it keeps, what it forgets, and that it says nothing else than the voice."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.phrases import PhraseVoice
from models.protocols import Cancelled, Mark, Opening, Speech, never


class Counting:
    """Ten samples a character."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str, *, cancelled: Cancelled = never) -> Speech | None:
        self.said.append(text)
        if cancelled() or not text:
            return None
        return Speech(text, np.ones(10 * len(text), np.int16), (Mark(len(text), 10 * len(text)),))


def test_the_second_time_the_voice_is_not_asked() -> None:
    inner = Counting()
    voice = PhraseVoice(inner)
    first, second = voice.speak("Hello."), voice.speak("Hello.")
    assert first is not None
    assert second is first
    assert inner.said == ["Hello."]
    assert (voice.hits, voice.misses) == (1, 1)
    with pytest.raises(ValueError, match="read-only"):
        first.pcm[0] = 5


def test_what_was_cancelled_or_has_no_sound_is_not_kept() -> None:
    inner = Counting()
    voice = PhraseVoice(inner)
    assert voice.speak("Hello.", cancelled=lambda: True) is None
    assert voice.speak("") is None
    assert voice.speak("Hello.") is not None
    assert inner.said == ["Hello.", "", "Hello."]
    assert voice.speak("Hello.", cancelled=lambda: True) is None, "a cancelled call has no result, kept or not"


def test_the_longest_unused_goes_first_and_the_fixed_ones_stay() -> None:
    inner = Counting()
    voice = PhraseVoice(inner, keep=["fixed"], max_bytes=3 * 5 * 20)
    for text in ("fixed", "aaaaa", "bbbbb", "aaaaa", "ccccc"):  # bbbbb has to go
        voice.speak(text)
    inner.said.clear()
    for text in ("fixed", "aaaaa", "ccccc", "bbbbb"):
        voice.speak(text)
    assert inner.said == ["bbbbb"]


def test_long_clauses_are_not_kept() -> None:
    inner = Counting()
    voice = PhraseVoice(inner, max_chars=5, keep=["a fixed text"])
    for _ in range(2):
        voice.speak("too long")
        voice.speak("a fixed text")
    assert inner.said == ["too long", "a fixed text", "too long"]


class InParts(Counting):
    """A word a part."""

    def speak_parts(self, text: str, *, cancelled: Cancelled = never) -> Iterator[Speech]:
        for word in text.split():
            speech = self.speak(word, cancelled=cancelled)
            if speech is None:
                return
            yield speech


def test_what_came_in_parts_is_kept_whole() -> None:
    inner = InParts()
    voice = PhraseVoice(inner)
    assert [part.text for part in voice.speak_parts("Sure, I can.")] == ["Sure,", "I", "can."]
    (kept,) = voice.speak_parts("Sure, I can.")
    assert kept == voice.speak("Sure, I can.")
    assert inner.said == ["Sure,", "I", "can."]
    assert kept.text == "Sure, I can."
    assert kept.marks == (Mark(5, 50), Mark(7, 60), Mark(12, 100))
    assert len(kept.pcm) == 100
    assert list(voice.speak_parts("Sure, I can.", cancelled=lambda: True)) == []


def test_parts_that_were_cancelled_are_not_kept() -> None:
    voice = PhraseVoice(InParts())
    cancelled = False
    parts = voice.speak_parts("Sure, I can.", cancelled=lambda: cancelled)
    next(parts)
    cancelled = True
    assert list(parts) == []
    assert voice.held_bytes == 0


def test_a_voice_without_parts_gives_one() -> None:
    voice = PhraseVoice(Counting())
    (only,) = voice.speak_parts("Sure, I can.")
    assert only.text == "Sure, I can."
    assert list(voice.speak_parts("")) == []


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=8), max_size=60), st.integers(0, 400))
def test_the_bound_holds_and_the_words_are_right(texts: list[str], max_bytes: int) -> None:
    voice = PhraseVoice(Counting(), max_bytes=max_bytes)
    for text in texts:
        speech = voice.speak(text)
        assert speech is not None
        assert speech.text == text
        assert voice.held_bytes <= max_bytes
    assert voice.hits + voice.misses == len(texts)


def test_many_threads() -> None:
    voice = PhraseVoice(Counting(), max_bytes=500)
    wrong: list[str] = []

    def talk(seed: int) -> None:
        for i in range(300):
            text = "abcdefghij"[(seed * 7 + i * 3) % 10] * 5
            speech = voice.speak(text)
            if speech is None or speech.text != text:
                wrong.append(text)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert voice.held_bytes <= 500
    assert voice.hits + voice.misses == 1200


@pytest.mark.models
def test_in_front_of_the_real_voice(voice: Any) -> None:
    phrases = PhraseVoice(voice)
    made = phrases.speak("One moment.")
    assert made is not None
    again = phrases.speak("One moment.")
    assert again is made, "the voice varies from call to call: the same array is the proof"


class Beginning(Counting):
    behind_opening_ms = 65.0

    def open(self, text: str, *, cancelled: Cancelled = never) -> Opening | None:  # noqa: ARG002
        speech = self.speak(text.partition(" ")[0])
        return None if speech is None else Opening(speech, lambda whole, _cancelled: iter([self.speak(whole)]))  # type: ignore[list-item]


def test_a_clause_that_is_begun_early_goes_by_it() -> None:
    inner = Beginning()
    voice = PhraseVoice(inner)
    for _ in range(2):
        opening = voice.open("The capital of")
        assert opening is not None
        assert opening.part.text == "The"
    assert inner.said == ["The", "The"], "what clause that will be is not known"
    assert PhraseVoice(Counting()).open("The capital of") is None
    assert (voice.behind_opening_ms, PhraseVoice(Counting()).behind_opening_ms) == (65.0, None)
