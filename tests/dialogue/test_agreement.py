"""Local agreement of two: what is stable, what is retracted, what counts as the same words."""

from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.agreement import LocalAgreement, same_words, taken_back

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


def test_one_slip_retracts_nothing() -> None:
    heard = LocalAgreement()
    heard.add("play the sun song now")
    heard.add("play the sun song now")
    slip = heard.add("Play the son song now please")
    assert (slip.stable, slip.text, slip.retracted_words) == (
        "play the sun song now", "play the sun song now please", 0)  # fmt: skip
    after = heard.add("Play the sun song now, please, loud")
    assert (after.stable, after.tail, after.retracted_words) == ("Play the sun song now, please", ", loud", 0)


def test_a_stable_word_that_changes_twice_is_counted_and_follows() -> None:
    heard = LocalAgreement()
    heard.add("play the sun song now")
    heard.add("play the sun song now")
    heard.add("Play the son song now please")
    after = heard.add("Play the son song now please")
    assert (after.stable, after.retracted_words) == ("Play the son song now", 1)


def test_one_decode_in_a_pause_retracts_nothing_either() -> None:
    heard = LocalAgreement()
    heard.add("play the sun song now")
    heard.add("play the sun song now")
    slip = heard.add("Play the son song now.", paused=True)
    assert (slip.stable, slip.retracted_words) == ("play the sun song now", 0)
    after = heard.add("Play the son song now.", paused=True)
    assert (after.text, after.stable, after.retracted_words) == ("Play the son song now.", "Play the son song now.", 1)


def test_a_text_that_lost_its_end_retracts_it_the_second_time() -> None:
    heard = LocalAgreement()
    heard.add("one for the road please")
    heard.add("one for the road please")
    after = heard.add("one for")
    assert (after.stable, after.retracted_words) == ("one for the road", 0)
    after = heard.add("one for")
    assert (after.stable, after.retracted_words) == ("one for", 2)


def test_decodes_too_close_together_are_one_opinion() -> None:
    heard = LocalAgreement(apart_samples=16_000)
    heard.add("set a timer for now", 16_000)
    assert heard.add("set a timer for now", 24_000).stable == ""
    assert heard.add("set a timer for ten minutes", 32_000).stable == "set a timer for"


def test_a_guess_has_no_say() -> None:
    heard = LocalAgreement()
    heard.add("six bones of fresh snow", probability=0.5)
    guess = heard.add("six bones of fresh snow peas", probability=0.5)
    assert (guess.stable, guess.text) == ("", "six bones of fresh snow peas")
    heard.add("six spoons of fresh snow peas", probability=0.9)
    heard.add("six spoons of fresh snow peas and", probability=0.9)
    guess = heard.add("six bones of fresh snow peas", probability=0.5)
    assert (guess.stable, guess.retracted_words) == ("six spoons of fresh snow peas", 0)


def test_a_doubtful_word_ends_what_is_stable_however_often_it_is_heard() -> None:
    heard = LocalAgreement()
    for covered in (16_000, 32_000, 48_000):
        known = heard.add("by any order remains of it", covered, word_probabilities=(0.9, 0.8, 0.4, 0.7, 0.9, 0.9))
    assert known.stable == "by any"


def test_what_is_told_of_words_counts_from_the_end_for_the_beginning_may_be_frozen() -> None:
    heard = LocalAgreement()
    for covered in (16_000, 32_000):
        known = heard.add("It was so. By any order, then", covered, word_probabilities=(0.9, 0.8, 0.7, 0.9))
    assert known.stable == "It was so. By any order"
    heard.reset()
    for covered in (16_000, 32_000):  # a wake word was taken from the beginning
        known = heard.add("what time is it", covered, paused=True, word_probabilities=(0.1, 0.1, 0.9, 0.8, 0.9, 0.3))
    assert known.stable == "what time is"


def test_where_words_are_known_the_whole_may_be_less_probable_but_no_guess() -> None:
    heard, guessed = LocalAgreement(), LocalAgreement()
    for covered in (16_000, 32_000):
        known = heard.add("turn on the", covered, probability=0.6, word_probabilities=(0.9, 0.9, 0.2))
        guess = guessed.add("turn on the", covered, probability=0.4, word_probabilities=(0.9, 0.9, 0.9))
    assert (known.stable, guess.stable) == ("turn on", "")


def test_those_between_have_to_agree_too() -> None:
    heard = LocalAgreement(apart_samples=16_000)
    heard.add("set a timer for now", 16_000)
    heard.add("set the timer for now", 24_000)
    assert heard.add("set a timer for ten minutes", 32_000).stable == "set"


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


@given(st.lists(st.tuples(WORDS, st.integers(0, 20_000), st.booleans()), max_size=10))
def test_whatever_is_decoded(decodes: list[tuple[list[str], int, bool]]) -> None:
    heard, stable, covered = LocalAgreement(), "", 0
    for words, more, paused in decodes:
        covered += more
        after = heard.add(" ".join(words), covered, paused=paused)
        assert after.text.startswith(after.stable)
        assert same_words(f"{after.stable} {after.tail}", after.text)
        if not words:
            assert (after.stable, after.retracted_words) == (stable, 0)
        elif any(same_words(" ".join(words[:n]), after.stable) for n in range(len(words) + 1)):
            assert same_words(after.text, " ".join(words))  # what contradicts no stable word is shown as it is
        if after.retracted_words == 0:  # it grows, or stays
            assert not stable or after.stable
        assert 0 <= after.retracted_words <= 2 * len(stable.split())  # "50%" counts as two
        stable = after.stable


@given(WORDS)
def test_a_growing_text_never_retracts(words: list[str]) -> None:
    words = [word for word in words if word != "forty"]  # "forty two" is another word than "forty"
    heard = LocalAgreement()
    for n in range(len(words) + 1):
        assert heard.add(" ".join(words[:n])).retracted_words == 0


def test_what_counts_in_the_end_may_contradict_what_was_stable() -> None:
    assert taken_back("Turn on the", "turn on the light.") == 0
    assert taken_back("Turn on the", "Turn off the light.") == 1
    assert taken_back("Set it to forty two", "Set it to 42 percent") == 0
    assert taken_back("Play the sun song", "Play.") == 3
    assert taken_back("", "Next.") == 0
