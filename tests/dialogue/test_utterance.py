"""Long utterances: what is decoded, what is frozen; no word is lost or doubled where a cut falls between words."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from device.dialogue.utterance import Stretch, UtterancePolicy, UtteranceWindow

SECOND = 16_000
BLOCK = SECOND // 50  # 20 ms
POLICY = UtterancePolicy()


@dataclass
class Word:
    text: str
    start: int
    end: int


def speech(words_ms: list[tuple[int, int]]) -> list[Word]:
    """`words_ms`: for each word its length and the silence behind it."""
    at, out = 0, []
    for i, (length, silence) in enumerate(words_ms):
        start, end = at, at + length * 16
        out.append(Word(f"w{i}", start, end))
        at = end + silence * 16
    return out


def hear(words: list[Word], window: UtteranceWindow, stretches: list[Stretch], pause_decodes: bool = True) -> str:
    """Speak `words` to the window; the recogniser understands every word that is whole in what it gets."""

    def decode(now: int, *, last: bool = False) -> None:
        while True:
            stretch = window.stretch(now, last=last)
            stretches.append(stretch)
            inside = [w.text for w in words if w.start >= stretch.start_sample and w.end <= stretch.end_sample]
            assert window.decoded(" ".join(inside), stretch)
            if not stretch.cut:
                return

    end = words[-1].end
    silent_since: int | None = None
    decoded_in_pause = False
    for at in range(0, end, BLOCK):
        voiced = any(w.start < at + BLOCK and w.end > at for w in words)
        window.level(at, at + BLOCK, 1.0 if voiced else 0.01)
        if voiced:
            if silent_since is not None and at - silent_since >= 128 * 16:
                window.pause(silent_since, at)
            silent_since, decoded_in_pause = None, False
            if window.overdue(at + BLOCK):
                decode(at + BLOCK)
        else:
            silent_since = at if silent_since is None else silent_since
            if pause_decodes and not decoded_in_pause and at + BLOCK - silent_since >= 128 * 16:
                decoded_in_pause = True
                decode(at + BLOCK)
    decode(end + 2 * SECOND // 10, last=True)
    return window.text


def test_a_short_utterance_is_decoded_whole() -> None:
    window = UtteranceWindow(POLICY, 1_000)
    assert window.stretch(50_000) == Stretch(1_000, 50_000)
    assert window.decoded("Turn it on.", Stretch(1_000, 50_000))
    assert (window.text, window.frozen, window.covered_sample) == ("Turn it on.", "", 50_000)


def test_a_pause_freezes_what_was_decoded_in_it() -> None:
    window = UtteranceWindow(POLICY, 0)
    window.decoded("first part", Stretch(0, 8 * SECOND + 2_100))
    window.pause(8 * SECOND, 9 * SECOND)
    assert window.stretch(11 * SECOND).start_sample == 0  # not long yet
    assert window.stretch(13 * SECOND) == Stretch(9 * SECOND - 4_800, 13 * SECOND)
    assert (window.frozen, window.text) == ("first part", "first part")


def test_a_pause_without_a_text_asks_for_one() -> None:
    window = UtteranceWindow(POLICY, 0)
    window.pause(8 * SECOND, 9 * SECOND)
    cut = window.stretch(13 * SECOND)
    assert cut.cut and 8 * SECOND <= cut.end_sample <= 9 * SECOND
    assert window.stretch(13 * SECOND, last=True) == Stretch(0, 13 * SECOND)  # somebody waits: all in one
    assert window.decoded("first part", cut)
    assert window.stretch(13 * SECOND).start_sample == 9 * SECOND - 4_800


def test_text_of_before_the_cut_is_too_late_after_it() -> None:
    window = UtteranceWindow(POLICY, 0)
    window.decoded("first part", Stretch(0, 8 * SECOND + 2_100))
    window.pause(8 * SECOND, 9 * SECOND)
    window.stretch(13 * SECOND)
    assert not window.decoded("first part and", Stretch(0, 12 * SECOND))
    assert window.text == "first part"


def test_the_text_does_not_shrink_while_a_cut_is_decoded() -> None:
    window = UtteranceWindow(POLICY, 0)
    window.pause(8 * SECOND, 9 * SECOND)
    window.decoded("first part and second", Stretch(0, 11 * SECOND))
    window.decoded("first part", window.stretch(13 * SECOND))
    assert window.text == "first part and second"


def test_what_the_cut_made_of_the_end_is_not_kept() -> None:
    window = UtteranceWindow(POLICY, 0)
    window.pause(8 * SECOND, 9 * SECOND)
    window.decoded("first part...", window.stretch(13 * SECOND))
    window.decoded("and second.", window.stretch(14 * SECOND))
    assert window.text == "first part and second."


def test_without_pauses_it_is_cut_at_the_quietest_place() -> None:
    words = speech([(300, 40)] * 40 + [(300, 120)] + [(300, 40)] * 60)
    stretches: list[Stretch] = []
    window = UtteranceWindow(POLICY, 0)
    text = hear(words, window, stretches, pause_decodes=False)
    cuts = [s for s in stretches if s.cut]
    assert len(cuts) == 1
    assert text.split() == [w.text for w in words]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(150, 900), st.sampled_from([0, 30, 100, 150, 300, 700, 2_000])), min_size=60))
def test_no_word_is_lost_or_doubled_at_a_pause(words_ms: list[tuple[int, int]]) -> None:
    words_ms = [(length, 300 if i % 15 == 14 else silence) for i, (length, silence) in enumerate(words_ms)]
    words = speech(words_ms)
    stretches: list[Stretch] = []
    assert hear(words, UtteranceWindow(POLICY, 0), stretches).split() == [w.text for w in words]
    assert max(s.end_sample - s.start_sample for s in stretches) <= 30 * SECOND


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(150, 900), min_size=100, max_size=200))
def test_time_and_memory_are_bounded_without_pauses(lengths_ms: list[int]) -> None:
    words = speech([(length, 0) for length in lengths_ms])
    stretches: list[Stretch] = []
    window = UtteranceWindow(POLICY, 0)
    text = hear(words, window, stretches).split()
    assert max(s.end_sample - s.start_sample for s in stretches) <= 25 * SECOND
    assert len(text) == len(set(text))  # none twice
    assert len(text) >= len(words) - sum(s.cut for s in stretches)  # and one at most lost at a cut within a word
    assert window.decode_from >= words[-1].end - 26 * SECOND
