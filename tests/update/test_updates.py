"""Updates as their owner sees them: taken, refused, taken back, gone back from."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from minisign import KeyPair
from release_world import World, archive, digest, make_bundle, sign

from device.errors import UpdateError
from device.update import manifest as bundle
from device.update.machine import SystemMachine
from device.update.manifest import ModelPart
from device.update.releases import Releases
from device.update.shared_models import SharedModels
from device.update.source import FolderSource, open_source
from device.update.updater import POINTS, Updater


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def take(world: World, folder: Path, **how: bool) -> str:
    return world.updater().update(FolderSource(folder), world.key.public_key, **how)


def untouched(world: World) -> bool:
    """Is all as it was before the first update?"""
    trees = [path.name for path in (world.root / "releases").iterdir()]
    return trees == ["1.0-first"] and world.releases.current() == "1.0-first" and world.releases.state().doing is None


def test_a_release_is_taken_and_started(world: World) -> None:
    name = take(world, world.bundle("1.1"))
    assert world.releases.current() == name
    assert (world.root / "current/device/version.txt").read_text() == "1.1"
    assert (world.root / "current/install.sh").stat().st_mode & 0o777 == 0o755
    assert world.machine.did == ["build", "self_test", "sync", "restart", "healthy"]
    assert world.releases.previous() == "1.0-first"
    assert not world.releases.downloads.exists()


def test_the_same_release_again_does_nothing(world: World) -> None:
    take(world, world.bundle("1.1"))
    world.machine.did.clear()
    assert take(world, world.bundle("1.1")) == ""
    assert world.machine.did == []


def test_looking_changes_nothing(world: World) -> None:
    manifest, refused = world.updater().check(FolderSource(world.bundle("1.1")), world.key.public_key)
    assert (manifest.version, refused) == ("1.1", "")
    assert "older" in world.updater().check(FolderSource(world.bundle("0.9")), world.key.public_key)[1]
    assert world.machine.did == []
    assert untouched(world)


# --- refused ----------------------------------------------------------------------------------------------------------


def refusal(world: World, folder: Path, **how: bool) -> str:
    with pytest.raises(UpdateError) as refused:
        take(world, folder, **how)
    assert refused.value.hint
    assert untouched(world)
    return refused.value.message


def test_one_without_a_signature(world: World) -> None:
    folder = world.bundle("1.1")
    (folder / bundle.SIGNATURE_NAME).unlink()
    assert "not signed" in refusal(world, folder)
    (folder / bundle.SIGNATURE_NAME).write_bytes(b"untrusted comment: none\nAAAA\n")
    assert "not signed" in refusal(world, folder)


def test_one_whose_manifest_was_altered(world: World) -> None:
    folder = world.bundle("1.1")
    raw = (folder / bundle.FILE_NAME).read_bytes()
    (folder / bundle.FILE_NAME).write_bytes(raw.replace(b'"1.1"', b'"9.9"'))
    assert "was altered" in refusal(world, folder)


def test_one_whose_trusted_comment_was_altered(world: World) -> None:
    folder = world.bundle("1.1")
    signature = (folder / bundle.SIGNATURE_NAME).read_bytes()
    (folder / bundle.SIGNATURE_NAME).write_bytes(signature.replace(b"a test", b"a lie!"))
    assert "was altered" in refusal(world, folder)


def test_one_that_somebody_else_signed(world: World) -> None:
    folder = world.bundle("1.1")
    sign(folder, KeyPair.generate(), (folder / bundle.FILE_NAME).read_bytes())
    assert "another key" in refusal(world, folder)


def test_nothing_is_looked_into_before_the_signature(world: World) -> None:
    folder = world.bundle("1.1")
    sign(folder, KeyPair.generate(), b"{ not even JSON")
    assert "another key" in refusal(world, folder)
    assert world.machine.did == []


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:9] + b"?" + b[10:]])
def test_one_with_a_file_that_was_altered(world: World, change: "object") -> None:
    folder = world.bundle("1.1")
    tree = folder / "tree.tar.gz"
    tree.write_bytes(change(tree.read_bytes()))  # type: ignore[operator]
    assert "altered or is damaged" in refusal(world, folder)
    assert world.machine.did == []


def test_an_older_one_unless_asked_for(world: World) -> None:
    folder = world.bundle("0.9")
    assert "0.9 is older than what runs (1.0)" in refusal(world, folder)
    assert take(world, folder, allow_downgrade=True).startswith("0.9")


def test_one_for_a_newer_python(world: World) -> None:
    assert "needs Python 3.99" in refusal(world, world.bundle("1.1", python="3.99"))


def test_one_that_has_no_room(world: World) -> None:
    world.machine.free = 1_000_000
    assert "not enough room" in refusal(world, world.bundle("1.1"))


def test_old_releases_make_room(world: World) -> None:
    for version in ("1.1", "1.2"):
        take(world, world.bundle(version))
    assert world.versions() == ["1.0", "1.1", "1.2"]
    world.machine.free_bytes = lambda _: 0 if "1.0" in world.versions() else 10**12  # type: ignore[method-assign]
    folder = world.bundle("1.3")
    with pytest.raises(UpdateError, match="not enough room"):
        take(world, folder)
    world.updater(keep=0).update(FolderSource(folder), world.key.public_key)
    assert world.versions() == ["1.2", "1.3"]


def test_a_second_update_at_the_same_time(world: World) -> None:
    with world.releases.lock():
        assert refusal(world, world.bundle("1.1")) == "another update is running"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_without_the_right_to_write(world: World) -> None:
    world.root.chmod(0o555)
    assert "you may not change it" in refusal(world, world.bundle("1.1"))


@pytest.mark.parametrize("step", ["build", "self_test"])
def test_one_that_cannot_be_made_or_fails_its_self_test(world: World, step: str) -> None:
    world.machine.broken = {step}
    assert refusal(world, world.bundle("1.1")) == f"{step} went wrong"
    assert "restart" not in world.machine.did


@pytest.mark.parametrize(
    "member",
    ["../out", "/etc/out", "a/../../out"],
)
def test_a_tree_that_leaves_its_folder(world: World, member: str) -> None:
    assert "leaves its folder" in refusal(world, world.bundle("1.1", tree=archive({member: b"x"})))
    assert not list(world.folder.rglob("out"))


def test_a_tree_with_a_link(world: World) -> None:
    import io  # noqa: PLC0415
    import tarfile  # noqa: PLC0415

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        link = tarfile.TarInfo("device")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    assert "neither file nor folder" in refusal(world, world.bundle("1.1", tree=out.getvalue()))


def test_a_tree_of_more_than_it_says(world: World) -> None:
    assert "unpacks to more" in refusal(world, world.bundle("1.1", unpacked_bytes=20))


def test_a_tree_that_is_none(world: World) -> None:
    assert "cannot be unpacked" in refusal(world, world.bundle("1.1", tree=b"no archive"))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"format": 2}, "format"),
        ({"name": "../x"}, "plain file name"),
        ({"version": "new"}, "not a version"),
        ({"extra": 1}, "extra"),
        ({"files": []}, "exactly one tree"),
    ],
)
def test_a_signed_manifest_that_makes_no_sense(world: World, fields: dict[str, object], why: str) -> None:
    folder = world.bundle("1.1")
    read = json.loads((folder / bundle.FILE_NAME).read_bytes())
    sign(folder, world.key, json.dumps({**read, **fields}).encode())
    assert why in refusal(world, folder)


# --- taken back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["restart:1.1", "healthy:1.1"])
def test_one_that_does_not_come_up_is_taken_back(world: World, step: str) -> None:
    world.machine.broken = {step}
    with pytest.raises(UpdateError) as failed:
        take(world, world.bundle("1.1"))
    assert "1.0-first runs again" in failed.value.message
    assert world.releases.current() == "1.0-first"
    assert world.machine.running == "1.0"
    assert world.releases.state().doing is None


def test_ctrl_c_while_its_health_is_watched_takes_it_back(world: World) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    world.machine.wait_healthy = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        take(world, world.bundle("1.1"))
    assert world.machine.running == "1.0"


def test_there_and_back_and_there_again(world: World) -> None:
    take(world, world.bundle("1.1"))
    assert world.updater().roll_back() == "1.0-first"
    assert world.machine.running == "1.0"
    world.machine.did.clear()
    assert take(world, world.bundle("1.1")).startswith("1.1")
    assert world.machine.did == ["restart", "healthy"]  # it was there: nothing is made anew


def test_no_way_back_from_the_first(world: World) -> None:
    with pytest.raises(UpdateError, match="no release to go back to"):
        world.updater().roll_back()


def test_a_way_back_that_does_not_come_up_is_left_again(world: World) -> None:
    take(world, world.bundle("1.1"))
    world.machine.broken = {"healthy:1.0"}
    with pytest.raises(UpdateError, match=r"1\.1-.* runs again"):
        world.updater().roll_back()
    assert world.machine.running == "1.1"


def test_old_ones_go_but_never_the_one_that_runs_or_the_one_before(world: World) -> None:
    for version in ("1.1", "1.2", "1.3"):
        take(world, world.bundle(version))
    assert world.versions() == ["1.1", "1.2", "1.3"]  # keep=1: the newest of the others
    world.updater(keep=0).update(FolderSource(world.bundle("1.4")), world.key.public_key)
    assert world.versions() == ["1.3", "1.4"]


# --- the plug is pulled -----------------------------------------------------------------------------------------------


def killed_at(world: World, point: str, source: Path) -> None:
    """The same update in another process, which is killed with -9 when it comes to `point`."""
    child = os.fork()
    if child == 0:
        try:
            kill = lambda here: os.kill(os.getpid(), signal.SIGKILL) if here == point else None  # noqa: E731
            world.updater(at=kill).update(FolderSource(source), world.key.public_key)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, f"{point} was never come to"


def runs(world: World) -> str:
    """Version of what `current` leads to, after a look whether it is whole."""
    tree = world.root / "current"
    assert (tree / ".venv/bin/nearfield").is_file()
    assert (tree / "pyproject.toml").is_file()
    return world.releases.current_version()


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_leaves_one_that_is_whole(world: World, point: str) -> None:
    (world.models / "ears").mkdir(parents=True)
    weights = world.models / "ears/weights.bin"
    weights.write_bytes(b"old")
    take(world, world.bundle("1.1", models={"ears": b"old"}))
    source = world.bundle("1.2", models={"ears": b"new"})
    killed_at(world, point, source)
    assert runs(world) in ("1.1", "1.2")

    world.updater().resume(restart=False)
    confirmed = point in ("done", "pruned")
    assert runs(world) == ("1.2" if confirmed else "1.1")
    assert weights.read_bytes() == (b"new" if confirmed else b"old")
    assert world.releases.state().doing is None
    assert not [path for path in (world.root / "releases").iterdir() if not world.releases.is_whole(path.name)]

    take(world, source)
    assert runs(world) == "1.2"
    assert weights.read_bytes() == b"new"
    assert world.updater().roll_back().startswith("1.1")
    assert weights.read_bytes() == b"old"


def test_a_start_in_the_middle_of_a_trial_takes_nothing_back(world: World) -> None:
    """systemd calls `--resume` before each start, also before that of the release on trial."""
    took: list[str] = []

    def start() -> None:
        with pytest.raises(UpdateError, match="another update is running"):
            world.updater().resume(restart=False)
        took.append(world.releases.current_version())

    world.machine.restart = start  # type: ignore[method-assign]
    take(world, world.bundle("1.1"))
    assert took == ["1.1"]


def test_a_release_that_somebody_sets_up_beside_us_is_left_alone(world: World) -> None:
    other = world.root / "releases/2.0-by-hand"
    other.mkdir()
    killed_at(world, "unpacked", world.bundle("1.1"))
    world.updater().resume(restart=False)
    assert other.is_dir()
    assert sorted(path.name for path in (world.root / "releases").iterdir()) == ["1.0-first", "2.0-by-hand"]


def test_killed_while_a_program_works_for_it_nobody_else_begins_before_that_one_has_ended(world: World) -> None:
    """install.sh outlives a kill -9 of its update, and goes on writing into the new tree."""
    script = b"#!/bin/sh\necho $$ >pid.part && mv pid.part pid\nexec sleep 60\n"
    folder = world.bundle("1.1", tree=archive({"pyproject.toml": b"", "install.sh": script}))
    child = os.fork()
    if child == 0:
        try:
            real = SystemMachine("none")
            Updater(world.releases, real, None).update(FolderSource(folder), world.key.public_key)
        finally:
            os._exit(1)
    found: list[Path] = []
    while not found:
        time.sleep(0.02)
        found = list((world.root / "releases").glob("1.1-*/pid"))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    builder = int(found[0].read_text())
    try:
        with pytest.raises(UpdateError, match="another update is running"):
            world.updater().resume(restart=False)
    finally:
        os.kill(builder, signal.SIGKILL)
    while Path(f"/proc/{builder}/stat").exists() and " Z " not in Path(f"/proc/{builder}/stat").read_text():
        time.sleep(0.02)
    world.updater().resume(restart=False)
    assert untouched(world)


RESUME = Path(__file__).resolve().parents[2] / "firmware_scripts/update/resume.sh"


@pytest.mark.parametrize("point", ["adopted", "switched"])
def test_before_the_service_starts_the_release_of_before_is_asked_to_take_it_back(world: World, point: str) -> None:
    """The shell script of the unit: nothing is asked where nothing was cut off.

    What is said goes to standard error, and so to the journal: the unit throws standard output away.
    """
    take(world, world.bundle("1.1"))
    for name in world.releases.whole():
        program = world.releases.tree(name) / ".venv/bin/nearfield"
        program.write_text(f'#!/bin/sh\necho "{name.split("-")[0]} $*"\n')
        program.chmod(0o755)

    def resumed() -> str:
        done = subprocess.run([RESUME, world.root], capture_output=True, text=True, check=True, timeout=20)
        assert done.stdout == ""
        return done.stderr

    assert resumed() == ""
    killed_at(world, point, world.bundle("1.2"))
    assert resumed() == f"1.1 update --resume --set update.root={world.root}\n"


def test_a_machine_without_releases(tmp_path: Path) -> None:
    world = World(tmp_path)
    absent = Updater(Releases(tmp_path / "absent"), world.machine, None)
    for ask in (absent.check, absent.update):
        with pytest.raises(UpdateError, match="there is no such folder"):
            ask(FolderSource(world.bundle("1.1")), world.key.public_key)


# --- models -----------------------------------------------------------------------------------------------------------


def test_models_that_both_have_are_on_the_disk_once(world: World) -> None:
    (world.models / "ears").mkdir(parents=True)
    weights = world.models / "ears/weights.bin"
    weights.write_bytes(b"same")
    take(world, world.bundle("1.1", models={"ears": b"same"}, bring=False))
    assert weights.stat().st_nlink == 2
    assert weights.samefile(world.models / ".by-hash" / digest(b"same"))
    assert "pull ears" not in world.machine.did


def test_a_model_that_nobody_brings_is_fetched_by_the_new_release(world: World) -> None:
    (world.models / "ears").mkdir(parents=True)
    world.machine.broken = {"pull ears"}
    assert (
        refusal(world, world.bundle("1.1", models={"ears": b"new", "eyes": b"x"}, bring=False))
        == "pull ears went wrong"
    )


def old_ears(world: World) -> Path:
    """The file of a model that the installed release has in its catalogue: b"old"."""
    weights = world.models / "ears/weights.bin"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"old")
    catalogue = world.root / "current/models/catalog.toml"
    catalogue.parent.mkdir()
    catalogue.write_text(
        f'[[model]]\nid = "ears"\n[[model.files]]\nname = "weights.bin"\nsha256 = "{digest(b"old")}"\n', "utf-8"
    )
    return weights


@pytest.mark.parametrize("bring", [True, False])
def test_the_self_test_has_the_models_of_its_release_on_a_second_try_too(world: World, bring: bool) -> None:
    weights = old_ears(world)
    folder = world.bundle("1.1", models={"ears": b"new"}, bring=bring)
    world.machine.broken = {"self_test"}
    assert refusal(world, folder) == "self_test went wrong"
    assert weights.read_bytes() == b"old"
    world.machine.broken = set()
    assert take(world, folder).startswith("1.1")
    assert weights.read_bytes() == b"new"
    assert world.machine.did.count("pull ears") == (0 if bring else 1), "it was kept"


def test_models_of_the_installed_release_come_back_by_the_catalogue_in_its_tree(world: World) -> None:
    weights = old_ears(world)
    take(world, world.bundle("1.1", models={"ears": b"new"}))
    assert weights.read_bytes() == b"new"
    world.updater().roll_back()
    assert weights.read_bytes() == b"old"


def test_whoever_has_no_such_model_gets_none(world: World) -> None:
    take(world, world.bundle("1.1", models={"ears": b"new"}))
    assert not world.models.exists()


def test_models_that_no_release_wants_any_more_go(world: World) -> None:
    (world.models / "ears").mkdir(parents=True)
    for number in range(1, 4):
        weights = f"{number}".encode()
        folder = world.bundle(f"1.{number}", models={"ears": weights})
        world.updater(keep=0).update(FolderSource(folder), world.key.public_key)
    assert {path.name for path in (world.models / ".by-hash").iterdir()} == {digest(b"2"), digest(b"3")}


# the folder of the models is the service's: root must not be led anywhere by what lies in it


@pytest.mark.parametrize("bring", [True, False])
def test_a_pool_that_is_a_link_is_refused_and_nothing_is_done_behind_it(world: World, bring: bool) -> None:
    weights, elsewhere = old_ears(world), world.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a file").touch()
    (world.models / ".by-hash").symlink_to(elsewhere)
    folder = world.bundle("1.1", models={"ears": b"new"}, bring=bring)
    assert refusal(world, folder) == f"{world.models}/.by-hash is a link, and should be a folder"
    SharedModels(world.models).forget([])
    assert [path.name for path in elsewhere.iterdir()] == ["a file"]
    assert weights.read_bytes() == b"old"
    (world.models / ".by-hash").unlink()
    assert take(world, folder).startswith("1.1"), "nothing stays behind of it"


def test_a_link_in_the_place_of_a_part_is_not_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that somebody puts there between the look and the write."""
    (world.models / ".by-hash").mkdir(parents=True)
    brought, victim = world.folder / "brought", world.folder / "victim"
    brought.write_bytes(b"new")
    victim.write_bytes(b"of root")
    (world.models / ".by-hash" / f"{digest(b'new')}.part").symlink_to(victim)
    with monkeypatch.context() as quick:
        quick.setattr(os, "unlink", lambda *_, **__: None)
        quick.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(FileExistsError):
            SharedModels(world.models).bring(brought, digest(b"new"))
    assert victim.read_bytes() == b"of root"
    SharedModels(world.models).bring(brought, digest(b"new"))
    assert (world.models / ".by-hash" / digest(b"new")).read_bytes() == b"new"


def test_the_folder_of_a_model_that_is_a_link_is_left_alone(world: World) -> None:
    weights, elsewhere = old_ears(world), world.folder / "elsewhere"
    models, parts = SharedModels(world.models), {"ears": (ModelPart(name="weights.bin", sha256=(digest(b"old"),)),)}
    models.keep(parts)
    weights.parent.rename(elsewhere)
    weights.parent.symlink_to(elsewhere)
    (elsewhere / "weights.bin").unlink()
    models.lay_out(parts)
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_becomes_a_link_before_the_write_is_not_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_ears(world)
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    (world.models / ".by-hash").symlink_to(elsewhere)
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)  # it was none when it was looked at
    with pytest.raises(NotADirectoryError):
        SharedModels(world.models).keep({"ears": (ModelPart(name="weights.bin", sha256=(digest(b"old"),)),)})
    assert list(elsewhere.iterdir()) == []


def test_the_owner_is_changed_of_what_was_opened_and_not_of_what_has_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.models.mkdir()
    (world.folder / "brought").write_bytes(b"new")
    monkeypatch.setattr(os, "chown", lambda *_, **__: pytest.fail("by its name"))
    changed: list[str] = []
    monkeypatch.setattr(os, "fchown", lambda file, *_: changed.append(Path(f"/proc/self/fd/{file}").readlink().name))
    SharedModels(world.models).bring(world.folder / "brought", digest(b"new"))
    assert changed == [".by-hash", f"{digest(b'new')}.part"]


def test_a_folder_is_a_source_by_its_path_and_by_its_address(world: World) -> None:
    folder = world.bundle("1.1")
    for name in (str(folder), folder.as_uri()):
        assert open_source(name).small(bundle.FILE_NAME, 1 << 20)


def test_a_bundle_is_what_its_manifest_says(tmp_path: Path) -> None:
    manifest = make_bundle(tmp_path, KeyPair.generate(), "2.0", models={"ears": b"abc"})
    assert bundle.read_manifest(manifest.to_bytes()) == manifest
