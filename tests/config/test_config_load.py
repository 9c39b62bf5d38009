"""Layers, origins, and what is said about mistakes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import InvalidConfigError, Settings, load_config, load_settings
from device.config.describe import allowed, as_toml, as_toml_with_origins, keys_of, value_of
from device.config.sources import file_layer
from device.errors import ConfigError


@pytest.fixture(autouse=True)
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and home, so that no file of the machine is found."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "NEARFIELD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem_of(file_text: str | None = None, flags: list[str] | None = None, env: dict[str, str] | None = None) -> str:
    """The line that a mistake gets."""
    file = None
    if file_text is not None:
        file = Path("nearfield.toml")
        file.write_text(file_text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file, flags or (), env or {})
    assert caught.value.exit_status == 2
    assert "\n" not in caught.value.message
    return caught.value.message


def test_each_layer_overrides_the_one_below() -> None:
    Path("nearfield.toml").write_text('persona = "file"\n[turn]\nend_silence_ms = 700\nmax_utterance_s = 30\n')
    env = {"NEARFIELD_TURN__END_SILENCE_MS": "800", "NEARFIELD_TURN__SPECULATE_SILENCE_MS": "150"}
    loaded = load_config(None, ["turn.end_silence_ms=900"], env)
    turn = loaded.settings.turn
    assert (turn.end_silence_ms, turn.speculate_silence_ms, turn.max_utterance_s) == (900, 150, 30)
    assert loaded.settings.persona == "file"
    assert loaded.origins["turn.end_silence_ms"] == "--set turn.end_silence_ms=900"
    assert loaded.origins["turn.speculate_silence_ms"] == "environment variable NEARFIELD_TURN__SPECULATE_SILENCE_MS"
    assert loaded.origins["turn.max_utterance_s"] == "nearfield.toml, line 4"
    assert loaded.origins["persona"] == "nearfield.toml, line 1"
    assert loaded.origins["turn.listen"] == "default"


def test_defaults_alone_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARFIELD_PERSONA", "pirate")
    monkeypatch.setenv("PERSONA", "pirate")
    assert Settings().persona == "assistant"
    assert load_settings().persona == "pirate"


def test_files_are_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(path: Path, persona: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'persona = "{persona}"\n')
        return path

    written(tmp_path / "home/.config/nearfield/nearfield.toml", "home")
    assert load_config(None, (), {}).settings.persona == "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    written(tmp_path / "xdg/nearfield/nearfield.toml", "xdg")
    assert load_config(None, (), {}).settings.persona == "xdg"
    written(tmp_path / "nearfield.toml", "here")
    assert load_config(None, (), {}).settings.persona == "here"
    by_env = {"NEARFIELD_CONFIG": str(written(tmp_path / "env.toml", "env"))}
    assert load_config(None, (), by_env).settings.persona == "env"
    flag = written(tmp_path / "flag.toml", "flag")
    loaded = load_config(flag, (), by_env)
    assert (loaded.settings.persona, loaded.file) == ("flag", flag)


def test_paths_expand_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(None, ["session.database=~/talk.db"])
    assert settings.session.database == tmp_path / "home/talk.db"
    assert settings.models.dir == tmp_path / "home/.local/share/nearfield/models"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert Settings().session.database == tmp_path / "home/.local/state/nearfield/sessions.db"
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert Settings().session.database == Path("/var/state/nearfield/sessions.db")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("audio.input=USB", "USB"),
        ('audio.input="USB Audio, 2"', "USB Audio, 2"),
        ("audio.input=2", "2"),
        ("audio.input = a=b ", "a=b"),
        ('audio.input="unfinished', '"unfinished'),
    ],
)
def test_flags_take_toml_and_bare_texts(text: str, value: str) -> None:
    assert load_config(None, [text], {}).settings.audio.input == value


def test_a_number_in_a_file_will_do_for_a_text() -> None:
    Path("nearfield.toml").write_text("[audio]\ninput = 2\n")
    assert load_config(None, (), {}).settings.audio.input == "2"


@pytest.mark.parametrize(("word", "pin"), [("17", 17), ("none", None), ("None", None)])
def test_none_is_a_word(word: str, pin: int | None) -> None:
    env = {"NEARFIELD_GPIO__PUSH_TO_TALK_PIN": "5"}
    assert load_config(None, [f"gpio.push_to_talk_pin={word}"], env).settings.gpio.push_to_talk_pin == pin


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[audio]\ninptu = 1\n", ("nearfield.toml, line 2", "unknown key 'audio.inptu'", "did you mean 'input'?")),
        ("[audoi]\ninput = 1\n", ("line 2", "'audoi.input'", "did you mean 'audio.input'?")),
        ("[zzz]\n", ("line 1", "unknown key 'zzz'", "allowed: persona and the sections acting, answer, audio,")),
        ("\nend_silence_ms = 3\n", ("line 2", "did you mean 'turn.end_silence_ms'?")),
        ("audio = 3\n", ("line 1", "'audio' is a section, not a key", "audio.input")),
        ("[[audio]]\ninput = 1\n", ("line 1", "'audio' is a section, not a key")),
        ('"turn.listen" = "open"\n', ("line 1", "unknown key 'turn.listen'")),
        ("[audio.input]\nname = 1\n", ("line 1", "audio.input = ", "allowed: a text")),
        ('[turn]\nlisten = "opne"\n', ("line 2", "turn.listen = 'opne'", 'allowed: "open" or "push-to-talk" or ')),
        ("[turn]\n\n# why\nend_silence_ms = 5\n", ("line 4", "end_silence_ms = 5", "a whole number, 100 to 10000")),
        ('[turn]\nend_silence_ms = "soon"\n', ("line 2", "end_silence_ms = 'soon'", "a whole number")),
        ("[echo]\nenabled = 7\n", ("line 2", "echo.enabled = 7", "true or false")),
        ("[vad]\nstart_probability = nan\n", ("line 2", "a number, 0.0 to 1.0")),
        ("[tts]\nspeed = inf\n", ("line 2", "a number, 0.5 to 2.0")),
        ("[gpio]\npush_to_talk_pin = 99\n", ("line 2", 'a whole number, 0 to 53, or "none"')),
        ("[session]\ndatabase = ''\n", ("line 2", "session.database = ''", "not a path")),
        ("[models]\ndir = '~nobody-of-this-name/x'\n", ("line 2", "models.dir", "home directory")),
        ("[vad]\nstart_probability = 0.2\n", ("line 2", "vad.stop_probability (0.35) must not be above")),
        ("[turn]\nlikely_silence_ms = 100\n", ("line 2", "turn.sure_silence_ms (200) must not be above")),
        ("[turn]\nend_silence_ms = 2500\n", ("line 2", "must lie between turn.speculate_silence_ms (30)")),
        ("[turn]\nsure_probability = 0.3\n", ("line 2", "turn.likely_probability (0.5) must not be above")),
        ("[turn\n", ("nearfield.toml, line 1", "is not valid TOML")),
        ("persona = assistant\n", ("nearfield.toml, line 1", "is not valid TOML", "invalid value")),
        ("a = 1\na = 2\n", ("line 2", "is not valid TOML", "cannot overwrite")),
        ("a = '''\n\n", ("line 2", "is not valid TOML")),
    ],
)
def test_a_mistake_in_a_file_names_key_line_and_what_is_allowed(text: str, parts: tuple[str, ...]) -> None:
    problem = problem_of(text)
    for part in parts:
        assert part in problem


@pytest.mark.parametrize("key", ["likely_silence_ms = 500", "disputed_silence_ms = 400"])
def test_a_file_that_knows_nothing_of_the_wait_for_the_answer_stays_valid(key: str) -> None:
    Path("nearfield.toml").write_text(f"[turn]\n{key}\n")
    assert load_config(Path("nearfield.toml"), (), {}).settings.turn.unready_silence_ms == 450


def test_a_key_after_a_long_value_keeps_its_line() -> None:
    text = '[audio]\ninput = """\na\n[turn]\nb"""\n\n[turn]  # comment\nlisten = \\\n'.replace("\\\n", "'open'\n")
    Path("nearfield.toml").write_text(text + 'speculate_silence_ms = "x"\n')
    assert "nearfield.toml, line 9: turn.speculate_silence_ms" in problem_of(Path("nearfield.toml").read_text())


@pytest.mark.parametrize(
    ("text", "line"),
    [("audio = { input = 'a' }\n", 1), ("audio.input = 'a'\n", 1), ("[audio]\r\n\r\ninput = 'a'\r\n", 3)],
)
def test_every_way_to_write_a_key_has_its_line(text: str, line: int) -> None:
    Path("nearfield.toml").write_bytes(text.encode())
    assert load_config(None, (), {}).origins["audio.input"] == f"nearfield.toml, line {line}"


@pytest.mark.parametrize(
    ("env", "parts"),
    [
        ({"NEARFIELD_TURN__LISTN": "open"}, ("variable NEARFIELD_TURN__LISTN", "did you mean 'listen'?")),
        ({"NEARFIELD_TURN__LISTEN": "no"}, ("variable NEARFIELD_TURN__LISTEN", "push-to-talk")),
        ({"NEARFIELD_PERSNA": "x"}, ("variable NEARFIELD_PERSNA", "did you mean 'persona'?")),
        ({"NEARFIELD_AUDIO": "x"}, ("variable NEARFIELD_AUDIO", "is a section, not a key")),
        ({"NEARFIELD_CONFIG": "no.toml"}, ("no.toml: does not exist", "NEARFIELD_CONFIG")),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(env: dict[str, str], parts: tuple[str, ...]) -> None:
    problem = problem_of(env=env)
    for part in parts:
        assert part in problem


def test_variables_of_other_parts_are_left_alone() -> None:
    env = {"NEARFIELD_DEBUG": "1", "NEARFIELD_BOARD_MODEL_FILE": "/x", "NEARFIELDER__X": "1"}
    assert load_config(None, (), env).settings == load_config(None, (), {}).settings  # this machine may have a file


@pytest.mark.parametrize("flag", ["turn", "=3", "turn.=3", ".listen=open", ""])
def test_a_flag_without_key_or_value(flag: str) -> None:
    assert "is not section.key=value" in problem_of(flags=[flag])


def test_all_problems_are_kept_and_the_first_is_told() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load_config(None, ["turn.listen=x", "echo.tail_ms=1", "llm.threads=-1"], {})
    assert len(caught.value.problems) == 3
    assert "and 2 more" in caught.value.message


def test_files_that_are_not_text(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"persona = 'a'\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"binary.toml, line 2: is not UTF-8"):
        load_config(binary, (), {})
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path, (), {})
    with pytest.raises(ConfigError, match=r"missing\.toml: does not exist"):
        load_config(tmp_path / "missing.toml", (), {})


def test_the_file_of_the_defaults_reads_back_as_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "defaults.toml"
    file.write_text(as_toml(Settings()), "utf-8")
    loaded = load_config(file, (), {})
    assert loaded.settings == Settings()
    assert "default" not in loaded.origins.values(), "a key is missing from the file"


@given(st.text(min_size=1), st.floats(0.0, 1.0), st.integers(0, 53) | st.none(), st.booleans())
def test_what_is_shown_reads_back_as_it_was(name: str, probability: float, pin: int | None, on: bool) -> None:
    name = name.encode("utf-8", "replace").decode()
    values = {
        "persona": name,
        "barge_in": {"probability": probability, "enabled": on},
        "gpio": {"push_to_talk_pin": pin},
    }
    settings = Settings.model_validate(values)
    file = Path("shown.toml")
    file.write_text(as_toml_with_origins(settings, dict.fromkeys(keys_of(Settings), "here")), "utf-8", newline="")
    assert load_config(file, (), {}).settings == settings


@given(st.binary(max_size=200))
def test_no_file_gives_anything_but_settings_or_a_config_error(content: bytes) -> None:
    file = Path("fuzz.toml")
    file.write_bytes(content)
    try:
        load_config(file, (), {})
    except ConfigError as error:
        assert "fuzz.toml" in error.message


@given(st.text(max_size=40))
def test_no_flag_gives_anything_but_settings_or_a_config_error(text: str) -> None:
    for flag in (text, f"audio.input={text}", f"session.database={text}", f"{text}=1"):
        try:
            load_config(None, [flag], {})
        except ConfigError as error:
            assert "--set" in error.message


def test_every_key_is_documented_and_bounded() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text("utf-8")
    for key, field in keys_of(Settings).items():
        assert field.description, key
        assert "int'" not in allowed(field), key
        if isinstance(value_of(Settings(), key), int | float) and not isinstance(value_of(Settings(), key), bool):
            assert " to " in allowed(field), f"{key} has no bounds"
        section, _, name = key.rpartition(".")
        assert f"`{name}`" in page, f"{key} is missing in docs/configuration.md"
        assert f"[{section}]" in page or not section


def test_settings_are_frozen_and_travel_as_json() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.turn.end_silence_ms = 3
    assert Settings.model_validate(json.loads(settings.model_dump_json())) == settings


def test_an_empty_section_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text("[audio]\n\n[turn]\n")
    assert file_layer(file) == []
    assert load_config(file, (), {}).settings == Settings()
