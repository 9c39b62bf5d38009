"""The releases on this machine, and which one runs.

    releases = Releases(Path("/opt/nearfield"))
    releases.current(), releases.previous(), releases.whole()
    releases.switch("0.2.0-1a2b3c4d")         # atomic: the link leads to the old or to the new one, never to nothing

    ROOT/current -> releases/NAME      what runs
    ROOT/releases/NAME/                a tree of the repository with its .venv; whole once it has .release.json
    ROOT/update/                       lock, state.json (the journal), downloads

A release that was put there by install.sh has no .release.json until the first update: while it is `current` it counts
as whole, and `adopt` writes the file.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from device.errors import UpdateError
from device.update.manifest import Manifest, read_manifest
from device.whole_file import sync_folder, write_whole

MARK = ".release.json"
_GONE = ".gone-"
#: What an update is at: making the new tree ("making"), or trying it ("trying": the link leads to it, or is about to).
Phase = Literal["making", "trying"]


@dataclass(frozen=True, slots=True)
class Doing:
    """An update in progress, as it survives a power cut. `back`: what ran before; "" for none."""

    phase: Phase
    name: str
    back: str


@dataclass(frozen=True, slots=True)
class State:
    """The journal. `previous`: where a roll-back leads; "" for none."""

    previous: str = ""
    doing: Doing | None = None


class Releases:
    """The folder of the releases. Changes are for whoever holds `lock`. Methods raise OSError besides what they say."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._trees = root / "releases"
        self._work = root / "update"
        self._link = root / "current"

    # --- looking

    def tree(self, name: str) -> Path:
        """Where the release `name` is, or would be."""
        return self._trees / name

    @property
    def downloads(self) -> Path:
        """Where bundles are fetched to."""
        return self._work / "downloads"

    def current(self) -> str:
        """Name of the release that `current` leads to; "" when there is none."""
        try:
            target = self._link.readlink()
        except OSError:
            return ""
        return target.name if (self._link.parent / target).is_dir() else ""

    def current_version(self) -> str:
        """Of the one that runs; "unknown" when there is none, or it cannot be told."""
        name = self.current()
        manifest = self.manifest(name) if name else None
        if manifest is not None:
            return manifest.version
        try:
            project = tomllib.loads((self.tree(name) / "pyproject.toml").read_text("utf-8"))["project"]
            return str(project["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return "unknown"

    def previous(self) -> str:
        """What a roll-back leads to; "" for none."""
        name = self.state().previous
        return name if name and name != self.current() and self.is_whole(name) else ""

    def whole(self) -> list[str]:
        """Names of the releases that can run, oldest first."""
        if not self._trees.is_dir():
            return []
        folders = [path.name for path in self._trees.iterdir() if not path.name.startswith(".")]
        names = [name for name in folders if self.is_whole(name)]
        return sorted(names, key=lambda name: (self.tree(name).stat().st_mtime_ns, name))

    def is_whole(self, name: str) -> bool:
        """Has it been made to its end?"""
        return (self.tree(name) / MARK).is_file() or (name != "" and name == self.current())

    def manifest(self, name: str) -> Manifest | None:
        """What it is made of; None when it was not made by an update."""
        try:
            raw = (self.tree(name) / MARK).read_bytes()
        except OSError:
            return None
        return read_manifest(raw) if raw.strip() else None

    def state(self) -> State:
        """The journal. One that cannot be read (nobody but an update writes it) counts as none."""
        try:
            read = json.loads((self._work / "state.json").read_text("utf-8"))
            doing = Doing(**read["doing"]) if read["doing"] else None
            return State(str(read["previous"]), doing)
        except (OSError, ValueError, KeyError, TypeError):
            return State()

    def must_exist(self) -> None:
        """Raises UpdateError: this machine has no releases."""
        if not self.root.is_dir():
            raise UpdateError(
                f"{self.root}: there is no such folder, so nothing to update",
                hint="'./install.sh --service' sets it up; update.root names another one",
            )

    # --- changing

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Only one update at a time. Raises UpdateError: another one runs, no right to write, no such folder."""
        self.must_exist()
        try:
            self._trees.mkdir(exist_ok=True)
            self._work.mkdir(exist_ok=True)
            file = (self._work / "lock").open("w")
        except PermissionError as error:
            raise UpdateError(f"{self.root}: you may not change it", hint="use sudo") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UpdateError("another update is running", hint="wait for it to end") from None
            # programs that it runs hold the lock too: when it is killed, they may go on in the new tree for a while
            os.set_inheritable(file.fileno(), True)
            if not os.access(self._trees, os.W_OK) or not os.access(self.root, os.W_OK):
                raise UpdateError(f"{self.root}: you may not change it", hint="use sudo")
            yield

    def write(self, state: State) -> None:
        """The journal, on the disk when this returns."""
        write_whole(self._work / "state.json", json.dumps(asdict(state)) + "\n", mode=0o644)

    def mark_whole(self, name: str, manifest: Manifest | None) -> None:
        """It has been made to its end. The tree must be on the disk by then."""
        write_whole(self.tree(name) / MARK, manifest.to_bytes().decode() if manifest else "\n", mode=0o644)

    def adopt(self) -> None:
        """Let the current one count as whole also when it is no longer current."""
        name = self.current()
        if name and not (self.tree(name) / MARK).is_file():
            self.mark_whole(name, None)

    def switch(self, name: str) -> None:
        """`current` leads to `name` when this returns, also after a power cut."""
        fresh = self.root / ".current.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("releases") / name)
        fresh.replace(self._link)
        sync_folder(self.root)

    def unlink_current(self) -> None:
        """Nothing ran before the first one."""
        self._link.unlink(missing_ok=True)
        sync_folder(self.root)

    def remove(self, name: str) -> None:
        """Raises UpdateError when it is the one that runs or the one before it."""
        if name in (self.current(), self.state().previous):
            raise UpdateError(f"{name}: is in use", hint="'nearfield update --list' shows what is what")
        (self.tree(name) / MARK).unlink(missing_ok=True)  # half gone, it is not whole
        self.discard(name)

    def discard(self, name: str) -> None:
        """Remove the folder of a release that was not made to its end, if there is one."""
        if self.tree(name).is_dir() and not self.is_whole(name):
            self.tree(name).rename(self._trees / f"{_GONE}{name}")
        self.sweep()

    def sweep(self) -> None:
        """End what `discard` began before a power cut."""
        for path in self._trees.glob(f"{_GONE}*"):
            shutil.rmtree(path, ignore_errors=True)

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` of those that are neither current nor previous; returns their names."""
        used = {self.current(), self.state().previous}
        spare = [name for name in self.whole() if name not in used]
        gone = spare[: len(spare) - keep] if keep < len(spare) else []
        for name in gone:
            self.remove(name)
        return gone

    def forget_downloads(self) -> None:
        """Of a release that is whole now."""
        shutil.rmtree(self.downloads, ignore_errors=True)
