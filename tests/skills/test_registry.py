"""Which skills there are; a broken file costs nothing but itself."""

import importlib.metadata
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from device.skills import registry as registry_module
from device.skills.registry import load_registry
from device.skills.skill import skill

Write = Callable[[str, str], Path]
SKILL = "@skill\ndef {name}() -> str:\n    'Something.'\n    return '{says}'\n"


def found(folder: Path) -> tuple[list[str], list[str]]:
    registry, complaints = load_registry(folder, builtin=False, installed=False)
    return [s.name for s in registry], [str(c).replace(f"{folder}/", "") for c in complaints]


def test_files_in_the_order_of_their_names(tmp_path: Path, write_skill: Write) -> None:
    write_skill("b.py", SKILL.format(name="second", says=""))
    write_skill("a.py", SKILL.format(name="first", says="") + SKILL.format(name="another", says=""))
    write_skill("_draft.py", "1 / 0")
    write_skill("test_a.py", "1 / 0")
    (tmp_path / "notes.txt").write_text("nothing")
    assert found(tmp_path) == (["first", "another", "second"], [])
    registry, _ = load_registry(tmp_path, builtin=False, installed=False)
    assert registry.get("first").group == "a"  # type: ignore[union-attr]
    assert registry.origin("first") == str(tmp_path / "a.py")
    assert registry.get("third") is None


def test_no_folder(tmp_path: Path) -> None:
    assert found(tmp_path / "absent") == ([], [])
    assert len(load_registry(None, builtin=False, installed=False)[0]) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "bad.py:2: is not Python: "),
        ("\nx = 1 / 0\n", "bad.py:3: ZeroDivisionError: division by zero"),
        ("import no_such_module\n", "bad.py:2: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)\n", "bad.py:2: SystemExit: 3"),
        ("@skill\ndef f() -> str:\n    return ''\n", "bad.py:2: skill 'f' (nearfield_skills_d.bad) has no docstring; "),
        ("@skill\ndef f(x) -> str:\n    'X.'\n", "bad.py:2: skill 'f' (nearfield_skills_d.bad): parameter 'x' has no "),
        (
            "@skill\ndef f(x: int, context: Context) -> str:\n    'X.'\n",
            "bad.py:2: skill 'f' (nearfield_skills_d.bad): the Context must be its first parameter",
        ),
        ("x: int = 1\n", "bad.py: holds no skill: a function with @skill before it"),
        ("@skill(name='a b')\ndef f() -> str:\n    'X.'\n", "bad.py:2: skill 'a b': a name is up to 64 letters"),
        ("@skill(timeout_s=0)\ndef f() -> str:\n    'X.'\n", "bad.py:2: skill 'f': timeout_s is 0; allowed: "),
        (
            "@skill(confirm='{x}?')\ndef f() -> str:\n    'X.'\n",
            "bad.py:2: skill 'f': confirm: there is no argument 'x'",
        ),
        ("@skill(confirm='{')\ndef f() -> str:\n    'X.'\n", "bad.py:2: skill 'f': confirm: "),
        (
            "@skill(confirm='{x.__class__}')\ndef f(x: int) -> str:\n    'X.'\n",
            "bad.py:2: skill 'f': confirm: there is no argument 'x.__class__'",
        ),
        (
            "@skill(confirm='Y?', read_only=True)\ndef f() -> str:\n    'X.'\n",
            "bad.py:2: skill 'f': what changes nothing",
        ),
    ],
)
def test_a_broken_file(tmp_path: Path, write_skill: Write, text: str, told: str) -> None:
    write_skill("bad.py", text)
    write_skill("good.py", SKILL.format(name="good", says=""))
    names, complaints = found(tmp_path)
    assert names == ["good"]
    assert len(complaints) == 1
    assert complaints[0].startswith(told)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_bytes(b"\x00\xff")
    names, complaints = found(tmp_path)
    assert names == []
    assert complaints[0].startswith("bad.py")


def test_two_skills_of_one_name(tmp_path: Path, write_skill: Write) -> None:
    write_skill("a.py", SKILL.format(name="same", says="a"))
    write_skill("b.py", SKILL.format(name="same", says="b"))
    assert found(tmp_path) == (
        ["same"],
        ["b.py:2: there is a skill 'same' already (a.py); REPLACES = (\"same\",) in this file takes its place"],
    )
    write_skill("b.py", 'REPLACES = ("same",)\n' + SKILL.format(name="same", says="b"))
    registry, complaints = load_registry(tmp_path, builtin=False, installed=False)
    assert complaints == []
    assert registry.get("same").run() == "b"  # type: ignore[union-attr]


def test_skills_that_a_file_imports_are_not_its_own(tmp_path: Path, write_skill: Write) -> None:
    write_skill("a.py", SKILL.format(name="mine", says=""))
    write_skill("b.py", "from nearfield_skills_d.a import mine\n" + SKILL.format(name="other", says=""))
    names, _ = found(tmp_path)
    assert names == ["mine", "other"]


@skill
def hello() -> str:
    """Say hello."""
    return "Hello."


def test_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("module_of_skills")
    exec(
        "from device.skills.skill import skill\n@skill\ndef bye() -> str:\n    'Say goodbye.'\n    return ''\n",
        module.__dict__,
    )
    things: dict[str, Any] = {"b": hello, "a": module, "c": [hello], "d": 5, "e": ImportError("gone")}

    class Point:
        def __init__(self, name: str) -> None:
            self.name, self.dist = name, None

        def load(self) -> Any:
            if isinstance(things[self.name], Exception):
                raise things[self.name]
            return things[self.name]

    monkeypatch.setattr(registry_module, "entry_points", lambda group: [Point(name) for name in things if group])
    registry, complaints = load_registry(None, builtin=False)
    assert [s.name for s in registry] == ["bye", "hello"]
    assert [str(c) for c in complaints] == [
        "entry point 'c' of a package: there is a skill 'hello' already (entry point 'b' of a package)",
        "entry point 'd' of a package: is neither a module nor a skill",
        "entry point 'e' of a package: cannot be loaded: ImportError: gone",
    ]


def test_the_group_is_what_packages_write() -> None:
    assert registry_module.ENTRY_POINT_GROUP == "nearfield.skills"
    assert importlib.metadata.entry_points(group=registry_module.ENTRY_POINT_GROUP) is not None
    assert EntryPoint("x", "tests:hello", registry_module.ENTRY_POINT_GROUP).group == "nearfield.skills"


def test_ours_are_sound() -> None:
    registry, complaints = load_registry(None, installed=False)
    assert complaints == []
    assert all(s.description for s in registry)
