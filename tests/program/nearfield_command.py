"""What came of one call of the command."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Command = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)

    def one_line(self) -> str:
        """What a person sees of a failure: one line, no traceback."""
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]
