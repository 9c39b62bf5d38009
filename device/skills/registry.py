"""Which skills there are, and where each comes from.

    registry, complaints = load_registry(config_dir() / "skills.d")
    registry.get("set_timer")

Three places, in this order: `device.skills.builtin`, the entry points of installed packages (group
"nearfield.skills"), the Python files of the owner's folder. Of two skills with one name the first stays, and the other
is complained of; a file of the owner's that means to replace one says so: `REPLACES = ("set_timer",)`.
"""

import importlib
import pkgutil
import re
import string
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import device.skills.builtin
from device.skills.complaints import Complaint
from device.skills.loading import CannotImportError, failure, import_file, is_hidden
from device.skills.skill import Skill

ENTRY_POINT_GROUP = "nearfield.skills"
MOST_TIMEOUT_S = 600.0
#: What language models take as the name of a tool.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a skill comes from: "built in", the name of a package, or a file."""

    where: str
    line: int = 0


class Registry:
    """Skills by name, in the order in which they were found. Does not change."""

    def __init__(self, skills: Iterable[Skill], origins: dict[str, Origin] | None = None) -> None:
        self._skills = {skill.name: skill for skill in skills}
        self._origins = origins or {}

    def __iter__(self) -> Iterator[Skill]:
        return iter(self._skills.values())

    def __len__(self) -> int:
        return len(self._skills)

    def __contains__(self, name: object) -> bool:
        return name in self._skills

    def get(self, name: str) -> Skill | None:
        """None: there is none of that name."""
        return self._skills.get(name)

    def origin(self, name: str) -> str:
        """Where the skill comes from, for people."""
        return self._origins[name].where if name in self._origins else BUILT_IN

    def is_ours(self, name: str) -> bool:
        """Does it come with the software?"""
        return self.origin(name) == BUILT_IN

    def plus(self, others: Iterable[Skill], where: str = "") -> "Registry":
        """With `others`, as far as their names are free. `where`: they come from; "": each from the server of its
        group."""
        free = [skill for skill in others if skill.name not in self]
        origins = {skill.name: Origin(where or f"server '{skill.group}'") for skill in free}
        return Registry([*self, *free], {**self._origins, **origins})

    def without(self, others: Collection[Skill]) -> "Registry":
        """But for these."""
        return Registry([skill for skill in self if skill not in others], self._origins)

    def only(self, allowed: Collection[str]) -> "Registry":
        """The skills whose name or group is among `allowed`: what a persona may do. () allows none."""
        kept = [skill for skill in self if skill.name in allowed or skill.group in allowed]
        return Registry(kept, self._origins)


def load_registry(
    folder: Path | None, *, builtin: bool = True, installed: bool = True
) -> tuple[Registry, list[Complaint]]:
    """All skills that can be had, and what is wrong with the rest. Never raises for what is in a file.

    `folder`: the owner's *.py; None or an absent one holds nothing. A file whose name begins with "_", "." or
    "test_" is passed over.
    """
    found = _Found()
    if builtin:
        for module in pkgutil.iter_modules(device.skills.builtin.__path__):
            found.builtin(f"{device.skills.builtin.__name__}.{module.name}")
    if installed:
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
            found.installed(point)
    if folder is not None:
        found.folder(folder)
    return Registry(found.skills.values(), found.origins), found.complaints


class _Found:
    def __init__(self) -> None:
        self.skills: dict[str, Skill] = {}
        self.origins: dict[str, Origin] = {}
        self.complaints: list[Complaint] = []

    def builtin(self, name: str) -> None:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - one broken file must not cost the others
            self.complaints.append(failure(Path(name), error))
            return
        self._add_all(_skills_of(module), BUILT_IN)

    def installed(self, point: EntryPoint) -> None:
        where = f"entry point '{point.name}' of {point.dist.name if point.dist else 'a package'}"
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001 - somebody else's code
            self.complaints.append(Complaint(where, 0, f"cannot be loaded: {type(error).__name__}: {error}"))
            return
        if isinstance(loaded, ModuleType):
            self._add_all(_skills_of(loaded), where)
        elif isinstance(loaded, Skill):
            self._add_all([loaded], where)
        elif isinstance(loaded, Sequence) and all(isinstance(item, Skill) for item in loaded):
            self._add_all(loaded, where)
        else:
            self.complaints.append(Complaint(where, 0, "is neither a module nor a skill"))

    def folder(self, folder: Path) -> None:
        try:
            paths = sorted(path for path in folder.glob("*.py") if not is_hidden(path)) if folder.exists() else []
        except OSError as error:
            self.complaints.append(Complaint(str(folder), 0, f"cannot be read: {error.strerror}"))
            return
        for path in paths:
            try:
                module = import_file(path)
            except CannotImportError as error:
                self.complaints.append(error.complaint)
                continue
            skills = _skills_of(module)
            if not skills:
                self.complaints.append(Complaint(str(path), 0, "holds no skill: a function with @skill before it"))
            replaces = getattr(module, "REPLACES", ())
            self._add_all(skills, str(path), {replaces} if isinstance(replaces, str) else set(replaces))

    def _add_all(self, skills: Iterable[Skill], where: str, replaces: Collection[str] = ()) -> None:
        for skill in skills:
            code = getattr(skill.run, "__code__", None)
            line = code.co_firstlineno if code is not None and code.co_filename == where else 0
            if reason := _wrong_with(skill):
                self.complaints.append(Complaint(where, line, f"skill '{skill.name}': {reason}"))
            elif skill.name in self.skills and skill.name not in replaces:
                before = self.origins[skill.name].where
                hint = f'; REPLACES = ("{skill.name}",) in this file takes its place' if where.endswith(".py") else ""
                self.complaints.append(
                    Complaint(where, line, f"there is a skill '{skill.name}' already ({before}){hint}")
                )
            else:
                self.skills[skill.name] = skill
                self.origins[skill.name] = Origin(where, line)


def _skills_of(module: ModuleType) -> list[Skill]:
    """The skills that are made in `module`, not those that it imports."""
    made = [value for value in vars(module).values() if isinstance(value, Skill)]
    return [skill for skill in made if skill.run.__module__ == module.__name__]


def _wrong_with(skill: Skill) -> str:
    if not _NAME.fullmatch(skill.name):
        return "a name is up to 64 letters, digits and '_', a letter first"
    if not 0 < skill.timeout_s <= MOST_TIMEOUT_S:
        return f"timeout_s is {skill.timeout_s:g}; allowed: above 0, up to {MOST_TIMEOUT_S:g}"
    if skill.read_only and skill.confirm:
        return "what changes nothing needs no confirm"
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(skill.confirm) if field is not None]
    except ValueError as error:
        return f"confirm: {error}"
    if unknown := [field for field in fields if field not in skill.arguments.model_fields]:
        return f"confirm: there is no argument '{unknown[0]}'"
    return ""
