"""Who the assistant is: what it says, with which voice, how patiently it listens and what it can do.

    persona = load_persona("store")
    settings = settings_for(persona, load_settings())
    messages = [Message("system", persona.prompt)]

A persona is a small TOML file. It is named ("assistant": NAME.toml or NAME/persona.toml among the user's own in
~/.config/nearfield/personas, then among those that come with the software) or given as the path of a file or folder.
docs/personas.md has all keys.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import ValidationError

from device.config.describe import did_you_mean
from device.config.dirs import config_dir, state_dir
from device.config.schema import LlmSettings, Settings
from device.config.section import Section
from device.config.tomlfile import TomlTable, read_toml
from device.config.turn_taking import TurnSettings
from device.errors import ConfigError

#: Who answers what no skill answers: the language model, nobody (what was said is said again), a folder of documents.
Answers = Literal["llm", "echo", "documents"]
_S = TypeVar("_S", bound=Section)

_SHIPPED = Path(__file__).resolve().parent / "personas"
_FILE = "persona.toml"  #: of a persona that is a folder
_KEYS = "name prompt greeting voice skills answers otherwise documents database end_pointing llm".split()
_LLM_KEYS = ("max_reply_tokens", "max_reply_s", "temperature")
#: What a persona has no say in: how the device listens and with which model is its owner's choice.
_NOT_ITS_OWN = ("listen", "model", "speculate", "partials", "partial_interval_ms")
_TURN_KEYS = tuple(key for key in TurnSettings.model_fields if key not in _NOT_ITS_OWN)

#: Named profiles of end-pointing, as keys of [turn]. "patient": for people who dictate or think aloud; "quick": for
#: short commands; the waits of turn_taking.py times 1.6 and 0.75, and the first of them no shorter than a stop
#: consonant's closure (150 ms).
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "normal": {},
    "patient": {
        "end_silence_ms": 1_000,
        "sure_silence_ms": 320,
        "likely_silence_ms": 510,
        "unready_silence_ms": 720,
        "disputed_silence_ms": 1_520,
        "unsure_silence_ms": 2_080,
        "undecided_silence_ms": 2_400,
        "longest_silence_ms": 3_200,
        "longest_pause_ms": 1_600,
    },
    "quick": {
        "end_silence_ms": 450,
        "sure_silence_ms": 150,
        "likely_silence_ms": 240,
        "unready_silence_ms": 340,
        "disputed_silence_ms": 710,
        "unsure_silence_ms": 980,
        "undecided_silence_ms": 1_120,
        "longest_silence_ms": 1_500,
        "longest_pause_ms": 750,
    },
}


@dataclass(frozen=True, slots=True)
class Persona:
    """`prompt` is the system message; `greeting` is spoken at the start, "" for none."""

    name: str
    prompt: str
    greeting: str
    voice: str = ""  #: id in the catalogue or path of a Piper voice; "": as configured
    skills: tuple[str, ...] | None = None  #: names and groups of what it may do; None: all there is
    answers: Answers = "llm"
    #: said where there is no answer: of the documents, or of a language model that cannot keep to what it is told and
    #: is not asked then; "": such a model is asked
    otherwise: str = ""
    documents: Path | None = None  #: folder that it answers from
    database: Path | None = None  #: file that its own skills keep; made by them at first use
    own_skills: Path | None = None  #: folder of skills and sentences that only it has
    turn: Mapping[str, Any] = field(default_factory=dict)  #: keys of [turn] that it has otherwise
    llm: Mapping[str, Any] = field(default_factory=dict)  #: keys of [llm] that it has otherwise
    source: str = ""  #: where it was read, for messages


def load_persona(name_or_path: str) -> Persona:
    """Raises ConfigError: no such persona, not TOML, unknown key, wrong type or value (with file and line)."""
    path = _find(name_or_path)
    table = read_toml(path)
    for key in table.values:
        if key not in _KEYS:
            guess = did_you_mean(key, _KEYS) or f"allowed: {', '.join(_KEYS)}"
            raise ConfigError(f"{_at(table, key)}: unknown key '{key}' in a persona; {guess}")
    answers = _answers(table)
    documents = _documents(table, answers)
    prompt = _text(table, "prompt")
    if not prompt and answers == "llm":
        where = _at(table, "prompt") if "prompt" in table.values else str(path)
        raise ConfigError(f"{where}: a persona needs a prompt", hint='add: prompt = "You are a helpful assistant."')
    own_skills = path.parent / "skills"
    return Persona(
        name=_text(table, "name") or (path.parent.name if path.name == _FILE else path.stem),
        prompt=prompt,
        greeting=_text(table, "greeting"),
        voice=_voice(table),
        skills=_skills(table),
        answers=answers,
        otherwise=_text(table, "otherwise"),
        documents=documents,
        database=_database(table),
        own_skills=own_skills if path.name == _FILE and own_skills.is_dir() else None,
        turn=_end_pointing(table),
        llm=_section(table, "llm", LlmSettings, _LLM_KEYS),
        source=str(path),
    )


def known_personas() -> list[str]:
    """Names that `load_persona` takes, sorted."""
    return sorted({name for folder in _folders() for name in _personas_in(folder)})


def settings_for(persona: Persona, settings: Settings, keep: Collection[str] = ()) -> Settings:
    """`settings` as this persona has them; what its owner has set (in a file, the environment, a flag) stays.

    `keep`: more keys that stay whatever it says, such as "tts.voice". Raises ConfigError: its values contradict those
    of the configuration.
    """
    voice = {"voice": persona.voice} if persona.voice else {}
    wanted: dict[str, Mapping[str, Any]] = {"turn": persona.turn, "llm": persona.llm, "tts": voice}
    changed: dict[str, Section] = {}
    for name, values in wanted.items():
        section: Section = getattr(settings, name)
        kept = {
            key: value
            for key, value in values.items()
            if key not in section.model_fields_set and f"{name}.{key}" not in keep
        }
        if kept:
            changed[name] = _merged(name, section, kept, persona.source)
    return settings.model_copy(update=changed)


def _folders() -> list[Path]:
    return [config_dir() / "personas", _SHIPPED]


def _personas_in(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {path.stem for path in folder.glob("*.toml")} | {path.parent.name for path in folder.glob(f"*/{_FILE}")}


def _find(name_or_path: str) -> Path:
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path).expanduser()
        return path / _FILE if path.is_dir() else path
    for folder in _folders():
        for path in (folder / f"{name_or_path}.toml", folder / name_or_path / _FILE):
            if path.is_file():
                return path
    known = known_personas()
    guess = did_you_mean(name_or_path, known)
    raise ConfigError(
        f"there is no persona '{name_or_path}'" + (f"; {guess}" if guess else ""),
        hint=f"known: {', '.join(known)}; or the path of a .toml file",
    )


def _text(table: TomlTable, key: str) -> str:
    value = table.values.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{_at(table, key)}: '{key}' of a persona must be a text in quotes, not {value!r}")
    return value.strip()


def _answers(table: TomlTable) -> Answers:
    value = _text(table, "answers") or "llm"
    for answers in get_args(Answers):
        if value == answers:
            found: Answers = answers
            return found
    known = get_args(Answers)
    guess = did_you_mean(value, known) or f"allowed: {', '.join(known)}"
    raise ConfigError(f"{_at(table, 'answers')}: 'answers' of a persona is {value!r}; {guess}")


def _documents(table: TomlTable, answers: Answers) -> Path | None:
    path = _path(table, "documents", table.path.parent)
    if path is None and answers == "documents":
        raise ConfigError(
            f'{_at(table, "answers")}: answers = "documents" needs a folder of them', hint='add: documents = "FOLDER"'
        )
    if path is not None and not path.is_dir():
        raise ConfigError(
            f"{_at(table, 'documents')}: there is no folder {path}", hint="it holds Markdown files: deliveries.md"
        )
    return path


def _database(table: TomlTable) -> Path | None:
    """A plain name is a file beside the session record: where the assistant may write."""
    path = _path(table, "database", state_dir())
    if path is not None and path.is_dir():
        raise ConfigError(f"{_at(table, 'database')}: {path} is a folder, not a file")
    return path


def _path(table: TomlTable, key: str, base: Path) -> Path | None:
    text = _text(table, key)
    if not text:
        return None
    try:
        return base / Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{_at(table, key)}: '{key}' of a persona: {error}") from error


def _voice(table: TomlTable) -> str:
    """A path is taken from the folder of the persona, and must lead to a file."""
    text = _text(table, "voice")
    if "/" not in text and not text.endswith(".onnx"):
        return text
    path = _path(table, "voice", table.path.parent)
    assert path is not None
    if not path.is_file():
        raise ConfigError(
            f"{_at(table, 'voice')}: there is no voice {path}",
            hint="name a Piper voice (.onnx with its .onnx.json) or one of 'nearfield models list'",
        )
    return str(path)


def _skills(table: TomlTable) -> tuple[str, ...] | None:
    value = table.values.get("skills", "all")
    if value == "all":
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(
            f"{_at(table, 'skills')}: 'skills' of a persona must be \"all\" or a list of names, not {value!r}",
            hint='such as: skills = ["clock", "timers"]; [] is none',
        )
    return tuple(value)


def _end_pointing(table: TomlTable) -> Mapping[str, Any]:
    value = table.values.get("end_pointing", "normal")
    if isinstance(value, dict):
        return _section(table, "end_pointing", TurnSettings, _TURN_KEYS)
    if isinstance(value, str) and value in PROFILES:
        return PROFILES[value]
    guess = did_you_mean(str(value), tuple(PROFILES)) or f"allowed: {', '.join(PROFILES)}, or a table of keys of [turn]"
    raise ConfigError(f"{_at(table, 'end_pointing')}: 'end_pointing' of a persona is {value!r}; {guess}")


def _section(table: TomlTable, name: str, kind: type[_S], allowed: Collection[str]) -> Mapping[str, Any]:
    """The table `name` as keys of the section `kind`, those of `allowed`."""
    values = table.values.get(name, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{_at(table, name)}: '{name}' of a persona must be a table: [{name}]")
    for key in values:
        if key not in allowed:
            guess = did_you_mean(key, tuple(allowed)) or f"allowed: {', '.join(allowed)}"
            raise ConfigError(f"{_at(table, name, key)}: unknown key '{key}' in '{name}' of a persona; {guess}")
    # [turn] as it is by default may contradict one key alone: whether they fit is known with the configuration
    for key, value in values.items():
        _check_one(kind, key, value, _at(table, name, key))
    return values


def _check_one(kind: type[Section], key: str, value: Any, where: str) -> None:
    try:
        kind.model_validate({key: value})
    except ValidationError as error:
        for problem in error.errors():
            if problem["loc"] == (key,):
                raise ConfigError(f"{where}: '{key}' is {value!r}: {problem['msg']}") from error


def _merged(name: str, section: _S, values: Mapping[str, Any], source: str) -> _S:
    try:
        return type(section).model_validate({**section.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        stays = ", ".join(f"{name}.{key}" for key in sorted(section.model_fields_set))
        raise ConfigError(
            f"{source}: {first['msg']}",
            hint=f"what is set in the configuration stays ({stays}): change that, or the persona"
            if stays
            else "change the persona, or set both keys in the configuration: what is set there stays",
        ) from error


def _at(table: TomlTable, *path: str) -> str:
    line = table.lines.get(path) or table.lines.get(path[:1])
    return f"{table.path}, line {line}" if line else str(table.path)
