"""Personas: found by name and by path, and what is said when one is wrong."""

from pathlib import Path

import pytest

from device.errors import ConfigError
from device.persona import known_personas, load_persona


def test_the_shipped_one() -> None:
    persona = load_persona("assistant")
    assert persona.name == "assistant"
    assert "voice assistant" in persona.prompt
    assert persona.prompt == persona.prompt.strip()
    assert "assistant" in known_personas()


def test_by_path_and_by_name_among_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "nearfield/personas"
    folder.mkdir(parents=True)
    (folder / "pirate.toml").write_text('prompt = "Speak like a pirate."\ngreeting = "Ahoy."\n')
    by_name, by_path = load_persona("pirate"), load_persona(str(folder / "pirate.toml"))
    assert by_name == by_path
    assert (by_name.name, by_name.greeting) == ("pirate", "Ahoy.")
    (folder / "assistant.toml").write_text('prompt = "Mine."\n')
    assert load_persona("assistant").prompt == "Mine."


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('\npromt = "x"\n', "line 2: unknown key 'promt' in a persona; did you mean 'prompt'?"),
        ('name = "x"\n', "a persona needs a prompt"),
        ('prompt = "  "\n', "line 1: a persona needs a prompt"),
        ('prompt = "x"\ngreeting = 3\n', "line 2: 'greeting' of a persona must be a text"),
        ("prompt = x\n", "line 1: is not valid TOML"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_persona(str(file))
    assert part in caught.value.message
    assert str(file) in caught.value.message


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no persona 'asistant'; did you mean 'assistant'") as caught:
        load_persona("asistant")
    assert "assistant" in caught.value.hint


def test_a_path_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read \(no such file or directory\)"):
        load_persona("nowhere.toml")
