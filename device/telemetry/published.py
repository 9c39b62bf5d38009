"""A trace as it was published, back as a trace: whoever looks on from outside draws with the same code.

    trace = published_trace(item)      # {"type": "trace", ...} of the feed, or an object of `nearfield trace --json`

Raises ValueError for what `TurnTrace.to_json` did not write: it comes from another process, perhaps of another version.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

from device.telemetry.budgets import BY_KEY
from device.telemetry.marks import TraceMark
from device.telemetry.turn_trace import Guess, Span, TurnTrace
from models.protocols import SAMPLE_RATE_HZ

_ZEROS = ("speech_end", "commit", "first_mark")
_REACHED = ("words", "first_token", "first_clause", "first_audio")
_POSITIONS = ("onset_ms", "offset_ms", "covered_ms", "interrupted_ms")


def published_trace(item: Mapping[str, Any]) -> TurnTrace:
    """Times are exact to a capture sample; a stage that is not known here is left out."""
    try:
        zero, zero_sample = item["zero"], _samples(item["zero_ms"])
        if zero not in _ZEROS:
            raise ValueError(f"no zero: {zero!r}")
        return TurnTrace(
            session=int(item["session"]),
            turn=int(item["turn"]),
            zero_sample=zero_sample,
            zero=cast(Literal["speech_end", "commit", "first_mark"], zero),
            reason=str(item["commit_reason"]),
            interrupted=item["interrupted"] is True,
            spans=tuple(_span(each) for each in item["spans"] if each["stage"] in BY_KEY),
            guesses=tuple(_guess(each) for each in item["hypotheses"]),
            marks=tuple(_mark(each, zero_sample) for each in item["marks"]),
        )
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"this is not a trace: {error!r}") from error


def _samples(ms: float) -> int:
    return round(ms * SAMPLE_RATE_HZ / 1000)


def _ms(value: Any) -> float:
    """Raises ValueError for what json takes for a number and no time line has."""
    if not math.isfinite(ms := float(value)):
        raise ValueError(f"this is not a trace: a time of {ms}")
    return ms


def _span(row: Mapping[str, Any]) -> Span:
    budget = row["budget_ms"]
    return Span(row["stage"], _ms(row["start_ms"]), _ms(row["end_ms"]), None if budget is None else _ms(budget))


def _guess(row: Mapping[str, Any]) -> Guess:
    if row["reached"] not in _REACHED:
        raise ValueError(f"no hypothesis reaches {row['reached']!r}")
    end = row["end_ms"]
    ended = None if end is None else _ms(end)
    return Guess(_ms(row["start_ms"]), ended, row["committed"] is True, str(row["reason"]), row["reached"])


def _mark(row: Mapping[str, Any], zero_sample: int) -> TraceMark:
    data: dict[str, str | int | float | bool | None] = {}
    for key, value in row.items():
        if key in ("name", "at_ms"):
            continue
        if value is not None and not isinstance(value, str | int | float | bool):
            raise ValueError(f"a mark has no {key} of this kind")
        if key in _POSITIONS and isinstance(value, int | float):
            data[key.removesuffix("_ms")] = zero_sample + _samples(value)
        else:
            data[key] = value
    return TraceMark(str(row["name"]), zero_sample + _samples(row["at_ms"]), data)
