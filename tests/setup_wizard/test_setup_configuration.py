"""Answers become a file: comments and keys of others stay."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.config import Settings
from device.config.load import InvalidConfigError
from device.errors import ConfigError
from device.setup_wizard.answers import read_answers
from device.setup_wizard.configuration import check, difference, merged
from device.whole_file import write_whole

BEFORE = """# my kitchen
persona = "mirror"  # for now

[audio]
input = "USB"   # the good one
mic_channel = 1

[llm]
temperature = 0.5
"""


def test_comments_and_other_keys_stay() -> None:
    after = merged(BEFORE, {"audio.input": "auto", "clock.hours": 24, "persona": "assistant"})
    assert (
        after
        == """# my kitchen
persona = "assistant"  # for now

[audio]
input = "auto"   # the good one
mic_channel = 1

[llm]
temperature = 0.5

[clock]
# 12: "3:10 PM", 24: "15:10"
hours = 24
"""
    )


def test_what_is_so_already_changes_not_a_byte() -> None:
    odd = BEFORE.replace('"USB"', "'USB'") + "\n\n"
    assert merged(odd, {"audio.input": "USB", "turn.listen": "open"}) == odd


def test_a_default_is_not_written_but_overwrites() -> None:
    assert merged("", {"turn.listen": "open"}) == ""
    assert tomllib.loads(merged('[turn]\nlisten = "wake"\n', {"turn.listen": "open"})) == {"turn": {"listen": "open"}}


def test_a_key_of_the_top_level_stands_before_the_sections() -> None:
    after = merged("[audio]\nrate_hz = 48000\n", {"persona": "mirror", "audio.input": "none"})
    assert tomllib.loads(after) == {"persona": "mirror", "audio": {"rate_hz": 48000, "input": "none"}}


def test_a_new_file_says_where_the_rest_is() -> None:
    assert merged("", {"clock.hours": 24}).startswith("# Nearfield: 'nearfield config show --defaults'")


VALUES = {
    "persona": ["assistant", "mirror"],
    "audio.input": ["auto", 'USB äöü "quoted" \\'],
    "turn.listen": ["open", "wake"],
    "clock.hours": [12, 24],
    "gpio.mute_pin": [5, "none"],
    "gpio.push_to_talk_pin": [17, "none"],
}


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()}),
    st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()}),
    st.sampled_from(["", "# a comment\n", BEFORE, "audio.rate_hz = 48000\n", "gpio = {led_pin = 7}\n"]),
)
def test_the_settings_are_those_of_the_last_answers(
    first: dict[str, object], then: dict[str, object], text: str
) -> None:
    path = Path("nearfield.toml")
    once = merged(text, first)
    twice = merged(once, then)
    assert merged(twice, then) == twice
    before, after = check(once, path, {}), check(twice, path, {})
    for key in VALUES:
        section, _, name = key.rpartition(".")
        value = getattr(getattr(after, section) if section else after, name)
        kept = getattr(getattr(before, section) if section else before, name)
        wanted = then.get(key, kept)
        assert value == (None if wanted == "none" and section == "gpio" else wanted)
    assert ("# my kitchen" in text) == ("# my kitchen" in twice)


def test_the_difference_is_shown_as_diff_does() -> None:
    text = difference("a = 1\nb = 2\n", "a = 1\nb = 3\n", Path("x.toml"))
    assert text.splitlines()[-2:] == ["-b = 2", "+b = 3"]
    assert difference("a", "a", Path("x")) == ""


# --- files of answers


def answers(folder: Path, text: str) -> Path:
    path = folder / "answers.toml"
    path.write_text(text, "utf-8")
    return path


def test_answers_of_a_file(tmp_path: Path) -> None:
    path = answers(tmp_path, 'mode = "wake"\nmodels = "base"\nled_pin = "none"\ntime_zone = "Europe/Vienna"\n')
    given, places = read_answers(path)
    assert given.keys() == {"turn.listen": "wake", "stt.model": "whisper-base", "gpio.led_pin": "none"}
    assert places["models"] == f"{path}, line 2"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('mode = "open"\nmod = 1\n', "line 2: unknown answer 'mod'; did you mean 'mode'?"),
        ('\n\nmode = "loud"\n', """line 3: mode = 'loud' is not allowed; allowed: "open" or "push-to-talk" or"""),
        ("clock_hours = 13\n", "line 1: clock_hours = 13 is not allowed; allowed: 12 or 24"),
        ('clock_hours = "24"\n', "line 1: clock_hours = '24' is not allowed; allowed: 12 or 24"),
        (
            "mute_pin = 99\n",
            'line 1: mute_pin = 99 is not allowed; allowed: the BCM number of a pin, 0 to 53, or "none"',
        ),
        ('page = "yes"\n', "line 1: page = 'yes' is not allowed; allowed: true or false"),
        ('time_zone = "Mars"\n', "line 1: time_zone: there is no time zone 'Mars'"),
        ('microphone = ""\n', "line 1: microphone = '' is not allowed; allowed: a text"),
        ("mode = \n", "line 1: is not valid TOML"),
    ],
)
def test_the_first_wrong_answer_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_answers(answers(tmp_path, text))
    assert error.value.message.startswith(f"{tmp_path}/answers.toml, {problem}")


def test_the_one_that_stands_first_is_named_first(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError) as error:
        read_answers(answers(tmp_path, 'models = "huge"\nclock_hours = 13\nnothing = 1\n'))
    assert [problem.split(": ")[0][-6:] for problem in error.value.problems] == ["line 1", "line 2", "line 3"]


def test_answers_that_contradict_one_another_are_named_with_their_line(tmp_path: Path) -> None:
    given, places = read_answers(answers(tmp_path, 'mode = "open"\npush_to_talk_pin = 5\nmute_pin = 5\n'))
    with pytest.raises(InvalidConfigError) as error:
        check(merged("", given.keys()), tmp_path / "nearfield.toml", places)
    assert "answers.toml, line " in error.value.message
    assert "gpio.mute_pin (5) is the pin of gpio.push_to_talk_pin too" in error.value.message


def test_a_persona_that_there_is_not(tmp_path: Path) -> None:
    given, places = read_answers(answers(tmp_path, 'persona = "miror"\n'))
    with pytest.raises(ConfigError, match=r"answers.toml, line 1: there is no persona 'miror'; did you mean 'mirror'"):
        check(merged("", given.keys()), tmp_path / "nearfield.toml", places)


# --- whole or not at all


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "a.toml", tmp_path / "link.toml"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_whole(link, "new äöü\n")
    assert path.read_text("utf-8") == "new äöü\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.toml", "link.toml"]


def test_a_failure_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_defaults_are_a_configuration() -> None:
    assert check("", Path("nearfield.toml"), {}) == Settings()
