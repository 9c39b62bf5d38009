"""What C libraries write to descriptor 2: while a card runs (in a process of its own), and while one is looked for."""

import logging
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from device.audio.host import c_messages_to_log, portaudio

PROGRAM = """
import os, sys
from device.audio.chatter import without_chatter
with without_chatter():
    os.write(2, b"Expression 'alsa_snd_pcm_drop( x )' failed in 'pa_linux_alsa.c', line: 1\\n")
    os.write(2, b"the last words ")
    os.write(2, b"of a library\\nALSA lib pcm.c:1: unknown PCM\\n")
    print("from Python", file=sys.stderr)
    os.write(2, b"no line end")
os.write(2, b"\\nC again\\n")
print("Python again", file=sys.stderr)
"""


def test_only_chatter_is_dropped() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True)
    # what Python writes goes another way: it may overtake
    assert sorted(done.stderr.splitlines()) == sorted(
        ["the last words of a library", "from Python", "no line end", "C again", "Python again"]
    )


def test_without_a_standard_error_there_is_nothing_to_do() -> None:
    root = Path(__file__).resolve().parents[2]
    code = "from device.audio.chatter import without_chatter\nwith without_chatter(): print('in')\nprint('out')"
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2<&-', "sh", sys.executable, "-c", code],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["in", "out"]


def test_what_is_said_goes_to_the_log_though_no_file_can_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full or read-only disk is no reason to be without PortAudio."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OSError, match="gone"):
        tempfile.mkdtemp()
    assert portaudio().__name__ == "sounddevice"
    with caplog.at_level(logging.DEBUG), c_messages_to_log():
        os.write(2, b"ALSA lib pcm.c:1: unknown PCM\n")
    assert "ALSA lib pcm.c:1: unknown PCM" in caplog.messages


def test_without_a_descriptor_to_spare_what_is_said_is_seen(capfd: pytest.CaptureFixture[str]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(2)
    os.close(first_free)
    # one is to be had, for a second one there is none
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + 1, limits[1]))
    try:
        with c_messages_to_log():
            os.write(2, b"seen\n")
        again = os.dup(2)
        os.close(again)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert again == first_free, "nothing is left open"
    assert capfd.readouterr().err == "seen\n"
