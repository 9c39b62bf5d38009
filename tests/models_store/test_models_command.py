"""`nearfield models`: what it prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner
from web_site import Site

from device.cli.models_commands import models_app
from device.errors import UsageError
from models.errors import ModelError, ModelMissingError

CONTENT = os.urandom(100_000)
OWN = """
[[model]]
id = "m"
task = "llm"
licence = "MIT"
[[model.files]]
name = "m.gguf"
bytes = {bytes}
sha256 = "{sha256}"
[[model.sources]]
[[model.sources.urls]]
name = "m.gguf"
url = "{url}"
bytes = {bytes}
sha256 = "{sha256}"
"""
Serve = Callable[[Site], Site]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    path = tmp_path / "nearfield.toml"
    path.write_text(f'[models]\ndir = "{tmp_path / "models"}"\n')
    return path


@pytest.fixture
def directory(config: Path) -> Path:
    return config.parent / "models"


def offer(directory: Path, site: Site) -> None:
    (directory / "catalog.toml").write_text(OWN.format(url=site.url, bytes=len(CONTENT), sha256=Site(CONTENT).sha256))


def run(*arguments: str, config: Path) -> str:
    result = CliRunner().invoke(models_app, [*arguments, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_as_json(config: Path, directory: Path) -> None:
    listed = json.loads(run("list", "--json", config=config))
    assert listed["directory"] == str(directory)
    tiny = next(model for model in listed["models"] if model["id"] == "whisper-tiny.en")
    assert (tiny["task"], tiny["licence"], tiny["state"], tiny["bytes"]) == ("stt", "MIT", "missing", 77704715)


def test_list_names_every_model_in_full_on_a_narrow_terminal(config: Path) -> None:
    printed = run("list", config=config)
    assert "qwen2.5-1.5b-instruct-q4_k_m" in printed


def test_pull_path_and_verify(serve: Serve, config: Path, directory: Path) -> None:
    offer(directory, serve(Site(CONTENT)))
    assert json.loads(run("pull", "m", "--json", config=config))["models"] == {"m": "pulled"}
    assert run("pull", "m", config=config) == "m: present\n"
    path = run("path", "m", config=config).strip()
    assert Path(path).read_bytes() == CONTENT
    assert run("verify", config=config) == "m: whole\n"


def test_verify_fails_with_the_file_and_the_command(serve: Serve, config: Path, directory: Path) -> None:
    offer(directory, serve(Site(CONTENT)))
    run("pull", "m", config=config)
    os.truncate(directory / "m" / "m.gguf", 5)
    result = CliRunner().invoke(models_app, ["verify", "m", "--config", str(config)])
    assert result.exit_code == 1
    assert "m.gguf" in result.stderr and "nearfield models pull m" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    reported = CliRunner().invoke(models_app, ["verify", "m", "--json", "--config", str(config)])
    assert reported.exit_code == 1
    assert json.loads(reported.stdout)["models"]["m"]["hint"] == "nearfield models pull m"


def test_the_empty_set_pulls_nothing(config: Path, directory: Path) -> None:
    assert run("pull", "--set", "none", config=config) == ""
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("arguments", [["pull"], ["pull", "m", "--set", "tiny"]])
def test_pull_wants_ids_or_a_set(config: Path, arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        run(*arguments, config=config)


def test_a_set_that_there_is_not_is_bad_usage(config: Path) -> None:
    result = CliRunner().invoke(models_app, ["pull", "--set", "huge", "--config", str(config)])
    assert result.exit_code == 2


def test_an_unknown_model_is_said_before_anything_is_fetched(serve: Serve, config: Path, directory: Path) -> None:
    site = serve(Site(CONTENT))
    offer(directory, site)
    with pytest.raises(ModelError, match="nobody"):
        run("pull", "m", "nobody", config=config)
    assert site.requests == []


def test_path_of_a_missing_model_fails(config: Path) -> None:
    with pytest.raises(ModelMissingError):
        run("path", "silero-vad", config=config)


def test_ctrl_c_says_one_line_and_the_next_pull_goes_on(serve: Serve, config: Path, directory: Path) -> None:
    pause = threading.Event()
    site = serve(Site(CONTENT, pause=pause))
    offer(directory, site)
    program = "from device.cli.models_commands import models_app; models_app()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "pull", "m", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        part = directory / "m" / ".staging" / "m.gguf.part"
        deadline = time.monotonic() + 60
        while not part.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "interrupted; go on with: nearfield models pull m"
    assert "Traceback" not in err
    assert not (directory / "m" / "m.gguf").exists()
    site.pause = None
    assert run("pull", "m", config=config) == "m: pulled\n"
