"""A script in a process of its own, to which nobody has said yet how threads are to wait."""

import os
import subprocess
import sys


def ran(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What it printed, and that it ended well. `variables` are put into its environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "OPENBLAS_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**environment, **variables}
    )
    assert done.returncode == 0, done.stderr
    return done
