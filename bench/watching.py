"""What it costs to be watched: a scrape of the figures, a turn counted, traced and published.

    nearfield bench watching

No card and no models: a desk that is told of made-up turns, as in a conversation.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

from device.control.desk import ControlDesk
from device.dialogue import events as ev
from device.telemetry.metrics import Metrics

MS = 16


class _Calls:
    """Stands in for the assistant and its controls."""

    muted, volume_percent = False, 50


def turn_events(turn: int) -> list[ev.Event]:
    """A question with four partials, a hypothesis thrown away, and an answer of two clauses."""

    def at(ms: float) -> int:
        return round((turn * 10_000 + ms) * MS)

    partials = [ev.Partial(at(-1_500 + 300 * n), turn, "what is " * n, "what", 0, 90.0, at(-1_600)) for n in range(4)]
    return [
        ev.StateChange(at(-1_900), turn, "listening"),
        ev.SpeechStart(at(-1_700), turn, at(-1_900)),
        *partials,
        ev.Supposed(at(-400), turn, "what is"),
        ev.Discarded(at(-300), turn, "what is", "more_speech"),
        ev.Supposed(at(130), turn, "what is it"),
        ev.EndPoint(at(176), turn, "commit", 176.0, 0.93, "complete", 200.0),
        ev.SpeechEnd(at(178), turn, at(0)),
        ev.Final(at(180), turn, "what is it", 0.9, 100.0),
        ev.Commit(at(180), turn, "what is it", "complete"),
        ev.LlmFirstToken(at(185), turn),
        ev.Clause(at(222), turn, 0, "It is this,"),
        ev.TtsFirstAudio(at(286), turn),
        ev.PlayoutStart(at(306), turn),
        ev.Clause(at(400), turn, 1, "and not that."),
        ev.StateChange(at(306), turn, "speaking"),
        ev.PlayoutEnd(at(2_300), turn, "It is this, and not that.", "It is this, and not that."),
    ]


def median_us(work: Callable[[int], object], times: int) -> float:
    """Microseconds a call, the median of `times`."""
    took = []
    for n in range(times):
        began = time.perf_counter()
        work(n)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def fed(desk: ControlDesk) -> Callable[[int], None]:
    """Tells the desk of a whole turn."""

    def work(n: int) -> None:
        for event in turn_events(n + 1):
            desk.on_event(event)

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--times", type=int, default=300, help="turns for each figure")
    times = parser.parse_args().times
    alone = median_us(fed(ControlDesk(_Calls(), _Calls())), times)
    print(f"a turn's events, nobody looks on   {alone:8.0f} us")

    desk = ControlDesk(_Calls(), _Calls())
    with Metrics(desk) as metrics:
        print(f"... counted for Prometheus        {median_us(fed(desk), times) - alone:+8.0f} us")
        body, _ = metrics.exposition("")
        scrape = median_us(lambda _: metrics.exposition(""), 50) / 1_000
        print(f"a scrape                           {scrape:8.1f} ms, {len(body)} bytes")

    desk = ControlDesk(_Calls(), _Calls())
    with desk.feed.subscribe():
        print(f"... published to one onlooker     {median_us(fed(desk), times) - alone:+8.0f} us")

    if importlib.util.find_spec("opentelemetry") and importlib.util.find_spec("opentelemetry.exporter"):
        from device.config.metrics import TelemetrySettings  # noqa: PLC0415 - an extra
        from device.telemetry.otlp import TurnSpans  # noqa: PLC0415

        desk = ControlDesk(_Calls(), _Calls())
        nowhere = TelemetrySettings(otlp_endpoint="http://127.0.0.1:9")  # the discard port: nobody listens
        with TurnSpans(nowhere, desk):
            print(f"... as spans, collector away      {median_us(fed(desk), times) - alone:+8.0f} us")


if __name__ == "__main__":
    main()
