"""Percentiles and shares, and how they are printed.

print(percentiles([320.0, 350.0, 410.0]))     # {"p50": 350, "p95": 404, "p99": 409, "worst": 410}
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "worst": 100}


def percentiles(values_ms: Iterable[float | None]) -> dict[str, int | None]:
    """p50, p95, p99 (linear between neighbours) and the worst, rounded; Nones are left out. All None: no values."""
    there = np.array([v for v in values_ms if v is not None], dtype=float)
    if not there.size:
        return dict.fromkeys(_PERCENTILES)
    return {name: round(float(np.percentile(there, q))) for name, q in _PERCENTILES.items()}


def median(values: Iterable[float | None]) -> float | None:
    there = [v for v in values if v is not None]
    return float(np.median(there)) if there else None


def ratio(above: float | None, below: float | None) -> float | None:
    """`above` over `below` to a hundredth; None when there is no such thing."""
    return round(above / below, 2) if above is not None and below else None


def share(hits: Sequence[bool]) -> float | None:
    """Per cent of `hits` that are true, to a tenth; None of nothing."""
    return round(100 * sum(hits) / len(hits), 1) if hits else None


def show(total: Mapping[str, object], *, as_json: bool, rows: Sequence[object] = (), rows_name: str = "rows") -> None:
    """The end of a program: one JSON object with all rows, or a line a figure (rows were printed as they came)."""
    if as_json:
        print(json.dumps({rows_name: list(rows), **total}, ensure_ascii=False))
        return
    for name, value in total.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        print(f"{name}: {text}")
