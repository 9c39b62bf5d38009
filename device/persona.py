"""Who the assistant is: the instructions of the language model, kept in a small TOML file.

    persona = load_persona("assistant")
    messages = [Message("system", persona.prompt)]

A persona is named ("assistant": NAME.toml among the user's own in ~/.config/nearfield/personas, then among those
that come with the software) or given as the path of a file. Keys: `prompt` (needed), `name`, `greeting`.
"""

from dataclasses import dataclass
from pathlib import Path

from device.config.describe import did_you_mean
from device.config.dirs import config_dir
from device.config.tomlfile import TomlTable, read_toml
from device.errors import ConfigError

_SHIPPED = Path(__file__).resolve().parent / "personas"
_KEYS = ("name", "prompt", "greeting")


@dataclass(frozen=True, slots=True)
class Persona:
    """`prompt` is the system message; `greeting` is spoken at the start, "" for none."""

    name: str
    prompt: str
    greeting: str


def load_persona(name_or_path: str) -> Persona:
    """Raises ConfigError: no such persona, not TOML, unknown or missing key, wrong type (with file and line)."""
    path = _find(name_or_path)
    table = read_toml(path)
    for key in table.values:
        if key not in _KEYS:
            guess = did_you_mean(key, _KEYS) or f"allowed: {', '.join(_KEYS)}"
            raise ConfigError(f"{_at(table, key)}: unknown key '{key}' in a persona; {guess}")
    texts = {key: _text(table, key) for key in _KEYS}
    if not texts["prompt"]:
        where = _at(table, "prompt") if "prompt" in table.values else str(path)
        raise ConfigError(f"{where}: a persona needs a prompt", hint='add: prompt = "You are a helpful assistant."')
    return Persona(name=texts["name"] or path.stem, prompt=texts["prompt"], greeting=texts["greeting"])


def known_personas() -> list[str]:
    """Names that `load_persona` takes, sorted."""
    return sorted({path.stem for folder in _folders() if folder.is_dir() for path in folder.glob("*.toml")})


def _folders() -> list[Path]:
    return [config_dir() / "personas", _SHIPPED]


def _find(name_or_path: str) -> Path:
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        return Path(name_or_path).expanduser()
    for folder in _folders():
        if (path := folder / f"{name_or_path}.toml").is_file():
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


def _at(table: TomlTable, key: str) -> str:
    line = table.lines.get((key,))
    return f"{table.path}, line {line}" if line else str(table.path)
