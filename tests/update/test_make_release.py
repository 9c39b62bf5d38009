"""A bundle as its publisher makes it, taken by the command as its owner calls it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from minisign import KeyPair, PublicKey, Signature

from device.cli.main import run_command
from device.update.releases import Releases
from models.sources import sha256_of

SCRIPT = Path(__file__).resolve().parents[2] / "firmware_scripts/update/make_release.py"
#: Does what install.sh does for an update: it leaves a program that answers --version and --self-test.
INSTALL = """#!/bin/sh
[ "$*" = "--no-apt --models none" ] || exit 9
mkdir -p .venv/bin device models dsp
ln -s "$PYTHON" .venv/bin/python
cat >.venv/bin/nearfield <<END
#!/bin/sh
[ "\\$1" != --version ] || echo nearfield $(cat VERSION)
END
chmod +x .venv/bin/nearfield
"""


def git(tree: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(tree), *who, *words], check=True, capture_output=True)


def commit(tree: Path, version: str, install: str = INSTALL) -> None:
    tree.mkdir(exist_ok=True)
    git(tree, "init", "-q")
    (tree / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\nrequires-python = ">=3.11"\n')
    (tree / "VERSION").write_text(version)
    (tree / "install.sh").write_text(install)
    (tree / "install.sh").chmod(0o755)
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", version)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The secret key, with a password; its public half lies beside it as key.pub."""
    pair = KeyPair.generate()
    (tmp_path / "key.pub").write_bytes(bytes(pair.public_key) + b"\n")
    pair.secret_key.encrypt("open sesame")
    (tmp_path / "key").write_bytes(bytes(pair.secret_key) + b"\n")
    (tmp_path / "password").write_text("open sesame\n")
    return tmp_path / "key"


def make(tree: Path, output: Path, key: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--tree", str(tree), "--output", str(output), "--key", str(key), *more]
    password = ["--password-file", str(key.with_name("password"))]
    return subprocess.run([*command, *password], capture_output=True, text=True, check=False, timeout=60)


def test_from_the_publisher_to_the_owner(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "opt", tmp_path / "out"
    root.mkdir()
    monkeypatch.chdir(tmp_path)
    settings = [f"update.root={root}", f"update.public_key={key}.pub", "update.service=none", f"models.dir={tmp_path}"]
    flags = [word for setting in settings for word in ("--set", setting)]

    def nearfield(*words: str) -> str:
        assert run_command(["update", *words, *flags]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    for version in ("0.1.0", "0.2.0"):
        commit(tmp_path / "tree", version)
        made = make(tmp_path / "tree", out, key)
        assert made.returncode == 0, made.stderr
        assert "can be taken" in nearfield("--from", str(out), "--check")
        assert nearfield("--from", str(out)).splitlines()[-1].startswith(version)
    releases = Releases(root)
    assert releases.current_version() == "0.2.0"
    assert [line.split()[0] for line in nearfield("--list").splitlines()] == ["previous", "current"]
    assert nearfield("--rollback").splitlines()[-1].startswith("0.1.0")
    assert "nothing to take back" in nearfield("--resume")

    assert run_command(["update", "--from", str(out), "--check", "--rollback", *flags]) == 2
    assert run_command(["update", "--list", "--from", "x", *flags]) == 2
    (out / "manifest.json").write_bytes(b"{}")
    capsys.readouterr()
    assert run_command(["update", "--from", str(out), *flags]) == 1
    line = capsys.readouterr().err
    assert line.startswith("nearfield: the manifest of the release was altered")
    assert line.count("\n") == 1
    (key.with_name("key.pub")).unlink()
    assert run_command(["update", "--from", str(out), *flags]) == 1
    assert "the publisher's key cannot be read" in capsys.readouterr().err


def test_wheels_and_models_go_with_it(tmp_path: Path, key: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "models").mkdir(parents=True)
    store = tmp_path / "store/ears"
    store.mkdir(parents=True)
    (store / "weights.bin").write_bytes(b"weights")
    sha256 = sha256_of(store / "weights.bin")
    (tree / "models/catalog.toml").write_text(
        f'[[model]]\nid = "ears"\n[[model.files]]\nname = "weights.bin"\nsha256 = "{sha256}"\n'
    )
    commit(tree, "1.0.0")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a-1-py3-none-any.whl").write_bytes(b"wheel")
    out = tmp_path / "out"
    made = make(tree, out, key, "--wheels", str(wheels), "--offline", "--models", str(tmp_path / "store"))
    assert made.returncode == 0, made.stderr
    names = {path.name for path in out.iterdir()}
    assert {"a-1-py3-none-any.whl", sha256, "manifest.json", "manifest.json.minisig"} < names
    signature = Signature.from_file(out / "manifest.json.minisig")
    PublicKey.from_file(f"{key}.pub").verify((out / "manifest.json").read_bytes(), signature)


def test_a_wrong_password_makes_nothing(tmp_path: Path, key: Path) -> None:
    commit(tmp_path / "tree", "1.0.0")
    key.with_name("password").write_text("guess\n")
    made = make(tmp_path / "tree", tmp_path / "out", key)
    assert made.returncode == 1
    assert made.stderr == "make_release: wrong password for that key\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("sent", "runs"), [(signal.SIGHUP, "0.2.0"), (signal.SIGTERM, "unknown")])
def test_a_session_that_breaks_off_ends_no_update_but_sigterm_does_in_order(
    tmp_path: Path, key: Path, sent: signal.Signals, runs: str
) -> None:
    root, out = tmp_path / "opt", tmp_path / "out"
    root.mkdir()
    commit(tmp_path / "tree", "0.2.0", INSTALL.replace("\n", "\n: >begun; sleep 0.5\n", 1))
    assert make(tmp_path / "tree", out, key).returncode == 0
    settings = [f"update.root={root}", f"update.public_key={key}.pub", "update.service=none", f"models.dir={tmp_path}"]
    command = [sys.executable, "-m", "device.cli.main", "update", "--from", str(out)]
    command += [word for setting in settings for word in ("--set", setting)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as update:
        assert update.stdout is not None
        while not list(root.glob("releases/*/begun")):
            assert update.poll() is None
            time.sleep(0.02)
        update.stdout.close()  # nobody listens any more
        update.send_signal(sent)
        update.wait(60)
    assert Releases(root).current_version() == runs
    assert Releases(root).state().doing is None
    assert len(Releases(root).whole()) == len(list((root / "releases").iterdir())) == (runs != "unknown")
