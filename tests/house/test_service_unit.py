"""The unit of systemd, and what is beside it: sound, and as closed as it can be."""

import ctypes.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house_scripts import ROOT

from device.audio.priority import PRIORITY
from device.config import load_settings

SCRIPTS = ROOT / "firmware_scripts"
UNIT = SCRIPTS / "systemd/nearfield.service"
MOST_EXPOSED = 3.0
NETWORKS = ("", "network-home.conf", "network-any.conf")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def setting(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.M)


def with_drop_ins(folder: Path, *drop_ins: str) -> Path:
    unit = folder / "nearfield.service"
    text = re.sub(r"/opt/nearfield/current/\S+", "/bin/true", UNIT.read_text())
    # what a drop-in sets comes behind what the unit sets
    before, _, behind = text.partition("[Install]")
    added = "".join((SCRIPTS / "systemd/drop-ins" / name).read_text() for name in drop_ins)
    unit.write_text(f"{before}\n{added}\n[Install]{behind}")
    return unit


@needs_systemd
@pytest.mark.parametrize("network", NETWORKS)
def test_it_is_as_closed_as_was_asked(tmp_path: Path, network: str) -> None:
    unit = with_drop_ins(tmp_path, *filter(None, [network]))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r"Overall exposure level for nearfield\.service: ([\d.]+)", said)
    assert found is not None, said
    assert float(found.group(1)) <= MOST_EXPOSED, said


@needs_systemd
@pytest.mark.parametrize("network", NETWORKS)
def test_systemd_understands_every_line(tmp_path: Path, network: str) -> None:
    unit = with_drop_ins(tmp_path, *filter(None, [network]))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in done.stderr.splitlines() if "nearfield" in line] == []


def test_what_it_starts_is_part_of_a_release_and_can_be_started() -> None:
    own = re.findall(r"/opt/nearfield/current/(firmware_scripts/\S+)", "\n".join(setting("ExecStartPre")))
    assert own == ["firmware_scripts/update/resume.sh"]
    assert all(os.access(ROOT / path, os.X_OK) for path in own)


def test_the_screen_shows_what_the_release_in_use_brings() -> None:
    unit = (SCRIPTS / "kiosk/nearfield-kiosk.service").read_text()
    (starts,) = re.findall(r"^ExecStart=/opt/nearfield/current/(\S+)$", unit, re.MULTILINE)
    assert os.access(ROOT / starts, os.X_OK)


def test_captions_go_into_no_journal_and_no_core_holds_what_was_heard() -> None:
    assert setting("StandardOutput") == ["null"], "`nearfield run` prints what was said and answered"
    assert setting("LimitCORE") == ["0"]


def test_it_is_watched_restarted_and_has_the_priority_that_the_program_asks_for() -> None:
    assert setting("Type") == ["notify"]
    assert setting("Restart") == ["always"]
    assert setting("RestartForceExitStatus") == ["75"]
    assert setting("RestartPreventExitStatus") == ["2"]
    assert int(setting("WatchdogSec")[0]) > 10, "longer than what device.watchdog calls a hang"
    assert int(setting("LimitRTPRIO")[0]) >= PRIORITY
    assert setting("RestrictRealtime") == []


def test_unit_and_command_have_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"\b(XDG_\w+|NEARFIELD_CONFIG)=\S*?(/[a-z/.]+)", text))

    in_unit = places("\n".join(setting("Environment")))
    assert len(in_unit) == 5
    assert in_unit == places((SCRIPTS / "service/nearfield.sh").read_text())


def test_the_configuration_to_begin_with_is_right_and_waits_for_a_card() -> None:
    settings = load_settings(SCRIPTS / "service/nearfield.toml", ())
    assert settings.audio.wait_for_card_s == 86_400


@pytest.mark.parametrize("rules", sorted(SCRIPTS.glob("udev/*.rules")), ids=lambda path: path.name)
def test_udev_rules_are_made_of_matches_and_assignments(rules: Path) -> None:
    token = re.compile(r'[A-Z]+(\{[\w/]+\})?(==|!=|=|\+=|:=)"[^"]*"')
    lines = [line for line in rules.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert all(token.fullmatch(part) for part in line.split(", ")), line
        assert re.search(r'[A-Z}]=="', line), "a rule that matches everything"


#: Reads a file as alsa-lib does, behind its own alsa.conf, and opens what it calls "default".
OPENS = """
import ctypes, sys
asound = ctypes.CDLL(sys.argv[1])
quiet = ctypes.CFUNCTYPE(None)(lambda: None)
asound.snd_lib_error_set_handler(quiet)
top = ctypes.c_void_p()
print(asound.snd_config_update())
for stream in (0, 1):
    print(asound.snd_pcm_open(ctypes.byref(top), b"default", stream, 1))
"""
NO_SUCH_CARD = {"-2", "-19"}  # ENOENT, ENODEV


@pytest.mark.parametrize("conf", sorted(SCRIPTS.glob("alsa/*.conf")), ids=lambda path: path.name)
def test_alsa_reads_it_and_misses_nothing_but_the_card(conf: Path, tmp_path: Path) -> None:
    library = ctypes.util.find_library("asound")
    base = Path("/usr/share/alsa/alsa.conf")
    if library is None or not base.is_file():
        pytest.skip("no alsa-lib here")
    # alsa.conf loads /etc/asound.conf by itself, which is another machine's matter
    whole = tmp_path / "alsa.conf"
    hooks = re.sub(r"@hooks \[.*?\n\]\n", "", base.read_text(), flags=re.S)
    whole.write_text(f"{hooks}\n{conf.read_text()}")

    def opened(config: Path) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", OPENS, library],
            env={"ALSA_CONFIG_PATH": str(config)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout.split()

    read, *directions = opened(whole)
    assert int(read) >= 0
    assert len(directions) == 2
    assert set(directions) <= NO_SUCH_CARD
    whole.write_text(f"{hooks}\n{conf.read_text().replace('type asym', 'type asymm', 1)}")
    assert not set(opened(whole)[1:]) <= NO_SUCH_CARD, "the test would notice a mistake"


@pytest.mark.parametrize("text", sorted(SCRIPTS.glob("boot/*.txt")), ids=lambda path: path.name)
def test_boot_lines_are_overlays_and_parameters(text: Path) -> None:
    lines = [line for line in text.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"dtoverlay=[a-z0-9-]+(,[\w=-]+)*|dtparam=[a-z0-9_]+=(on|off)", line) for line in lines)


def test_every_file_is_described_with_its_way_out() -> None:
    readme = (SCRIPTS / "README.md").read_text()
    names = ("systemd", "service", "udev", "alsa", "boot", "journald", "install", "kiosk", "update")
    mine = [SCRIPTS / name for name in names]
    told = [str(path.relative_to(SCRIPTS)) for folder in mine for path in sorted(folder.rglob("*")) if path.is_file()]
    assert [name for name in told if f"`{name}`" not in readme] == []
