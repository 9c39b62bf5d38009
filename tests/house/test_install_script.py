"""install.sh as somebody at a shell meets it: its flags, its refusals, and what it says when a step fails."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_scripts import sourced

TOOLS = (
    "awk basename bash cat cut date dirname echo env find flock grep head id ls mkdir mktemp mv nproc realpath rm sed "
    "sha256sum sort tail tee tr uname xargs"
).split()


@pytest.fixture
def poor_path(tmp_path: Path) -> Path:
    """A PATH with the plain tools and nothing else: no sudo, no apt, no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, f"{tool}, which install.sh needs, is not on this machine"
        (folder / tool).symlink_to(found)
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)  # else it would be written through the link
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def install(house: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [house / "install.sh", *arguments],
        env={**os.environ, "PYTHON": "", **environment},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_flag_and_does_nothing(house: Path) -> None:
    done = install(house, "--help")
    assert done.returncode == 0
    wheels = ("--llama-wheel FILE", "--whisper-wheel FILE")
    for flag in ("--demo", "--test", "--models none|tiny|base", *wheels, "--no-apt", "--help"):
        assert flag in done.stdout
    assert not (house / ".nearfield").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frobnicate"], "--frobnicate"),
        (["demo"], "'demo'"),
        (["--models", "huge"], "none, tiny or base"),
        (["--models"], "needs a value"),
        (["--llama-wheel", "/nowhere/x.whl"], "/nowhere/x.whl"),
        (["--whisper-wheel"], "needs a value"),
        (["--whisper-wheel=/nowhere/x.whl"], "/nowhere/x.whl"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(house: Path, arguments: list[str], said: str) -> None:
    done = install(house, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (house / ".nearfield").exists()


@pytest.mark.parametrize("option", ["llama", "whisper"])
@pytest.mark.parametrize(
    "name",
    [
        "silero_vad-6.2.3-py3-none-any.whl",
        "llama_cpp_python-0.0.1-py3-none-any.whl",
        "pywhispercpp-0.0.0-cp311-cp311-linux_x86_64.whl",
    ],
)
def test_wheel_of_something_else_is_refused_by_its_name(house: Path, tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / name).touch()
    done = install(house, f"--{option}-wheel", str(tmp_path / name))
    assert done.returncode == 2
    assert name in done.stderr
    assert f"--{option}-wheel wants {sourced(house, f'runtime_stem {option}')}-*.whl" in done.stderr


@pytest.mark.parametrize("variable", ["NEARFIELD_JOBS", "NEARFIELD_GPIO_DRIVER"])
def test_bad_environment_is_refused_by_name(house: Path, variable: str) -> None:
    done = install(house, **{variable: "many"})
    assert done.returncode == 2
    assert variable in done.stderr


BOARDS = [
    ("Raspberry Pi 5 Model B Rev 1.0", "pi5 rpi-lgpio"),
    ("Raspberry Pi 500 Rev 1.0", "pi5 rpi-lgpio"),
    ("Raspberry Pi Compute Module 5 Rev 1.0", "pi5 rpi-lgpio"),
    ("Raspberry Pi 4 Model B Rev 1.4", "pi RPi.GPIO"),
    ("Raspberry Pi 400 Rev 1.0", "pi RPi.GPIO"),
    ("Raspberry Pi Compute Module 4 Rev 1.1", "pi RPi.GPIO"),
    ("Raspberry Pi 3 Model B Plus Rev 1.3", "pi RPi.GPIO"),
    ("Raspberry Pi Zero 2 W Rev 1.0", "pi RPi.GPIO"),
    ("NVIDIA Jetson Orin Nano Developer Kit", "jetson Jetson.GPIO"),
    ("NVIDIA Orin NX Developer Kit", "jetson Jetson.GPIO"),
    ("Jetson-AGX", "jetson Jetson.GPIO"),
    ("Radxa ROCK 5B", "other none"),
    ("", "other none"),
]


@pytest.mark.parametrize(("model", "expected"), BOARDS)
def test_board_and_its_driver(house: Path, tmp_path: Path, model: str, expected: str) -> None:
    file = tmp_path / "model"
    file.write_bytes(model.encode() + b"\0")  # as the device tree has it
    kernel = tmp_path / "osrelease"
    kernel.write_text("6.1.0-rpi7-rpi-v8\n")
    done = install(house, "--print-board", NEARFIELD_BOARD_MODEL_FILE=str(file), NEARFIELD_OSRELEASE_FILE=str(kernel))
    assert done.stdout.strip() == f"{expected} {model or 'unknown'}"


@pytest.mark.parametrize(
    ("release", "driver"),
    [
        ("6.12.34+rpt-rpi-v8", "rpi-lgpio"),
        ("6.6.20+rpt-rpi-v7", "rpi-lgpio"),
        ("7.0.1", "rpi-lgpio"),
        ("6.1.0-rpi7-rpi-v8", "RPi.GPIO"),
        ("5.15.84-v8+", "RPi.GPIO"),
        ("4.19.66", "RPi.GPIO"),
        ("", "rpi-lgpio"),
    ],
)
def test_a_kernel_without_the_old_interface_gets_the_driver_that_needs_none(
    house: Path, tmp_path: Path, release: str, driver: str
) -> None:
    """From 6.6 on RPi.GPIO cannot watch a pin for edges, on no Pi: the button would not work."""
    model, kernel = tmp_path / "model", tmp_path / "osrelease"
    model.write_text("Raspberry Pi 4 Model B Rev 1.4")
    kernel.write_text(f"{release}\n")
    done = install(house, "--print-board", NEARFIELD_BOARD_MODEL_FILE=str(model), NEARFIELD_OSRELEASE_FILE=str(kernel))
    assert done.stdout.startswith(f"pi {driver} ")


def test_driver_can_be_chosen_and_tests_bring_one_where_there_is_no_gpio(house: Path, tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_text("Raspberry Pi 4 Model B Rev 1.4")
    chosen = install(
        house, "--print-board", NEARFIELD_BOARD_MODEL_FILE=str(file), NEARFIELD_GPIO_DRIVER="rpi-lgpio"
    ).stdout
    assert chosen.startswith("pi rpi-lgpio ")
    nowhere = str(tmp_path / "none")
    assert install(house, "--print-board", "--test", NEARFIELD_BOARD_MODEL_FILE=nowhere).stdout.startswith(
        "other rpi-lgpio "
    )


@pytest.mark.parametrize(
    ("available_kb", "cores", "jobs"), [(8_000_000, 4, 4), (2_000_000, 4, 2), (300_000, 4, 1), (0, 1, 1)]
)
def test_compiler_processes_fit_into_memory(
    house: Path, tmp_path: Path, available_kb: int, cores: int, jobs: int
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 9000000 kB\nMemAvailable: {available_kb} kB\n")
    said = sourced(
        house, f"nproc() {{ echo {cores}; }}; compile_jobs", NEARFIELD_MEMINFO_FILE=str(meminfo), NEARFIELD_JOBS=""
    )
    assert said == str(jobs)


def test_wheel_cache_is_another_for_another_processor(house: Path, tmp_path: Path) -> None:
    keys = []
    for number, flags in enumerate(("flags : sse avx", "flags : sse avx avx512f", "Features : fp asimd")):
        cpuinfo = tmp_path / f"cpuinfo{number}"
        # the clock changes from one moment to the next and must not count
        cpuinfo.write_text(f"processor : 0\ncpu MHz : {1000 + number}\n{flags}\nprocessor : 1\n{flags}\n")
        keys.append(sourced(house, "cpu_key", NEARFIELD_CPUINFO_FILE=str(cpuinfo)))
    assert len(set(keys)) == 3
    cpuinfo.write_text("processor : 0\ncpu MHz : 4711\nFeatures : fp asimd\n")
    assert sourced(house, "cpu_key", NEARFIELD_CPUINFO_FILE=str(cpuinfo)) == keys[-1]
    assert sourced(house, "cpu_key", NEARFIELD_CPUINFO_FILE=str(cpuinfo), CMAKE_ARGS="-DGGML_CUDA=ON") != keys[-1]


def test_what_was_compiled_with_the_matrix_unit_is_not_found_again(house: Path, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : sse avx amx_bf16 amx_tile amx_int8\n")
    key = sourced(house, "cpu_key", NEARFIELD_CPUINFO_FILE=str(cpuinfo))
    assert key != sourced(house, "without_amx() { :; }; cpu_key", NEARFIELD_CPUINFO_FILE=str(cpuinfo))


def test_versions_come_from_pyproject(house: Path) -> None:
    text = (house / "pyproject.toml").read_text()
    for name in ("RPi.GPIO", "rpi-lgpio", "Jetson.GPIO", "llama-cpp-python", "pywhispercpp"):
        pin = sourced(house, 'pinned "$1"', name)
        assert pin.startswith(f"{name}==")
        assert f'"{pin}' in text


@pytest.mark.parametrize(
    ("driver", "python", "swig"),
    [
        ("rpi-lgpio", "3.13", True),
        ("rpi-lgpio", "3.11", False),
        ("rpi-lgpio", "", True),  # a system without a Python gets its own, whichever that is
        ("RPi.GPIO", "3.13", False),
    ],
)
def test_lgpio_that_must_be_compiled_has_what_it_takes(
    house: Path, tmp_path: Path, driver: str, python: str, swig: bool
) -> None:
    program(tmp_path, "python3", f"[ {python} = 3.13 ]")  # what it says when it is asked whether it is that new
    given = f'GPIO={driver}; RUN_TESTS=no; BASE_PYTHON="{tmp_path / "python3" if python else ""}"'
    assert ("swig" in sourced(house, f"{given}; packages_wanted").split()) == swig
    program(tmp_path, "pip", 'echo "$PYPI $*"')  # PYPI=1: with the C library in it, which Debian does not have
    pinned = sourced(house, f"pinned {driver}")
    made = sourced(house, f'{given}; PY="{tmp_path}/pip"; drivers_present() {{ :; }}; gpio_make')
    assert made == f"1 -m pip install -c {house}/firmware_scripts/install/constraints.txt {pinned}"


def test_python_that_cannot_be_used_is_refused_before_anything_is_done(house: Path) -> None:
    for python in ("/bin/false", "/nowhere/python3"):
        done = install(house, PYTHON=python)
        assert done.returncode == 1
        assert f"PYTHON={python}" in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (house / ".nearfield").exists()


def test_no_python_anywhere_says_what_to_do(house: Path, poor_path: Path) -> None:
    program(poor_path, "python3", 'case $1 in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    done = subprocess.run(
        ["/bin/bash", "-c", "source ./install.sh; find_python() { :; }; main --no-apt --models none"],
        env={"PATH": str(poor_path), "HOME": str(house)},
        cwd=house,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "no Python 3.11 or newer here (python3 is Python 3.9.2)" in done.stderr
    assert "PYTHON=/path/to/python3.11" in done.stderr
    assert str(house / ".nearfield" / "install.log") in done.stderr
    assert done.returncode == 1
    assert not (house / ".venv").exists()


def test_missing_packages_without_root_and_sudo_are_named(house: Path, poor_path: Path) -> None:
    program(poor_path, "dpkg-query", 'case $4 in cmake) printf "un ";; *) printf "ii ";; esac')
    program(poor_path, "apt-get", "echo apt-get must not run; exit 1")
    program(poor_path, "id", "echo 1000")
    done = install(house, "--models", "none", PATH=str(poor_path))
    assert done.returncode == 1
    assert "apt-get install cmake ... failed" in done.stdout
    assert "step 1 of 8 (system) failed" in done.stderr
    assert "as root: apt-get update && apt-get install --no-install-recommends cmake\n" in done.stderr
    assert str(house / ".nearfield" / "install.log") in done.stderr


def test_apt_that_fails_shows_the_end_of_the_log_and_a_way_out(house: Path, poor_path: Path) -> None:
    program(poor_path, "dpkg-query", 'printf "un "')
    program(poor_path, "dpkg", "exit 0")
    program(poor_path, "apt-get", "echo 'E: Could not resolve the archive'; exit 100")
    program(poor_path, "id", "echo 0")
    done = install(house, "--models", "none", PATH=str(poor_path))
    assert done.returncode == 1
    assert "    | E: Could not resolve the archive" in done.stderr
    assert "way out: the network did not answer" in done.stderr


def test_packages_that_are_there_are_left_alone(house: Path, poor_path: Path) -> None:
    program(poor_path, "dpkg-query", 'printf "ii "')
    program(poor_path, "apt-get", "exit 1")
    said = sourced(
        house,
        "USE_APT=yes RUN_TESTS=yes GPIO=none BASE_PYTHON=; mkdir -p .nearfield; : >.nearfield/install.log; "
        "step 1 system packages",
        PATH=f"{poor_path}:{os.environ['PATH']}",
    )
    assert said.endswith("already there")


def test_second_run_in_the_same_folder_is_refused(house: Path) -> None:
    (house / ".nearfield").mkdir()
    lock = house / ".nearfield" / "lock"
    with subprocess.Popen(
        ["flock", lock, "sh", "-c", "echo held; read line"], stdin=-1, stdout=-1, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = install(house, "--models", "none")
        holder.communicate("\n", timeout=10)
    assert done.returncode == 1
    assert "another install.sh is at work" in done.stderr


class TestStep:
    """The runner of steps, on steps of the test's own."""

    @pytest.fixture(autouse=True)
    def log(self, house: Path) -> Iterator[None]:
        (house / ".nearfield").mkdir()
        (house / ".nearfield" / "install.log").touch()
        yield

    def run(self, house: Path, steps: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"set -eu; source ./install.sh; {steps}; step 2 thing 'makes a thing'; echo went on"],
            cwd=house,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_makes_what_is_missing_and_only_that(self, house: Path) -> None:
        steps = "thing_ready() { [[ -e thing ]]; }; thing_make() { echo x >>thing; }"
        assert "makes a thing ... done (" in self.run(house, steps).stdout
        again = self.run(house, steps).stdout
        assert "makes a thing ... already there" in again
        assert (house / "thing").read_text() == "x\n"

    def test_stops_at_the_first_command_that_fails(self, house: Path) -> None:
        done = self.run(house, "thing_ready() { [[ -e thing ]]; }; thing_make() { echo oh no; false; touch thing; }")
        assert done.returncode == 1
        assert "went on" not in done.stdout
        assert "    | oh no" in done.stderr
        assert not (house / "thing").exists()

    def test_does_not_believe_a_step_without_its_result(self, house: Path) -> None:
        done = self.run(house, "thing_ready() { false; }; thing_make() { true; }")
        assert done.returncode == 1
        assert "its result is not there" in done.stderr

    def test_full_disk_is_recognised(self, house: Path) -> None:
        done = self.run(house, "thing_ready() { false; }; thing_make() { echo 'x: No space left on device'; false; }")
        assert "way out: the disk is full" in done.stderr


@pytest.mark.parametrize("number", [2, 15])
def test_interruption_leaves_by_the_signal_and_says_how_to_go_on(house: Path, number: int) -> None:
    (house / ".nearfield").mkdir()
    (house / ".nearfield" / "install.log").touch()
    with subprocess.Popen(
        [
            "bash",
            "-c",
            f"source ./install.sh; trap 'interrupted {number}' {number}; thing_ready() {{ false; }}; "
            "thing_make() { sleep 60; }; step 4 thing 'takes its time'",
        ],
        cwd=house,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(1) == "["  # the step's line has begun
        os.killpg(process.pid, number)  # as a terminal does
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert "interrupted in step 4 of 8 (thing)" in said
    assert "run ./install.sh again" in said
