"""The keys of a persona: what they become, and what is said when one is wrong."""

from pathlib import Path

import pytest

from device.config.schema import Settings
from device.config.turn_taking import TurnSettings
from device.errors import ConfigError
from device.persona import PROFILES, Persona, known_personas, load_persona, settings_for

PROMPT = 'prompt = "x"\n'


def loaded(folder: Path, text: str) -> Persona:
    file = folder / "p.toml"
    file.write_text(text)
    return load_persona(str(file))


def test_the_four_that_come_with_it() -> None:
    assert {"assistant", "mirror", "store", "support"} <= set(known_personas())
    store, support, mirror, assistant = map(load_persona, ("store", "support", "mirror", "assistant"))
    assert (assistant.skills, mirror.skills, store.skills) == (None, (), ("store",))
    assert (mirror.answers, support.answers) == ("echo", "documents")
    assert support.documents is not None
    assert support.documents.is_dir()
    assert store.database is not None
    assert store.own_skills is not None
    for persona in (store, support, mirror, assistant):
        assert settings_for(persona, Settings())


def test_all_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "papers").mkdir()
    (tmp_path / "v.onnx").write_text("")
    persona = loaded(
        tmp_path,
        'name = "Ann"\ngreeting = "Hi."\nvoice = "v.onnx"\nskills = ["clock"]\nanswers = "documents"\n'
        'documents = "papers"\ndatabase = "ann.db"\notherwise = "No."\n'
        "[end_pointing]\nunsure_silence_ms = 1500\n[llm]\nmax_reply_tokens = 60\ntemperature = 0.2\n",
    )
    assert (persona.name, persona.prompt, persona.otherwise) == ("Ann", "", "No.")
    assert (persona.documents, persona.database) == (tmp_path / "papers", tmp_path / "state/nearfield/ann.db")
    settings = settings_for(persona, Settings())
    assert settings.turn.unsure_silence_ms == 1500
    assert (settings.llm.max_reply_tokens, settings.llm.temperature) == (60, 0.2)
    assert settings.tts.voice == str(tmp_path / "v.onnx")
    kept = settings_for(persona, Settings(), keep={"tts.voice", "llm.temperature"})
    assert kept.tts.voice == Settings().tts.voice
    assert (kept.llm.temperature, kept.llm.max_reply_tokens) == (0.0, 60)


def test_a_persona_that_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "nearfield/personas/cafe"
    (folder / "skills").mkdir(parents=True)
    (folder / "persona.toml").write_text(PROMPT)
    persona = load_persona("cafe")
    assert (persona.name, persona.own_skills) == ("cafe", folder / "skills")
    assert load_persona(str(folder)) == persona
    assert "cafe" in known_personas()


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_profiles_fit_the_settings_as_they_are_by_default(tmp_path: Path, profile: str) -> None:
    persona = loaded(tmp_path, PROMPT + f'end_pointing = "{profile}"\n')
    turn = settings_for(persona, Settings()).turn
    assert {key: getattr(turn, key) for key in persona.turn} == dict(PROFILES[profile])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (PROMPT + 'skills = "clock"\n', "line 2: 'skills' of a persona must be \"all\" or a list of names"),
        (PROMPT + "skills = [3]\n", "line 2: 'skills' of a persona must be"),
        (PROMPT + 'answers = "ecco"\n', "line 2: 'answers' of a persona is 'ecco'; did you mean 'echo'?"),
        ('answers = "documents"\n', 'line 1: answers = "documents" needs a folder of them'),
        (PROMPT + 'documents = "nowhere"\n', "line 2: there is no folder"),
        (PROMPT + 'database = "."\n', "is a folder, not a file"),
        (PROMPT + 'voice = "nowhere.onnx"\n', "line 2: there is no voice"),
        (
            PROMPT + 'end_pointing = "patent"\n',
            "line 2: 'end_pointing' of a persona is 'patent'; did you mean 'patient'?",
        ),
        (PROMPT + "end_pointing = 3\n", "line 2: 'end_pointing' of a persona is 3"),
        (
            PROMPT + "[end_pointing]\nend_silence = 3\n",
            "line 3: unknown key 'end_silence' in 'end_pointing' of a persona",
        ),
        (PROMPT + "[end_pointing]\nmodel = 'x'\n", "line 3: unknown key 'model' in 'end_pointing'"),
        (PROMPT + "[end_pointing]\nend_silence_ms = 3\n", "line 3: 'end_silence_ms' is 3: Input should be greater"),
        (PROMPT + "llm = 3\n", "line 2: 'llm' of a persona must be a table"),
        (PROMPT + '[llm]\ntemperature = "hot"\n', "line 3: 'temperature' is 'hot'"),
        (PROMPT + '[llm]\nmodel = "x"\n', "line 3: unknown key 'model' in 'llm' of a persona"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, part: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "nearfield").mkdir()
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert part in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_what_contradicts_the_configuration(tmp_path: Path) -> None:
    persona = loaded(tmp_path, PROMPT + "[llm]\nmax_reply_tokens = 2000\n")
    with pytest.raises(ConfigError, match=r"p\.toml: llm\.max_reply_tokens \(2000\) must not be above half"):
        settings_for(persona, Settings())


def test_what_the_owner_has_set_is_named_where_it_contradicts(tmp_path: Path) -> None:
    persona = loaded(tmp_path, PROMPT + 'end_pointing = "patient"\n')
    with pytest.raises(ConfigError, match=r"p\.toml: turn\.undecided_silence_ms \(2400\)") as caught:
        settings_for(persona, Settings(turn=TurnSettings(longest_silence_ms=1_700)))
    assert caught.value.hint == (
        "what is set in the configuration stays (turn.longest_silence_ms): change that, or the persona"
    )
    persona = loaded(tmp_path, PROMPT + "[llm]\nmax_reply_tokens = 2000\n")
    with pytest.raises(ConfigError) as caught:
        settings_for(persona, Settings())
    assert caught.value.hint == "change the persona, or set both keys in the configuration: what is set there stays"
