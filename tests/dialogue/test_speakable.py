"""What may reach the voice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.dialogue.speakable import CodeFences, speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("**Sure!** See [the map](https://example.org/a.b?c=d) 🙂", "Sure! See the map"),
        ("# Title", "Title"),
        ("> quoted *words* and __more__", "quoted words and more"),
        ("use `pip install`", "use pip install"),
        ("snake_case stays, _this_ does not shout", "snake_case stays, this does not shout"),
        ("It is 21 °C, 5 % more than $3 & rising.", "It is 21 °C, 5 % more than $3 & rising."),
        ("![alt text](picture.png)", "alt text"),
        ("go to https://example.org/x_y. Then rest", "go to. Then rest"),
        ("| a | b |", ", a, b,"),
        ("<b>bold</b> <|im_end|>", "bold"),
        ("---", ""),
        ("* * *", ""),
        ("👍🏽", ""),
        ("don’t stop – ever", "don’t stop – ever"),
        ("Zürich, naïve, 東京", "Zürich, naïve, 東京"),
        ("text](http://x.y)", "text"),
        ("2 * 3 = 6", "2 times 3 = 6"),
    ],
)
def test_what_is_left(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@given(st.text(max_size=200))
def test_it_is_stable(text: str) -> None:
    once = speakable(text)
    assert once == "" or any(c.isalnum() for c in once)
    assert "\n" not in once
    assert not set("*`#<>[]{}|") & set(once) - {"#"}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 50])
def test_code_blocks_never_come_through(size: int) -> None:
    text = "Before ```py\nx = `1` ~~~ y\n``` after ~~~\nz```\n~~~ end ``quoted``"
    fences = CodeFences()
    out = "".join(fences.feed(text[i : i + size]) for i in range(0, len(text), size)) + fences.finish()
    assert out.split() == ["Before", "after", "end", "``quoted``"]


def test_an_open_block_swallows_the_rest() -> None:
    fences = CodeFences()
    assert fences.feed("See:\n```\nrm -rf") + fences.feed(" /") + fences.finish() == "See:\n"
