"""The real-time path on the virtual ALSA card: nothing lost under load, and how soon a lost card is heard again.

    python bench/audio.py [--minutes 10] [--tries 3]

Runs bench/torture.py, then bench/recovery.py, each of which can be run alone; exit status 1 when either says so.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of torture")
    parser.add_argument("--tries", type=int, default=3, help="losses of the card, a mode")
    args = parser.parse_args()
    parts = (["torture.py", "--minutes", str(args.minutes)], ["recovery.py", "--tries", str(args.tries)])
    return max(
        subprocess.run([sys.executable, str(HERE / name), *rest], check=False).returncode for name, *rest in parts
    )


if __name__ == "__main__":
    sys.exit(main())
