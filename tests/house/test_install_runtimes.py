"""Steps 3 and 4 of install.sh, with a pip that compiles in no time: what is built, kept, found again, replaced."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from house_scripts import sourced

#: stands in for pip: 'wheel' makes a file, 'install' puts a module there that works if the wheel says so
PIP = """
import json, os, pathlib, signal, sys, time

site = pathlib.Path(__file__).parent.parent
behave = pathlib.Path(os.environ["PIP_STANDIN"])
with (behave / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
what = sys.argv[-1]
llama = "llama" in what.rpartition("/")[2]
stem, module = ("llama_cpp_python", "llama_cpp") if llama else ("pywhispercpp", "_pywhispercpp")
version = what.rpartition("==")[2] if "==" in what else pathlib.Path(what).name.split("-")[1]
if sys.argv[1] == "wheel":
    (behave / "environment").write_text(json.dumps(dict(os.environ)))
    if (behave / "hangs").exists():
        signal.signal(signal.SIGINT, lambda *_: sys.exit("ERROR: Operation cancelled by user"))
        (behave / "compiling").touch()
        time.sleep(60)
    if (behave / "cannot compile").exists():
        sys.exit("error: subprocess-exited-with-error")
    folder = pathlib.Path(sys.argv[sys.argv.index("--wheel-dir") + 1])
    (folder / f"{stem}-{version}-py3-none-any.whl").write_text("broken" if (behave / "makes rubbish").exists() else "")
else:
    if ("==" in what or "-c" in sys.argv) and (behave / "no network").exists():  # -c: with what it requires
        sys.exit("ERROR: Temporary failure in name resolution")
    rubbish = "==" not in what and pathlib.Path(what).read_text() == "broken"
    can = "AMX_INT8 = 1 | " if "==" not in what and pathlib.Path(what).read_text() == "amx" else "AVX = 1 | "
    says = f"whisper_print_system_info = lambda: '{can}'\\nllama_print_system_info = lambda: b'{can}'\\n"
    (site / f"{module}.py").write_text("raise ImportError('libwhisper.so.1')" if rubbish else says)
    info = site / f"{stem}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {stem}\\nVersion: {version}\\n")
    (info / "direct_url.json").unlink(missing_ok=True)
    if "==" not in what:
        (info / "direct_url.json").write_text("{}")
"""


class Machine:
    """An environment with that pip, a wheel cache of its own, and llama.cpp in place."""

    def __init__(self, house: Path, folder: Path) -> None:
        self.house = house
        self.behave = folder / "behave"
        self.cache = folder / "cache"
        self.environment = {"PIP_STANDIN": str(self.behave), "XDG_CACHE_HOME": str(self.cache), "PYTHONSAFEPATH": "1"}
        self.behave.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", house / ".venv"], check=True, timeout=60)
        (house / ".nearfield").mkdir()
        (house / ".nearfield" / "install.log").touch()
        self.site = next((house / ".venv").glob("lib/python3*/site-packages"))
        (self.site / "pip").mkdir()
        (self.site / "pip" / "__main__.py").write_text(PIP)
        self.pip("install", f"llama_cpp_python=={self.version('llama')}")

    def version(self, name: str) -> str:
        return sourced(self.house, 'runtime_version "$1"', name)

    def pip(self, *arguments: str) -> None:
        python = self.house / ".venv" / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", *arguments], env={**os.environ, **self.environment}, check=True, timeout=60
        )

    def command(self, name: str, wheel: str = "") -> list[str]:
        named = f"LLAMA_WHEEL= WHISPER_WHEEL=; {name.upper()}_WHEEL='{wheel}'"
        step = f'set -eu; source ./install.sh; {named}; step 4 {name} "$(runtime_plan {name})"; echo went on'
        return ["bash", "-c", step]

    def run(self, name: str = "whisper", wheel: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(name, wheel),
            env={**os.environ, "CMAKE_ARGS": "", **self.environment, **environment},
            cwd=self.house,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def compilations(self) -> list[str]:
        calls = (self.behave / "calls").read_text().splitlines()
        return [call for call in calls if call.startswith("wheel ")]

    def wheels(self) -> list[str]:
        return sorted(path.name for path in self.cache.rglob("*.whl"))

    def stamp(self, name: str = "whisper") -> Path:
        return self.house / ".venv" / "stamps" / name

    def from_file(self) -> bool:
        return any(self.site.glob("pywhispercpp-*.dist-info/direct_url.json"))


@pytest.fixture
def machine(house: Path, tmp_path: Path) -> Machine:
    return Machine(house, tmp_path)


@pytest.mark.parametrize("name", ["llama", "whisper"])
def test_compiled_once_then_there_then_out_of_the_cache(machine: Machine, name: str) -> None:
    first = machine.run(name)
    assert "compiled for this processor" in first.stdout
    assert "... done (" in first.stdout
    assert machine.run(name).stdout.startswith("[4/8]")
    assert "as compiled here before ... already there" in machine.run(name).stdout
    machine.stamp(name).unlink()  # as in another .venv
    again = machine.run(name)
    assert "as compiled here before ... done (" in again.stdout
    assert len(machine.compilations()) == len(machine.wheels()) == 1
    assert not list(machine.cache.rglob("*.building.*"))


def test_how_the_recogniser_is_compiled(machine: Machine) -> None:
    done = machine.run(CMAKE_ARGS="-DGGML_CUDA=ON", NEARFIELD_JOBS="3")
    assert done.returncode == 0, done.stderr
    (call,) = machine.compilations()
    assert "--no-binary pywhispercpp " in call  # not ':all:': cmake would be compiled as well
    assert call.endswith(f"pywhispercpp=={machine.version('whisper')}")
    environment = (machine.behave / "environment").read_text()
    assert f'"PYWHISPERCPP_VERSION": "{machine.version("whisper")}"' in environment
    assert '"CMAKE_BUILD_PARALLEL_LEVEL": "3"' in environment
    for flag in ("-DGGML_NATIVE=ON", "-DGGML_LLAMAFILE=ON", "-DBUILD_SHARED_LIBS=OFF", "-Wl,-Bsymbolic -DGGML_CUDA=ON"):
        assert flag in environment  # what the user adds comes last, and so prevails


@pytest.mark.parametrize("name", ["llama", "whisper"])
@pytest.mark.parametrize("processor", ["sse avx amx_bf16 amx_tile amx_int8", "sse avx avx512f"])
def test_intels_matrix_unit_is_left_out(machine: Machine, tmp_path: Path, name: str, processor: str) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : {processor}\n")
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 0\n")
    compiler.chmod(0o755)
    with_unit = "amx_tile" in processor
    done = machine.run(name, NEARFIELD_CPUINFO_FILE=str(cpuinfo), CC=str(compiler), CFLAGS="-pipe", CXXFLAGS="")
    assert done.returncode == 0, done.stderr
    environment = json.loads((machine.behave / "environment").read_text())
    flags = " -mno-amx-tile -mno-amx-int8 -mno-amx-bf16" if with_unit else ""
    assert (environment["CFLAGS"], environment["CXXFLAGS"]) == ("-pipe" + flags, flags)


def test_compiler_that_does_not_know_the_matrix_unit_is_not_told_of_it(machine: Machine, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : sse amx_tile\n")
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho unrecognized command-line option >&2\nexit 1\n")
    compiler.chmod(0o755)
    assert machine.run(NEARFIELD_CPUINFO_FILE=str(cpuinfo), CC=str(compiler), CFLAGS="").returncode == 0
    assert json.loads((machine.behave / "environment").read_text())["CFLAGS"] == ""


def test_wheel_with_the_matrix_unit_is_refused(machine: Machine, tmp_path: Path) -> None:
    wheel = tmp_path / f"llama_cpp_python-{machine.version('llama')}-py3-none-any.whl"
    wheel.write_text("amx")
    done = machine.run("llama", wheel=str(wheel))
    assert done.returncode == 1
    assert "for this machine" in done.stderr


def test_wheel_of_the_index_gives_way_to_a_compiled_one_once(machine: Machine) -> None:
    machine.pip("install", f"pywhispercpp=={machine.version('whisper')}")  # by an older install.sh
    assert "... done (" in machine.run().stdout
    assert machine.from_file()
    assert "already there" in machine.run().stdout
    machine.pip("install", f"pywhispercpp=={machine.version('whisper')}")  # somebody's own pip
    assert "as compiled here before ... done (" in machine.run().stdout
    assert machine.from_file()


@pytest.mark.parametrize("trouble", ["cannot compile", "makes rubbish"])
def test_recogniser_that_cannot_be_compiled_comes_from_the_index(machine: Machine, trouble: str) -> None:
    (machine.behave / trouble).touch()
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert "recognition is slower" in done.stdout.splitlines()[-2]
    assert done.stdout.endswith("went on\n")
    assert not machine.from_file()
    assert machine.wheels() == []
    again = machine.run()
    assert "from the package index, which is slower" in again.stdout
    assert again.stdout.count("already there") == 1
    assert len(machine.compilations()) == 1
    (machine.behave / trouble).unlink()
    machine.stamp().unlink()  # as that line says
    assert "... done (" in machine.run().stdout
    assert machine.from_file()


def test_card_put_into_another_machine_does_not_keep_the_old_build_when_compiling_fails(machine: Machine) -> None:
    assert "... done (" in machine.run().stdout
    (machine.behave / "cannot compile").touch()
    done = machine.run(CMAKE_ARGS="-DANOTHER=KEY")  # that build may load here, and die of an instruction later
    assert "recognition is slower" in done.stdout
    assert not machine.from_file()


def test_index_wheel_that_is_there_needs_no_network(machine: Machine) -> None:
    machine.pip("install", f"pywhispercpp=={machine.version('whisper')}")
    for trouble in ("cannot compile", "no network"):
        (machine.behave / trouble).touch()
    assert "recognition is slower" in machine.run().stdout


def test_neither_compiler_nor_network_is_a_failure_with_a_way_out(machine: Machine) -> None:
    for trouble in ("cannot compile", "no network"):
        (machine.behave / trouble).touch()
    done = machine.run()
    assert done.returncode == 1
    assert "way out: the network did not answer" in done.stderr
    assert not machine.stamp().exists()


def test_language_model_runtime_that_cannot_be_compiled_is_a_failure(machine: Machine) -> None:
    (machine.behave / "cannot compile").touch()
    done = machine.run("llama")
    assert done.returncode == 1
    assert "(llama) failed" in done.stderr
    assert not machine.stamp("llama").exists()


def test_cached_wheel_that_no_longer_works_is_compiled_anew(machine: Machine) -> None:
    machine.run()
    machine.stamp().unlink()
    next(machine.cache.rglob("*.whl")).write_text("broken")
    assert "... done (" in machine.run().stdout
    assert len(machine.compilations()) == 2
    assert machine.from_file()


@pytest.mark.parametrize("name", ["llama", "whisper"])
def test_what_was_compiled_outlives_a_network_that_fails_behind_it(machine: Machine, tmp_path: Path, name: str) -> None:
    """Compiling takes up to 40 minutes; what the wheel requires is fetched behind it."""
    (machine.behave / "no network").touch()
    for _ in range(2):
        done = machine.run(name)
        assert done.returncode == 1
        assert "way out: the network did not answer" in done.stderr
        assert len(machine.wheels()) == len(machine.compilations()) == 1
        assert not machine.stamp(name).exists()
    wheel = tmp_path / machine.wheels()[0]
    wheel.touch()
    assert "way out: the network did not answer" in machine.run(name, str(wheel)).stderr, "the wheel is right"
    (machine.behave / "no network").unlink()
    assert "as compiled here before ... done (" in machine.run(name).stdout
    assert len(machine.compilations()) == 1


@pytest.mark.parametrize("name", ["llama", "whisper"])
def test_named_wheel_stays_and_a_wrong_one_is_told(machine: Machine, tmp_path: Path, name: str) -> None:
    wheel = tmp_path / (sourced(machine.house, f"runtime_stem {name}") + "-py3-none-any.whl")
    wheel.touch()
    assert f"from {wheel} ... done (" in machine.run(name, str(wheel)).stdout
    assert "already there" in machine.run(name).stdout  # named once, it need not be named again
    wheel.write_text("broken")
    done = machine.run(name, str(wheel))
    assert done.returncode == 1
    assert f"leave --{name}-wheel out" in done.stderr
    assert not (machine.behave / "calls").read_text().count("wheel --no-deps")


def test_interrupted_compiling_is_no_reason_to_fall_back(machine: Machine) -> None:
    (machine.behave / "hangs").touch()
    command = machine.command("whisper")
    command[-1] = command[-1].replace("; step 4", "; trap 'interrupted 2' INT; step 4")
    with subprocess.Popen(
        command,
        env={**os.environ, **machine.environment},
        cwd=machine.house,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        subprocess.run(
            ["bash", "-c", "until [[ -e $0 ]]; do sleep 0.05; done", machine.behave / "compiling"],
            timeout=30,
            check=True,
        )
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: pip, too, ends by a plain failure
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted in step 4 of 8 (whisper)" in said
    assert not machine.stamp().exists()
    assert not (machine.site / "_pywhispercpp.py").exists()  # nothing was fetched from the index
    (machine.behave / "hangs").unlink()
    assert "... done (" in machine.run().stdout
    assert not list(machine.cache.rglob("*.building.*"))
