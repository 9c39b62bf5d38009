"""Models are shared by all releases, by their hash: going back brings back the models of before.

    models = SharedModels(Path("/var/lib/nearfield/models"))
    models.keep(parts)                  # model files that are there get a second name, by their hash
    models.missing(parts)               # what a release wants and nobody has
    models.lay_out(parts)               # the files that a release's catalogue knows, under their names

`parts`: the models of a catalogue and their files, of a manifest or by `parts_of`.

Names are hard links: a model that two releases share is on the disk once. Only models that are there are looked after:
which ones are wanted is said by their folders in the store (models/store.py).

The folder is the service's, and this works as root: it writes only in folders that it has opened, which are no links,
for the service may lead a name elsewhere at any moment.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from device.errors import UpdateError
from device.update.manifest import ModelPart
from models.sources import CHUNK_BYTES, sha256_of

Parts = Mapping[str, tuple[ModelPart, ...]]
_POOL = ".by-hash"


def parts_of(catalogue: Path) -> dict[str, tuple[ModelPart, ...]]:
    """The parts of each model of a `catalog.toml`, with all hashes that it accepts; empty when it cannot be read.

    It may be that of another version, so no more of its form is taken for granted than this needs.
    """
    try:
        models = tomllib.loads(catalogue.read_text("utf-8"))["model"]
        return {model["id"]: tuple(_parts(model)) for model in models}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _parts(model: Mapping[str, Any]) -> Iterator[ModelPart]:
    """As models/catalog.py accepts them: the pinned hash, and those of URLs that bring the file ready for use."""
    ready = [source for source in model.get("sources", []) if not source.get("build")]
    for file in model["files"]:
        if "sha256" in file:
            urls = [url for source in ready for url in source.get("urls", []) if isinstance(url, dict)]
            others = [url["sha256"] for url in urls if url["name"] == file["name"]]
            yield ModelPart(name=file["name"], sha256=tuple(dict.fromkeys([file["sha256"], *others])))


class SharedModels:
    """The models of one folder. Methods raise OSError; `keep` and `bring` raise UpdateError when the pool is a link."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = folder / _POOL

    def keep(self, parts: Parts) -> None:
        """Give each part of a model that is there its name by hash; one that is damaged is passed over."""
        self._refuse_link()
        for path, part in self._wanted(parts):
            if path.is_file():
                sha256 = sha256_of(path)
                if sha256 in part.sha256:
                    self._link(path, self._pool / sha256)

    def missing(self, parts: Parts) -> list[tuple[str, ModelPart]]:
        """Parts of models of this machine that are wanted otherwise than anybody has them here: (id, part)."""
        wanted = [(path, part) for path, part in self._wanted(parts) if self._kept(part) is None]
        return [(path.parent.name, part) for path, part in wanted if not _is(path, part)]

    def bring(self, file: Path, sha256: str) -> None:
        """A file of a bundle, whole and of this hash."""
        self._make_pool()
        if (self._pool / sha256).exists():
            return
        with _opened(self._pool) as pool:
            name = f"{sha256}.part"
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=pool)
            part = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=pool)
            with file.open("rb") as source, os.fdopen(part, "wb") as out:
                while chunk := source.read(CHUNK_BYTES):
                    out.write(chunk)
                out.flush()
                os.fsync(part)
                _owned_as(part, os.fstat(pool))
            os.rename(name, sha256, src_dir_fd=pool, dst_dir_fd=pool)

    def lay_out(self, parts: Parts) -> None:
        """Put the parts that are kept where a catalogue looks for them; what is right already is left alone."""
        for path, part in self._wanted(parts):
            kept = self._kept(part)
            if kept is not None and not (path.exists() and path.samefile(kept)) and not _is(path, part):
                self._link(kept, path)

    def forget(self, releases: Iterable[Parts]) -> None:
        """Remove what none of these wants."""
        wanted = {sha for parts in releases for _, part in self._wanted(parts) for sha in part.sha256}
        if self._has_pool():
            with _opened(self._pool) as pool, os.scandir(pool) as entries:
                for name in [entry.name for entry in entries if entry.name not in wanted]:
                    os.unlink(name, dir_fd=pool)

    def _wanted(self, parts: Parts) -> Iterator[tuple[Path, ModelPart]]:
        for model, files in parts.items():
            folder = self._folder / model
            if folder.is_dir() and not folder.is_symlink():
                yield from ((folder / part.name, part) for part in files)

    def _kept(self, part: ModelPart) -> Path | None:
        if not self._has_pool():
            return None
        return next((path for sha in part.sha256 if (path := self._pool / sha).is_file()), None)

    def _has_pool(self) -> bool:
        """One that is a link counts as none, so that going back never fails at it."""
        return self._pool.is_dir() and not self._pool.is_symlink()

    def _refuse_link(self) -> None:
        if self._pool.is_symlink():
            raise UpdateError(f"{self._pool} is a link, and should be a folder", hint="remove the link")

    def _make_pool(self) -> None:
        self._refuse_link()
        if not self._pool.is_dir():
            self._pool.mkdir(parents=True)
            with _opened(self._pool) as pool:
                _owned_as(pool, os.stat("..", dir_fd=pool))

    def _link(self, path: Path, name: Path) -> None:
        if name.exists() and name.samefile(path):
            return
        self._make_pool()
        fresh = f".{name.name}.link"
        with _opened(name.parent) as folder:
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            os.link(path, fresh, dst_dir_fd=folder, follow_symlinks=False)
            os.rename(fresh, name.name, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of the folder itself; not of another one to which a link leads."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _owned_as(file: int, folder: os.stat_result) -> None:
    """Root brings models for the user that the service runs as: the one who has the folder of the models."""
    with suppress(PermissionError):
        os.fchown(file, folder.st_uid, folder.st_gid)


def _is(path: Path, part: ModelPart) -> bool:
    return path.is_file() and sha256_of(path) in part.sha256
