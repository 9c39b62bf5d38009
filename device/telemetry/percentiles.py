"""How long the stages took over many turns.

for row in stage_percentiles(traces): print(row.stage, row.p50_ms, row.p95_ms)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from device.telemetry.budgets import STAGES, StageKey
from device.telemetry.turn_trace import TurnTrace


@dataclass(frozen=True, slots=True)
class StagePercentiles:
    """Lengths of one stage over `count` turns, in ms; `over` of them were longer than the budget.

    Percentiles are interpolated linearly (numpy's default): with fewer than 100 turns p99 lies near the longest.
    """

    stage: StageKey
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    budget_ms: float | None
    over: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def stage_percentiles(traces: Sequence[TurnTrace]) -> list[StagePercentiles]:
    """In the order of `STAGES`; a stage that no turn has is left out."""
    out = []
    for stage in STAGES:
        spans = [span for trace in traces if (span := trace.span(stage.key)) is not None]
        if not spans:
            continue
        lengths_ms = np.array([span.length_ms for span in spans])
        p50, p95, p99 = (round(float(p), 2) for p in np.percentile(lengths_ms, (50, 95, 99)))
        over = sum(span.over for span in spans)
        longest = round(float(lengths_ms.max()), 2)
        out.append(StagePercentiles(stage.key, len(spans), p50, p95, p99, longest, stage.budget_ms, over))
    return out
