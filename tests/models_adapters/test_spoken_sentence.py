"""Two pictures of the same words are pasted together where a word ends."""

import numpy as np
import pytest

from models.spoken_sentence import Sentence, certain_samples, spliced

FRAME = 100.0  # samples


def sentence(phonemes: str, frames_each: int, value: float, **more: object) -> Sentence:
    """`frames_each` a phoneme, behind two frames of silence; the picture is `value` everywhere."""
    ends = (2 + frames_each * np.arange(1, len(phonemes) + 1)) * FRAME
    frames = 2 + frames_each * len(phonemes)
    return Sentence(
        list(phonemes), 2 * FRAME, ends, timed=True, latent=np.full((1, 3, frames), value, np.float32),
        raw=np.zeros(0, np.float32), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_what_is_certain_ends_before_the_last_word() -> None:
    assert certain_samples(sentence("ab cd e,", 4, 1)) == (2 + 4 * 6) * FRAME
    assert certain_samples(sentence("abc", 4, 1)) == 0


def test_it_goes_on_with_the_other_at_the_end_of_a_word() -> None:
    begun = sentence("ab cd e,", 4, 1.0, frames=8, given=700.0)
    whole = sentence("ab cd efgh.", 5, 2.0)
    out = spliced(begun, whole, frame_samples=FRAME)
    (seam,) = np.flatnonzero(np.diff(out.latent[0, 0])) + 1
    assert seam == 2 + 4 * 3, "behind the space, which is the first end of a word that is decoded"
    assert out.latent.shape[2] == seam + 5 * 8
    assert out.phonemes == whole.phonemes
    assert list(out.ends) == [*begun.ends[:3], *(whole.ends[3:] + (14 - 17) * FRAME)]
    assert (out.frames, out.again, out.given, out.begins) == (8, 1, 700.0, begun.begins)


def test_not_too_near_to_what_was_given() -> None:
    begun = sentence("ab cd e,", 4, 1.0, frames=12)
    (seam,) = np.flatnonzero(np.diff(spliced(begun, sentence("ab cd efgh.", 5, 2.0), frame_samples=FRAME,
                                             margin_samples=300).latent[0, 0])) + 1  # fmt: skip
    assert seam == 2 + 4 * 6


@pytest.mark.parametrize(
    ("said", "whole", "seam", "rest"),
    [
        ("ab xx e,", "ab cd efgh.", 2 + 4 * 6, 5),  # the second word became another: as many words
        ("ab x e,", "ab cdcd efgh.", 2 + 4 * 5, 5),  # ... of another length
        ("xb cd e,", "ab.", 2 + 4 * 3, 0),  # there are not as many
        ("xb xx e,", "ab cd.", 2 + 4 * 6, 0),  # ... nor here, where two were said
        ("abcd", "abcd efgh.", 2 + 4 * 4, 6),  # one word: all of it was said
    ],
)
def test_a_word_that_was_said_in_another_way(said: str, whole: str, seam: int, rest: int) -> None:
    """Nothing of what was given is lost, and no word comes twice."""
    decoded = 15 if len(said) > 4 and said[3] != "c" else 8
    out = spliced(sentence(said, 4, 1.0, frames=decoded), sentence(whole, 5, 2.0), frame_samples=FRAME)
    assert np.count_nonzero(out.latent[0, 0] == 1.0) == seam
    assert np.count_nonzero(out.latent[0, 0] == 2.0) == rest * 5
    assert len(out.ends) == len(whole)
    assert np.all(np.diff(out.ends) >= 0)
    assert out.ends[-1] <= out.latent.shape[2] * FRAME
