"""What C libraries write to descriptor 2 while a card runs, in a process of its own."""

import subprocess
import sys
from pathlib import Path

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
