"""`install.sh --service` below a folder (DESTDIR): what it makes, what it leaves alone, and that all of it goes again.

Building the environment of a release takes minutes: here a stand-in takes its place; bench/bare_root.sh does it all.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from house_scripts import ROOT, sourced

from device.config import load_settings
from device.update.releases import Releases

STAND_IN = """
python_make() {
  mkdir -p "$RELEASE/.venv/bin" "$RELEASE/.nearfield"
  cp "$ROOT/stand-in" "$RELEASE/.venv/bin/nearfield"
  : >"$RELEASE/.nearfield/complete"
}
"""
#: `nearfield` as the steps call it: a configuration with the word "wrong" in it is wrong
NEARFIELD = """#!/bin/sh
case "$*" in
  "config show") cat "$NEARFIELD_CONFIG" ;;
  "config check") ! grep -q wrong "$NEARFIELD_CONFIG" || { echo "nearfield: line 1: wrong"; exit 2; } ;;
  *pull*) mkdir -p "$XDG_DATA_HOME/nearfield/models/abc" ;;
  *) echo 0.1.0 ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Something like this repository, in a folder of its own."""
    folder = tmp_path / "a tree"
    shutil.copytree(ROOT / "firmware_scripts", folder / "firmware_scripts")
    for name in ("install.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in (
        "device/a module.py",
        "device/__pycache__/a.pyc",
        "dsp/native/_native.so",
        "tests/t.py",
        ".git/x",
        "docs/d.md",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "stand-in").write_text(NEARFIELD)
    (folder / "stand-in").chmod(0o755)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "a root"


def service(
    tree: Path, root: Path, *arguments: str, stand_in: str = STAND_IN, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'source ./install.sh; {stand_in}\nmain "$@"', "bash", *arguments],
        env={**os.environ, "DESTDIR": str(root), "HOME": str(tree.parent), "PYTHON": "", **environment},
        cwd=tree,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def set_up(tree: Path, root: Path, *arguments: str, **environment: str) -> str:
    done = service(tree, root, "--service", "--models", "tiny", *arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def current(root: Path) -> str:
    link = (root / "opt/nearfield/current").readlink()
    assert link.parts[0] == "releases", "relative: the whole tree may be mounted elsewhere"
    return link.name


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_sets_up_all_of_it_once(tree: Path, root: Path) -> None:
    first = set_up(tree, root)
    assert first.count("already there") == 2, "the user and the start, which belong to the machine and not to a folder"
    assert set_up(tree, root).count("already there") == 9, "but the models, which are verified each time"

    release = root / "opt/nearfield/releases" / current(root)
    assert not list(root.rglob("network-*.conf"))[2:], "no network unless asked: only those of the release"
    assert current(root).startswith("0.1.0-")
    kept = {name for name in files(release) if not name.startswith("firmware_scripts/")}
    built = {".venv/bin/nearfield", ".nearfield/complete"}
    assert kept == {"install.sh", "pyproject.toml", "device/a module.py", "docs/d.md", "stand-in"} | built
    assert not [path for path in release.rglob("*") if path.stat().st_mode & 0o022], "nobody else may write there"

    config = root / "etc/nearfield/nearfield.toml"
    assert config.stat().st_mode & 0o777 == 0o640
    assert (root / "etc/nearfield").stat().st_mode & 0o777 == 0o750
    assert (root / "var/lib/nearfield/models/abc").is_dir()
    command = root / "usr/local/bin/nearfield"
    assert command.stat().st_mode & 0o777 == 0o755
    scripts = ROOT / "firmware_scripts"
    unit = root / "etc/systemd/system/nearfield.service"
    assert unit.read_text() == (scripts / "systemd/nearfield.service").read_text()
    assert (root / "etc/udev/rules.d/60-nearfield-sound.rules").is_file()


def test_another_tree_is_another_release_and_the_one_before_stays(tree: Path, root: Path) -> None:
    names = []
    for text in ("one", "two", "three"):
        (tree / "device/a module.py").write_text(text)
        set_up(tree, root)
        names.append(current(root))
    assert len(set(names)) == 3
    assert {path.name for path in (root / "opt/nearfield/releases").iterdir()} == set(names[1:])
    releases = Releases(root / "opt/nearfield")
    assert releases.previous() == names[1], "where 'nearfield update --rollback' leads"
    assert set(releases.whole()) == set(names[1:])
    (tree / "tests/t.py").write_text("a test is no part of it")
    set_up(tree, root)
    assert current(root) == names[2]


def test_a_release_set_up_again_from_its_own_folder_is_itself(tree: Path, root: Path) -> None:
    set_up(tree, root)
    name = current(root)
    release = root / "opt/nearfield/releases" / name
    (release / "left by an update").touch()
    set_up(release, root)
    assert current(root) == name
    assert [path.name for path in (root / "opt/nearfield/releases").iterdir()] == [name]
    assert Releases(root / "opt/nearfield").previous() == "", "there was none before"


def test_what_was_cut_off_is_gone_on_with(tree: Path, root: Path) -> None:
    broken = STAND_IN + "\nsettings_make() { echo out of luck; false; }"
    done = service(tree, root, "--service", "--models", "none", stand_in=broken)
    assert done.returncode == 1
    assert "step 5 of 10 (settings) failed" in done.stderr
    assert "then run ./install.sh --service again" in done.stderr
    assert not (root / "opt/nearfield/current").is_symlink(), "nothing points to what is not whole"
    (root / "opt/nearfield/releases/.new.half").mkdir()
    (tree / "device/a module.py").write_text("mended")
    assert set_up(tree, root).count("already there") == 3, "user, folders and start"
    assert not (root / "opt/nearfield/releases/.new.half").exists()


def test_the_gpio_driver_that_was_named_is_that_of_every_release_from_then_on(tree: Path, root: Path) -> None:
    def board(folder: Path) -> str:
        shown = service(folder, root, "--print-board")
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.split()[1]

    def python_step(shown: str) -> str:
        return next(line for line in shown.splitlines() if line.startswith("[4/10]"))

    set_up(tree, root)
    release = root / "opt/nearfield/releases" / current(root)
    assert board(release) == "none"
    assert "already there" not in python_step(set_up(tree, root, NEARFIELD_GPIO_DRIVER="rpi-lgpio"))
    assert board(release) == "rpi-lgpio", "as an update's install.sh in the tree of the new release is told"
    assert board(tree) == "none", "which concerns the service alone"
    assert "already there" in python_step(set_up(tree, root))
    assert board(release) == "rpi-lgpio"
    assert "already there" in python_step(set_up(tree, root, NEARFIELD_GPIO_DRIVER="rpi-lgpio"))


@pytest.mark.parametrize("taken_back", [True, False])
def test_an_update_that_was_cut_off_is_taken_back_first(tree: Path, root: Path, taken_back: bool) -> None:
    set_up(tree, root)
    opt, before = root / "opt/nearfield", current(root)
    (opt / "update").mkdir()
    journal = opt / "update/state.json"
    journal.write_text(f'{{"previous": "", "doing": {{"phase": "trying", "name": "9", "back": "{before}"}}}}\n')
    resume = opt / "releases" / before / ".venv/bin/nearfield"
    resume.write_text(f'#!/bin/sh\necho "$*" >"{root}/asked"\n' + f'echo closed >"{journal}"\n' * taken_back)
    (tree / "device/a module.py").write_text("newer")
    done = service(tree, root, "--service", "--models", "tiny")
    assert (root / "asked").read_text() == f"update --resume --set update.root={opt}\n"
    if taken_back:
        assert done.returncode == 0, done.stdout + done.stderr
        assert current(root) != before
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "cannot be taken back by nearfield itself (it did not say why); " in done.stdout
        assert current(root) != before
    assert Releases(opt).previous() == before


def cut_off(tree: Path, root: Path, phase: str) -> tuple[Path, str]:
    """A machine whose update was cut off, and whose releases cannot take it back: the folder, what ran before."""
    set_up(tree, root)
    opt, before = root / "opt/nearfield", current(root)
    shutil.copytree(opt / "releases" / before, opt / "releases/9")
    (opt / "releases" / before / ".release.json").write_text("\n")
    for name in (before, "9"):
        (opt / "releases" / name / ".venv/bin/nearfield").write_text(
            "#!/bin/sh\necho trying; echo no luck >&2; exit 1\n"
        )
    (opt / "update").mkdir()
    doing = f'{{"phase": "{phase}", "name": "9", "back": "{before}"}}'
    (opt / "update/state.json").write_text(f'{{"previous": "", "doing": {doing}}}\n')
    if phase == "trying":
        Releases(opt).switch("9")
    (tree / "device/a module.py").write_text("newer")
    return opt, before


@pytest.mark.parametrize("phase", ["making", "trying"])
def test_an_update_that_no_release_can_take_back_does_not_stop_the_repair(tree: Path, root: Path, phase: str) -> None:
    opt, before = cut_off(tree, root, phase)
    done = service(tree, root, "--service", "--models", "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cannot be taken back by nearfield itself (no luck); {before} is in its place" in done.stdout
    releases = Releases(opt)
    assert releases.previous() == before
    assert set(releases.whole()) == {before, releases.current()}
    assert releases.state().doing is None


def test_while_an_update_is_at_work_nothing_is_set_up(tree: Path, root: Path) -> None:
    opt, before = cut_off(tree, root, "trying")
    journal = (opt / "update/state.json").read_text()
    with Releases(opt).lock():
        done = service(tree, root, "--service", "--models", "tiny")
    assert done.returncode == 1
    assert "install.sh: an update is at work: wait for it to end ('nearfield update --list')\n" in done.stderr
    assert current(root) == "9" != before
    assert (opt / "update/state.json").read_text() == journal


@pytest.mark.parametrize("lost", [".release.json", ".venv/bin/nearfield"])
def test_without_a_whole_release_to_go_back_to_the_way_out_is_named(tree: Path, root: Path, lost: str) -> None:
    opt, before = cut_off(tree, root, "trying")
    (opt / "releases" / before / lost).unlink()
    done = service(tree, root, "--service", "--models", "tiny")
    assert done.returncode == 1
    journal = opt / "update/state.json"
    assert f"cannot be taken back (no luck): delete {journal} to go on without it\n" in done.stderr
    assert current(root) == "9"
    journal.unlink()
    assert service(tree, root, "--service", "--models", "tiny").returncode == 0


def test_the_release_is_on_the_disk_before_the_link_leads_to_it_and_the_link_is_then(tree: Path, root: Path) -> None:
    set_up(tree, root)
    opt = root / "opt/nearfield"
    (opt / "releases/9").mkdir()
    shown = sourced(
        tree,
        'sync() { echo "$* $(readlink "$OPT/current")"; }; STATE=$OPT/.install RELEASE_NAME=9; current_make',
        DESTDIR=str(root),
    )
    before, after = shown.splitlines()
    assert before.startswith(f"-f {opt} releases/0.")
    assert after == f"-f {opt} releases/9"


def test_a_configuration_of_ones_own_stays_and_one_that_is_wrong_stops_it_before_the_switch(
    tree: Path, root: Path
) -> None:
    config = root / "etc/nearfield/nearfield.toml"
    config.parent.mkdir(parents=True)
    config.write_text('persona = "mirror"\n')
    set_up(tree, root)
    assert config.read_text() == 'persona = "mirror"\n'
    name = current(root)
    config.write_text("wrong = 1\n")
    (tree / "device/a module.py").write_text("new")
    done = service(tree, root, "--service", "--models", "none")
    assert done.returncode == 1
    assert "nearfield: line 1: wrong" in done.stderr
    assert current(root) == name
    assert config.read_text() == "wrong = 1\n"


def test_the_network_is_asked_for_and_stays_as_it_was(tree: Path, root: Path) -> None:
    def allowed() -> set[str]:
        folder = root / "etc/systemd/system/nearfield.service.d"
        return {path.name for path in folder.glob("network-*")} if folder.is_dir() else set()

    set_up(tree, root, "--network", "home")
    assert allowed() == {"network-home.conf"}
    (tree / "device/a module.py").write_text("new")
    set_up(tree, root)
    assert allowed() == {"network-home.conf"}
    set_up(tree, root, "--network=any")
    assert allowed() == {"network-any.conf"}
    set_up(tree, root, "--network", "off")
    assert allowed() == set()


def screen_unit(root: Path) -> Path:
    return root / "etc/systemd/system/nearfield-kiosk.service"


def test_the_page_comes_to_the_screen_in_the_same_command_and_stays(tree: Path, root: Path) -> None:
    said = set_up(tree, root, "--screen")
    assert "[11/11] screen" in said
    assert "switched off" not in said
    assert load_settings(root / "etc/nearfield/nearfield.toml", ()).web.enabled
    unit = screen_unit(root)
    assert unit.read_text() == (ROOT / "firmware_scripts/kiosk/nearfield-kiosk.service").read_text()
    assert "[11/11] screen" in set_up(tree, root), "once there it stays"
    (tree / "firmware_scripts/kiosk/nearfield-kiosk.service").write_text("newer\n")
    set_up(tree, root)
    assert unit.read_text() == "newer\n"
    assert service(tree, root, "--uninstall-service").returncode == 0
    assert files(root) == {"etc/nearfield/nearfield.toml"}


def test_a_screen_without_its_page_is_told_and_nobody_has_one_unasked(tree: Path, root: Path) -> None:
    assert "[10/10] start" in set_up(tree, root)
    assert not screen_unit(root).exists()
    assert not load_settings(root / "etc/nearfield/nearfield.toml", ()).web.enabled
    assert "the page is switched off: say yes to it in 'sudo nearfield setup'" in set_up(tree, root, "--screen")


def test_what_a_screen_takes_is_installed_where_it_is_missing(tree: Path) -> None:
    """Only what is missing, by the one way to apt that there is."""
    there = "dpkg-query() { [[ ${!#} != cage && ${!#} != xwayland ]] && echo 'ii '; }"
    commands = f"{there}; apt_install() {{ echo apt-get $*; exit 7; }}; USE_APT=yes RELEASE=$PWD"
    assert sourced(tree, f"{commands}; (screen_make) || [[ $? == 7 ]]") == "apt-get cage xwayland"
    assert sourced(tree, f"{commands}; USE_APT=no; screen_packages_missing") == ""


@pytest.mark.parametrize(("version", "drop_ins"), [("252 (252.38-1~deb12u1)", ""), ("257 (257.7-1)", "backoff.conf")])
def test_restarts_back_off_where_systemd_knows_how(tree: Path, tmp_path: Path, version: str, drop_ins: str) -> None:
    commands = f"systemctl() {{ echo 'systemd {version}'; }}; NETWORK=; drop_ins_wanted"
    assert sourced(tree, commands, DESTDIR=str(tmp_path)) == drop_ins


@pytest.mark.parametrize(
    ("board", "group", "rules"),
    [("other", "false", 1), ("pi5", "true", 1), ("pi5", "false", 2)],
)
def test_pins_are_given_to_the_service_only_where_nobody_else_does(
    tree: Path, tmp_path: Path, board: str, group: str, rules: int
) -> None:
    commands = f"has_group() {{ {group}; }}; BOARD={board}; rules_wanted"
    assert len(sourced(tree, commands, DESTDIR=str(tmp_path)).split()) == rules


def test_uninstalling_leaves_nothing(tree: Path, root: Path) -> None:
    (root / "usr/local/bin").mkdir(parents=True)
    (root / "usr/local/bin/other").touch()
    set_up(tree, root, "--network", "home")
    done = service(tree, root, "--uninstall-service", "--purge")
    assert done.returncode == 0, done.stderr
    assert files(root) == {"usr/local/bin/other"}
    assert not [path for path in root.rglob("*") if "nearfield" in path.name]
    assert service(tree, root, "--uninstall-service", "--purge").returncode == 0, "again: nothing to do"


def test_uninstalling_keeps_configuration_and_state_unless_told_and_says_so(tree: Path, root: Path) -> None:
    set_up(tree, root)
    (root / "var/lib/nearfield/sessions.db").touch()
    done = service(tree, root, "--uninstall-service")
    assert done.returncode == 0
    assert files(root) == {"etc/nearfield/nearfield.toml", "var/lib/nearfield/sessions.db"}
    assert f"Kept: {root}/etc/nearfield and {root}/var/lib/nearfield" in done.stdout


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (False, ""),
        (
            True,
            "the user nearfield is still in use: userdel nearfield later\n"
            "the group nearfield is still in use: groupdel nearfield later",
        ),
    ],
)
def test_a_user_that_is_still_in_use_does_not_end_it_half_way(tree: Path, broken: bool, said: str) -> None:
    status = 8 if broken else 0
    stubs = f"id() {{ :; }}; has_group() {{ :; }}; userdel() {{ return {status}; }}; groupdel() {{ return {status}; }}"
    assert sourced(tree, f"set -Eeuo pipefail; {stubs}; users_remove; echo gone on") == f"{said}\ngone on".strip()


def test_a_command_of_that_name_which_is_somebody_elses_is_left_alone(tree: Path, root: Path) -> None:
    other = root / "usr/local/bin/nearfield"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\n")
    done = service(tree, root, "--service", "--models", "none")
    assert done.returncode == 1
    assert "not this service's" in done.stderr
    assert service(tree, root, "--uninstall-service", "--purge").returncode == 0
    assert other.read_text() == "#!/bin/sh\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--no-start"], "belong to --service"),
        (["--network", "home"], "belong to --service"),
        (["--screen"], "belong to --service"),
        (["--service", "--network", "lan"], "off, home or any"),
        (["--service", "--network"], "needs a value"),
        (["--purge"], "belongs to --uninstall-service"),
        (["--service", "--test"], "not for a service"),
        (["--uninstall-service", "--demo"], "not for a service"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(tree: Path, root: Path, arguments: list[str], said: str) -> None:
    done = service(tree, root, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not root.exists()


@pytest.mark.parametrize("flag", ["--service", "--uninstall-service"])
def test_whoever_is_not_root_is_told_at_once(tree: Path, flag: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"source ./install.sh; id() {{ echo 1000; }}; main {flag}"],
        env={key: value for key, value in os.environ.items() if key != "DESTDIR"},
        cwd=tree,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"sudo ./install.sh {flag}" in done.stderr


def test_wheels_that_were_compiled_before_are_taken_along(tree: Path, root: Path) -> None:
    mine = tree.parent / ".cache/nearfield/wheels/llama-x"
    mine.mkdir(parents=True)
    (mine / "a.whl").write_text("wheel")
    there = root / "var/cache/nearfield/wheels/llama-x"
    there.mkdir(parents=True)  # left behind by one that did not work
    sourced(tree, "own_wheels", DESTDIR=str(root), HOME=str(tree.parent))
    assert (there / "a.whl").read_text() == "wheel"
    (there / "a.whl").write_text("its own")
    sourced(tree, "own_wheels", DESTDIR=str(root), HOME=str(tree.parent))
    assert (there / "a.whl").read_text() == "its own"


class TestCommand:
    """/usr/local/bin/nearfield, with another release and another `id` in its way."""

    @pytest.fixture
    def command(self, tmp_path: Path) -> Path:
        release, tools = tmp_path / "release", tmp_path / "tools"
        tools.mkdir()
        for path, text in (
            (
                release,
                'echo "ran $* with $XDG_STATE_HOME $NEARFIELD_CONFIG"\n'
                '[ "${1:-}" != doctor ] || echo "$HOME|$PYTHONNOUSERSITE"',
            ),
            (
                tools / "id",
                'case $1 in -un) echo "$WHO";; *) if [ "$WHO" = root ]; then echo 0; else echo 1000; fi;; esac',
            ),
            (tools / "runuser", 'echo "as $2"; shift 3; exec "$@"'),
            (tools / "sudo", 'echo "sudo $*"'),
            (tools / "find", 'echo "find $*"'),
        ):
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        script = tmp_path / "nearfield"
        text = (ROOT / "firmware_scripts/service/nearfield.sh").read_text()
        script.write_text(text.replace("/opt/nearfield/current/.venv/bin/nearfield", str(release)))
        script.chmod(0o755)
        return script

    def run(self, command: Path, who: str, *arguments: str) -> list[str]:
        environment = {"PATH": f"{command.parent}/tools:{os.environ['PATH']}", "WHO": who}
        done = subprocess.run(
            [command, *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        return (done.stdout + done.stderr).splitlines()

    def test_root_acts_as_the_service(self, command: Path) -> None:
        ran = "ran sessions list with /var/lib /etc/nearfield/nearfield.toml"
        assert self.run(command, "root", "sessions", "list") == ["as nearfield", ran]

    def test_the_service_itself_just_runs(self, command: Path) -> None:
        assert self.run(command, "nearfield", "run")[0].startswith("ran run with /var/lib")

    def test_anybody_else_goes_through_sudo(self, command: Path) -> None:
        assert self.run(command, "pi", "ctl", "status") == [f"sudo -- {command} ctl status"]
        assert self.run(command, "pi", "--version")[0].startswith("ran --version")

    def test_what_root_itself_must_do_leaves_the_state_the_services(self, command: Path) -> None:
        ran, found = self.run(command, "root", "setup", "--print")
        assert ran.startswith("ran setup --print")
        assert found.startswith("find /var/lib/nearfield -xdev -user root -execdir chown -h"), "no folder is followed"

    def test_root_reads_nothing_from_the_home_of_the_service(self, command: Path) -> None:
        home = pwd.getpwuid(0).pw_dir
        assert self.run(command, "root", "doctor")[1] == f"{home}|1"

    def test_a_release_that_is_gone_is_said(self, command: Path) -> None:
        (command.parent / "release").unlink()
        (line,) = self.run(command, "root", "run")
        assert "sudo ./install.sh --service" in line
