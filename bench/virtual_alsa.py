"""The virtual ALSA card of tests/virtual_card, for the measurements that need a card.

    with staged() as stage: card = stage.add("vcard", rate_hz=16_000)

Ends the program with status 2 and a line where it cannot be built (gcc, libasound2-dev).
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# behind the repository: tests/ has folders of the same names
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "tests"))

from virtual_card.stage import AlsaStage, CannotBuildError, build_plugin

CANNOT_RUN = 2


@contextmanager
def staged() -> Iterator[AlsaStage]:
    """A sound system without any cards yet. Raises SystemExit."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            plugin = build_plugin(Path(folder))
        except CannotBuildError as error:
            print(error, file=sys.stderr)
            sys.exit(CANNOT_RUN)
        with AlsaStage(plugin) as stage:
            yield stage
