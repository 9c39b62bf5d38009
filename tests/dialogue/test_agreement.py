"""Local agreement of two: what is stable, what is retracted, what counts as the same words."""

from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.agreement import LocalAgreement, same_words

WORDS = st.lists(
    st.sampled_from(["turn", "on", "the", "light", "lights", "forty", "two", "10", "50%", "I'd"]), max_size=8
)


def test_two_decodes_agree() -> None:
    heard = LocalAgreement()
    assert heard.add("turn on the live").stable == ""
    after = heard.add("Turn on the living room lights")
    assert (after.stable, after.tail, after.retracted_words) == ("Turn on the", "living room lights", 0)


def test_the_last_word_of_a_running_utterance_is_not_trusted() -> None:
    heard = LocalAgreement()
    heard.add("dim the light")
    assert heard.add("dim the light").stable == "dim the"
    assert heard.add("dim the lighting").retracted_words == 0


def test_in_a_pause_it_is() -> None:
    heard = LocalAgreement()
    heard.add("dim the light")
    assert heard.add("Dim the light.", paused=True).stable == "Dim the light."


def test_a_stable_word_that_changes_is_counted_and_follows() -> None:
    heard = LocalAgreement()
    heard.add("play the sun song now")
    assert heard.add("play the sun song now").stable == "play the sun song"
    after = heard.add("Play the song song now please")
    assert (after.stable, after.retracted_words) == ("Play the", 2)


def test_a_text_that_lost_its_end_retracts_it() -> None:
    heard = LocalAgreement()
    heard.add("one for the road please")
    heard.add("one for the road please")
    after = heard.add("one for")
    assert (after.stable, after.retracted_words) == ("one for", 2)


def test_no_words_are_no_evidence() -> None:
    heard = LocalAgreement()
    heard.add("stop the music now")
    heard.add("stop the music now")
    after = heard.add("...")
    assert (after.text, after.stable, after.retracted_words) == ("stop the music now", "stop the music", 0)


def test_numbers_agree_however_they_are_written() -> None:
    heard = LocalAgreement()
    heard.add("set it to forty two percent now")
    assert heard.add("Set it to 42% now please").stable == "Set it to 42% now"


def test_same_words() -> None:
    assert same_words("Set a timer for ten minutes.", "set a timer for 10 minutes")
    assert same_words("a twelve-ounce latte", "a 12 ounce latte")
    assert same_words("It’s 50%", "it's fifty percent")
    assert same_words("", "...")
    assert not same_words("turn it on", "turn it off")
    assert not same_words("forty two", "four two")


def test_reset_forgets() -> None:
    heard = LocalAgreement()
    heard.add("next song please")
    heard.add("next song please")
    heard.reset()
    assert heard.add("next song please").stable == ""


@given(st.lists(WORDS, max_size=8), st.booleans())
def test_whatever_is_decoded(texts: list[list[str]], paused: bool) -> None:
    heard, stable = LocalAgreement(), ""
    for words in texts:
        text = " ".join(words)
        after = heard.add(text, paused=paused)
        assert after.text == text or not words
        assert after.text.startswith(after.stable)
        assert same_words(f"{after.stable} {after.tail}", after.text)
        if after.retracted_words == 0:
            assert same_words(after.stable, stable) or same_words(after.stable[: len(stable)], stable)
        stable = after.stable


@given(WORDS)
def test_a_growing_text_never_retracts(words: list[str]) -> None:
    words = [word for word in words if word != "forty"]  # "forty two" is another word than "forty"
    heard = LocalAgreement()
    for n in range(len(words) + 1):
        assert heard.add(" ".join(words[:n])).retracted_words == 0
