"""The servers that people really run, on 127.0.0.1 and with the models of this machine: nothing is fetched.

    with serving([sys.executable, "-m", "wyoming_piper", ...], port) as ...

llama.cpp as llama-cpp-python serves it, wyoming-piper, wyoming-whisper-cpp: tools of the tests, from the package index.
"""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_S = 60


@contextlib.contextmanager
def serving(module: str, arguments: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` until the block is left, ready when something listens on `port`; skips without the module."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    log = folder / f"{module}-{port}.log"
    # as `models.process` has it: beside other work on two cores a spinning thread costs ten times what it gains
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "300"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
        )
        try:
            until_s = time.monotonic() + START_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until_s:
                    pytest.fail(f"{module} did not start: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def llama_server(model: Path, port: int) -> tuple[str, list[str]]:
    """llama.cpp behind llama-cpp-python's own server."""
    return "llama_cpp.server", [
        *("--model", str(model), "--model_alias", "smol", "--host", "127.0.0.1", "--port", str(port)),
        *("--n_ctx", "2048", "--n_threads", "2"),
    ]


def piper_server(voice: Path, port: int, folder: Path) -> tuple[str, list[str]]:
    """wyoming-piper with a voice from a file; `folder` is where it would put what it fetches."""
    name = str(voice).removesuffix(".onnx")
    data = folder / "piper"
    data.mkdir(exist_ok=True)
    for file in voice.parent.glob("*.onnx*"):
        link = data / file.name
        if not link.exists():
            link.symlink_to(file)
    return "wyoming_piper", [
        *("--voice", Path(name).name, "--data-dir", str(data), "--uri", f"tcp://127.0.0.1:{port}"),
        *("--noise-scale", "0", "--noise-w-scale", "0"),  # the same audio every time
    ]


def whisper_server(model: Path, port: int, folder: Path) -> tuple[str, list[str]]:
    """wyoming-whisper-cpp with a ggml file."""
    return "wyoming_whisper_cpp", [
        *("--model", str(model), "--data-dir", str(folder), "--uri", f"tcp://127.0.0.1:{port}"),
        *("--language", "en", "--beam-size", "1"),
    ]
