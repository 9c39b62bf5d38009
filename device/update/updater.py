"""The course of an update, step by step, so that a power cut at any instant leaves the old or the new one whole.

    updater = Updater(Releases(root), machine, SharedModels(folder), tell=print)
    updater.update(open_source("/media/usb/nearfield"), read_key(key_file))
    updater.roll_back()
    updater.resume(restart=False)            # before the service starts: takes back what was not finished

Signature before contents; the tree, its environment and its models beside what runs; the self-test of the new tree;
then the link, the restart and the watch over its health. What fails before the link leaves all as it was; what fails
behind it is taken back. The journal says which of the two it is to whoever comes after a power cut.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from minisign import PublicKey

from device.errors import UpdateError
from device.update import manifest as bundle
from device.update.manifest import Manifest, read_manifest
from device.update.releases import Doing, Releases, State
from device.update.shared_models import Parts, SharedModels, parts_of
from device.update.signature import verify
from device.update.source import Source
from device.update.unpack import unpack_tree
from models.sources import Progress, no_progress

SPARE_BYTES = 64 << 20  #: left free beyond what an update needs
#: Of an environment (.venv) where there is none to measure yet: 420 MB on x86-64 (du -sh releases/NAME), and some room.
ENVIRONMENT_BYTES = 600_000_000

#: Where `Updater(at=...)` is called, in order: a test pulls the plug there.
POINTS = (
    "begun", "fetched", "unpacked", "built", "models", "tested", "synced", "adopted", "whole",
    "trying", "laid-out", "switched", "restarted", "healthy", "done", "pruned",
)  # fmt: skip


class Machine(Protocol):
    """What an update needs of the machine (device/update/machine.py). Methods that fail raise UpdateError."""

    def python_version(self) -> str:
        """ "3.11.2": of the interpreter that a release would get."""

    def fits(self, wheel: str) -> bool:
        """Can a wheel of this name be installed here?"""

    def build(self, tree: Path, wheels: Path, offline: bool) -> None:
        """Make `tree`/.venv, from the wheels in the folder `wheels` as far as they go."""

    def self_test(self, tree: Path, version: str) -> None:
        """Does that release work here, with the configuration that is here?"""

    def pull_model(self, tree: Path, model_id: str) -> None:
        """Have the release fetch a model of its catalogue."""

    def restart(self) -> None:
        """Start the service anew, if there is one."""

    def wait_healthy(self) -> None:
        """Returns when the service is up and stays up."""

    def free_bytes(self, folder: Path) -> int:
        """On the disk that has `folder`."""

    def sync(self) -> None:
        """All that was written is on the disk when this returns."""


def _silent(_: str) -> None:
    pass


class Updater:
    """`models` None: models are nobody's business here. `keep`: old releases kept beside current and previous."""

    def __init__(
        self,
        releases: Releases,
        machine: Machine,
        models: SharedModels | None,
        *,
        keep: int = 1,
        tell: Callable[[str], None] = _silent,
        progress: Progress = no_progress,
        at: Callable[[str], None] = _silent,
    ) -> None:
        self._releases = releases
        self._machine = machine
        self._models = models
        self._keep = keep
        self._tell = tell
        self._progress = progress
        self._at = at

    # --- what can be asked

    def check(self, source: Source, key: PublicKey) -> tuple[Manifest, str]:
        """What the source offers, signature verified, and why it would be refused here ("": it would not)."""
        self._releases.must_exist()
        manifest = self._verified(source, key)
        try:
            self._refuse(manifest, allow_downgrade=False)
            self._refuse_without_room(manifest, make_room=False)
        except UpdateError as error:
            return manifest, error.message
        return manifest, ""

    def update(self, source: Source, key: PublicKey, *, allow_downgrade: bool = False) -> str:
        """Name of the release that runs now, or "" when it ran already. Raises UpdateError, OSError."""
        with self._releases.lock():
            self._resume(restart=True)
            manifest = self._verified(source, key)
            if manifest.name == self._releases.current():
                return ""
            self._refuse(manifest, allow_downgrade)
            self._refuse_without_room(manifest, make_room=True)
            if not self._releases.is_whole(manifest.name):
                self._make(manifest, source)
            self._try(manifest.name)
            self._prune()
            return manifest.name

    def roll_back(self) -> str:
        """Name of the release that runs now. Raises UpdateError: there is none before, or it is not healthy."""
        with self._releases.lock():
            # whoever asks for this while an update hangs in its trial has got it by that
            if back := self._resume(restart=True):
                return back
            name = self._releases.previous()
            if not name:
                raise UpdateError("there is no release to go back to", hint="'nearfield update --list' shows them")
            self._try(name)
            return name

    def resume(self, *, restart: bool) -> str:
        """Take back what was cut off. Name of the release that was gone back to; "" when there was nothing to do.

        Raises UpdateError when another update is running: then there is nothing to take back yet.
        """
        with self._releases.lock():
            return self._resume(restart)

    # --- before anything is changed

    def _verified(self, source: Source, key: PublicKey) -> Manifest:
        raw = source.small(bundle.FILE_NAME, bundle.MOST_BYTES)
        try:
            signature = source.small(bundle.SIGNATURE_NAME, 16_384)
        except UpdateError as error:
            raise UpdateError(
                f"the release is not signed ({error.message})", hint="a bundle has manifest.json.minisig in it"
            ) from error
        comment = verify(raw, signature, key)
        manifest = read_manifest(raw)
        self._tell(f"{manifest.name}: signed ({comment})")
        return manifest

    def _refuse(self, manifest: Manifest, allow_downgrade: bool) -> None:
        running = self._releases.current_version()
        if not allow_downgrade and manifest.older_than(running):
            raise UpdateError(
                f"{manifest.version} is older than what runs ({running})",
                hint="--allow-downgrade takes it all the same; --rollback goes back to the one before",
            )
        python = self._machine.python_version()
        if not manifest.runs_on(python):
            raise UpdateError(
                f"{manifest.version} needs Python {manifest.python} or newer, here is {python}",
                hint="update the operating system first",
            )

    def _refuse_without_room(self, manifest: Manifest, make_room: bool) -> None:
        releases = self._releases
        if releases.is_whole(manifest.name):
            return
        needed, free = self._needed_bytes(manifest), self._machine.free_bytes(releases.root)
        if free < needed and make_room:
            self._prune()
            free = self._machine.free_bytes(releases.root)
        if free < needed:
            raise UpdateError(
                f"not enough room in {releases.root}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} free",
                hint="--keep 0 takes all old releases away first, but for the one before",
            )

    def _needed_bytes(self, manifest: Manifest) -> int:
        wanted = sum(file.bytes for file in manifest.files if self._fits(file.kind, file.name))
        fetched = sum(path.stat().st_size for path in self._releases.downloads.glob("*/*") if path.is_file())
        environment = _size(self._releases.tree(self._releases.current()) / ".venv") or ENVIRONMENT_BYTES
        return max(0, wanted - fetched) + manifest.unpacked_bytes + environment + SPARE_BYTES

    def _fits(self, kind: str, name: str) -> bool:
        return kind != "wheel" or self._machine.fits(name)

    # --- beside what runs

    def _make(self, manifest: Manifest, source: Source) -> None:
        releases, tree = self._releases, self._releases.tree(manifest.name)
        releases.write(replace(releases.state(), doing=Doing("making", manifest.name, releases.current())))
        self._at("begun")
        releases.discard(manifest.name)
        try:
            downloads = self._fetch(manifest, source)
            self._at("fetched")
            self._tell("unpacking")
            unpack_tree(downloads / manifest.tree.name, tree, manifest.unpacked_bytes)
            self._at("unpacked")
            self._tell("building its environment")
            self._machine.build(tree, downloads, manifest.offline)
            self._at("built")
            self._bring_models(manifest, downloads)
            self._at("models")
            self._tell("its self-test")
            self._machine.self_test(tree, manifest.version)
            self._at("tested")
            # its files must be on the disk before anything says that it is whole
            self._machine.sync()
            self._at("synced")
            releases.adopt()
            self._at("adopted")
            releases.mark_whole(manifest.name, manifest)
            self._at("whole")
        except BaseException:
            releases.discard(manifest.name)
            self._lay_out(releases.current())  # its models are in the place of ours
            releases.write(replace(releases.state(), doing=None))
            raise
        releases.forget_downloads()

    def _fetch(self, manifest: Manifest, source: Source) -> Path:
        downloads = self._releases.downloads / manifest.name
        for other in self._releases.downloads.glob("*"):
            if other != downloads:
                shutil.rmtree(other, ignore_errors=True)
        downloads.mkdir(parents=True, exist_ok=True)
        wanted = {sha for _, part in self._missing(manifest) for sha in part.sha256}
        for file in manifest.files:
            if self._fits(file.kind, file.name) and (file.kind != "model" or file.sha256 in wanted):
                self._tell(f"fetching {file.name} ({file.bytes / 1e6:.1f} MB)")
                source.fetch(file, downloads, self._progress)
        return downloads

    def _missing(self, manifest: Manifest) -> list[tuple[str, bundle.ModelPart]]:
        return self._models.missing(manifest.models) if self._models else []

    def _bring_models(self, manifest: Manifest, downloads: Path) -> None:
        if self._models is None:
            return
        self._models.keep(self._parts(self._releases.current()))
        for _, part in self._missing(manifest):
            file = manifest.in_bundle(part)
            if file is not None:
                self._models.bring(downloads / file.name, file.sha256)
        for model_id in dict.fromkeys(model_id for model_id, _ in self._missing(manifest)):
            self._tell(f"fetching the model {model_id}")
            self._machine.pull_model(self._releases.tree(manifest.name), model_id)
        self._models.keep(manifest.models)
        # its self-test finds them where everybody does; ours are laid out again if it does not become the one that runs
        self._models.lay_out(manifest.models)

    # --- in its place

    def _try(self, name: str) -> None:
        releases = self._releases
        back, before = releases.current(), releases.state().previous
        releases.adopt()
        releases.write(State(before, Doing("trying", name, back)))
        try:
            self._at("trying")
            self._lay_out(name)
            self._at("laid-out")
            releases.switch(name)
            self._at("switched")
            self._tell(f"{name} is in place; starting it")
            self._machine.restart()
            self._at("restarted")
            self._machine.wait_healthy()
            self._at("healthy")
        except BaseException as error:
            self._back(back, before)
            if isinstance(error, UpdateError):
                now = self._start_again(back)
                raise UpdateError(f"{name} did not come up: {error.message}; {now}", hint=error.hint) from error
            self._start_again(back)
            raise
        releases.write(State(back))
        self._at("done")

    def _back(self, back: str, before: str) -> None:
        if back:
            self._releases.switch(back)
        else:
            self._releases.unlink_current()
        self._lay_out(back)
        self._releases.write(State(before))

    def _start_again(self, back: str) -> str:
        if not back:
            return "nothing ran before it"
        try:
            self._machine.restart()
        except UpdateError as error:
            return f"{back} is back in its place, but does not start either ({error.message})"
        return f"{back} runs again"

    def _lay_out(self, name: str) -> None:
        if self._models is not None and name:
            self._models.lay_out(self._parts(name))

    def _parts(self, name: str) -> Parts:
        """The models of a release, by its manifest; of one that install.sh made, by the catalogue in its tree."""
        manifest = self._releases.manifest(name) if name else None
        return manifest.models if manifest else parts_of(self._releases.tree(name) / "models" / "catalog.toml")

    def _resume(self, restart: bool) -> str:
        releases = self._releases
        state = releases.state()
        went = ""
        if state.doing is not None:
            if state.doing.phase == "trying":
                went = state.doing.back
                moved = releases.current() != went
                self._back(went, state.previous)
                self._tell(f"an update to {state.doing.name} was cut off before it was known to work; {went} is back")
                if restart and moved:
                    self._machine.restart()
            else:
                releases.discard(state.doing.name)
                self._lay_out(releases.current())
                releases.write(replace(state, doing=None))
        releases.sweep()
        return went

    def _prune(self) -> None:
        releases = self._releases
        for name in releases.prune(self._keep):
            self._tell(f"{name}: removed, it was old")
        if self._models is not None:
            self._models.forget([self._parts(name) for name in releases.whole()])
        self._at("pruned")


def _size(folder: Path) -> int:
    """Of all files below it, in bytes."""
    if not folder.is_dir():
        return 0
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
