"""Importing a Python file of the owner's, so that it can break nothing but itself.

module = import_file(Path("skills.d/coffee.py"))
"""

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from device.errors import NearfieldError
from device.skills.complaints import Complaint

_PACKAGE = "nearfield_skills_d"


class CannotImportError(NearfieldError):
    """A file that cannot be imported."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(str(complaint))
        self.complaint = complaint


def is_hidden(path: Path) -> bool:
    """Passed over: drafts, helpers, what editors leave behind, and tests of skills beside them."""
    return path.name.startswith(("_", ".", "test_")) or path.name == "conftest.py"


def import_file(path: Path) -> ModuleType:
    """Run `path` as a module of its own. Raises CannotImportError: it does not exist, does not compile, or raises."""
    name = f"{_PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotImportError(Complaint(str(path), 0, "is not a Python file"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where typing and dataclasses look names up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise CannotImportError(failure(path, error)) from error
    return module


def failure(path: Path, error: BaseException) -> Complaint:
    """What `error`, raised while `path` was imported, means: the line is the last one in that file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return Complaint(str(path), error.lineno or 0, f"is not Python: {error.msg}")
    if isinstance(error, NearfieldError):
        reason = error.message + (f"; {error.hint}" if error.hint else "")
    else:
        reason = f"{type(error).__name__}: {error}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return Complaint(str(path), (frames[-1].lineno or 0) if frames else 0, reason)
