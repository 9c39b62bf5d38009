"""What a release is made of: `manifest.json`, the one file of a bundle that is signed.

    manifest = read_manifest(raw)        # after its signature was verified
    manifest.tree.sha256, manifest.models["silero-vad"]

Sans-IO. Every other file of a bundle is named here with its size and sha256: who trusts the manifest trusts them.
"""

import re
from typing import Annotated, Literal, Self

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from device.errors import UpdateError

FILE_NAME, SIGNATURE_NAME = "manifest.json", "manifest.json.minisig"
MOST_BYTES = 1 << 20  #: a manifest is some 20 KB
_MOST_FILES = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")  # no slash, no leading dot: it stays where it is put


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def _version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion as error:
        raise ValueError(f"{text!r} is not a version") from error
    return text


PlainName = Annotated[str, AfterValidator(_plain)]
VersionText = Annotated[str, AfterValidator(_version)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class BundleFile(_Entry):
    """A file of the bundle. `kind`: the tree (one tar archive), a wheel for its environment, or a model's file."""

    name: PlainName
    kind: Literal["tree", "wheel", "model"]
    bytes: int = Field(ge=0, le=64 << 30)
    sha256: Sha256


class ModelPart(_Entry):
    """A file of a model as the catalogue of this release has it. `sha256`: all that it accepts, its own first."""

    name: PlainName
    sha256: tuple[Sha256, ...] = Field(min_length=1, strict=False)


class Manifest(_Entry):
    """One release. `name` is that of its folder; `models`: the parts of every model of its catalogue, by id."""

    format: Literal[1]
    name: PlainName
    version: VersionText
    python: VersionText  #: the oldest that can run it
    created: str = Field(max_length=40)
    unpacked_bytes: int = Field(ge=0, le=64 << 30)  #: of the tree
    offline: bool = False  #: its wheels are all that its environment needs: no package index is asked
    files: tuple[BundleFile, ...] = Field(max_length=_MOST_FILES, strict=False)
    models: dict[PlainName, tuple[ModelPart, ...]] = Field(default_factory=dict, strict=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError("two files of it have the same name")
        if {FILE_NAME, SIGNATURE_NAME} & set(names):
            raise ValueError("it lists itself")
        if [file.kind for file in self.files].count("tree") != 1:
            raise ValueError("it must have exactly one tree")
        return self

    @property
    def tree(self) -> BundleFile:
        """The archive of the repository."""
        return next(file for file in self.files if file.kind == "tree")

    @property
    def total_bytes(self) -> int:
        """Of all files, in bytes."""
        return sum(file.bytes for file in self.files)

    def in_bundle(self, part: ModelPart) -> BundleFile | None:
        """The file of the bundle that is this part of a model, if it brings one."""
        return next((file for file in self.files if file.kind == "model" and file.sha256 in part.sha256), None)

    def older_than(self, version: str) -> bool:
        """Is this release older than `version`? False when that is none ("unknown")."""
        try:
            return Version(self.version) < Version(version)
        except InvalidVersion:
            return False

    def runs_on(self, python: str) -> bool:
        """Is Python `python` ("3.11.2") new enough?"""
        return Version(python) >= Version(self.python)

    def to_bytes(self) -> bytes:
        """As it is signed."""
        return (self.model_dump_json(indent=1) + "\n").encode()


def read_manifest(raw: bytes) -> Manifest:
    """Raises UpdateError: not JSON, not of a form that this version knows, or it contradicts itself."""
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise UpdateError(
            f"the manifest of the release cannot be used ({reason})",
            hint="it was made for another version of Nearfield; ask its publisher for one that fits",
        ) from error
