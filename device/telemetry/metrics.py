"""The figures of a running assistant, for Prometheus (docs/metrics.md lists them).

    metrics = Metrics(desk, read_board=BoardReader(state_dir()).read)
    with metrics: ...                                  # counts from here on
    body, content_type = metrics.exposition("")        # the text that is scraped

What happens is counted when it happens (`TurnMetrics`); how it stands is asked for when somebody scrapes
(`StandingFigures`). No figure and no label has a word in it that was said or heard.
"""

import platform
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from device.control.desk import Listener
from device.dialogue import events as ev
from device.skills.services import Board
from device.telemetry.budgets import STAGES
from device.telemetry.standing import StandingFigures
from device.telemetry.turn_trace import TurnTrace
from device.version import software_version

disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of the lines, and process_start_time_seconds says the same

#: In seconds. Each budget of `budgets.STAGES` is a bound, so that the share of turns within it is exact.
TTFA_BUCKETS_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
STAGE_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5, 3.0, 10.0)

#: `capture` is how long people speak, no matter of speed; `ttfa` has a histogram of its own.
TIMED = tuple(stage.key for stage in STAGES if stage.key not in ("capture", "ttfa"))
_FAILING: tuple[str, ...] = get_args(ev.FailingStage)
_COMMITS = ("complete", "silence", "release", "cap")
_OUTCOMES = ("done", "failed", "unknown")


class Desk(Protocol):
    """What of `device.control.desk.ControlDesk` is used."""

    def add_listener(self, listener: Listener) -> None: ...
    def remove_listener(self, listener: Listener) -> None: ...
    def status(self, *, words: bool = True) -> dict[str, Any]: ...


class TurnMetrics:
    """Counters and histograms, from events and traces (`desk.Listener`). Any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, label: str = "", values: tuple[str, ...] = ()) -> Counter:
            made = Counter(name, what, [label] if label else [], namespace="nearfield", registry=registry)
            for value in values:  # there from the start: a rate needs a zero to rise from
                made.labels(value)
            return made

        def histogram(name: str, what: str, bounds: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(name, what, labels, namespace="nearfield", registry=registry, buckets=bounds)

        self._turns = counter("turns", "Turns committed, by why they were.", "reason", _COMMITS)
        self._interrupted = counter("turns_interrupted", "Answers that the user spoke over.")
        self._unheard = counter("turns_unheard", "Turns that ended without a sample of an answer.")
        self._ttfa = histogram(
            "ttfa_seconds", "Time to first audio: end of speech to the first sample at the converter.", TTFA_BUCKETS_S
        )
        self._stages = histogram("stage_seconds", "How long each stage of a turn took.", STAGE_BUCKETS_S, ("stage",))
        for key in TIMED:
            self._stages.labels(key)
        self._over = counter("stage_over_budget", "Stages that took longer than their budget.", "stage")
        budgets = Gauge(
            "stage_budget_seconds",
            "Time that each stage may take.",
            ["stage"],
            namespace="nearfield",
            registry=registry,
        )
        for stage in STAGES:
            if stage.budget_ms is not None:
                budgets.labels(stage.key).set(stage.budget_ms / 1000)
                self._over.labels(stage.key)
        self._hypotheses = counter(
            "hypotheses", "Answers prepared before the turn was over, by what came of them.", "result",
            ("committed", "discarded"),
        )  # fmt: skip
        self._wasted = counter("wasted_seconds", "Time for which answers were prepared that nobody wanted.")
        self._retracted = counter("stable_words_retracted", "Words of a transcript called stable and taken back.")
        self._failures = counter("failures", "Stages that failed; the conversation went on.", "stage", _FAILING)
        self._calls = counter("skill_calls", "Skills carried out, by what came of it.", "status", _OUTCOMES)
        self._wakes = counter("wakes", "Wake words heard.")
        self._wake_timeouts = counter("wake_timeouts", "Times that nobody spoke after being listened to.")
        self._resumed = counter("answers_resumed", "Answers that went on after a sound that was no interruption.")
        self._degradations = counter("degradations", "Times that something was given up because the machine is behind.")
        self._cards_lost = counter("card_losses", "Times that the sound card was lost.")
        self._deaf = counter("card_lost_seconds", "Time without a sound card, counted when it is back.")
        self._level = 0

    def on_event(self, event: ev.Event) -> None:
        """Every event."""
        match event:
            case ev.Commit(reason=reason):
                self._turns.labels(reason).inc()
            case ev.Failure(stage=stage):
                self._failures.labels(stage).inc()
            case ev.CallEnded(status=status):
                self._calls.labels(status).inc()
            case ev.Partial(retracted=words) | ev.Final(retracted=words) if words > 0:
                self._retracted.inc(words)
            case ev.Wake():
                self._wakes.inc()
            case ev.WakeTimeout():
                self._wake_timeouts.inc()
            case ev.Resumed():
                self._resumed.inc()
            case ev.Degraded(level=level):
                if level > self._level:
                    self._degradations.inc()
                self._level = level
            case ev.CardLost():
                self._cards_lost.inc()
            case ev.CardBack(lost_ms=lost_ms):
                self._deaf.inc(max(0.0, lost_ms) / 1000)
            case _:
                pass

    def on_trace(self, trace: TurnTrace) -> None:
        """A turn is over."""
        if trace.ttfa_ms is None:
            self._unheard.inc()
        else:
            self._ttfa.observe(trace.ttfa_ms / 1000)
        if trace.interrupted:
            self._interrupted.inc()
        for span in trace.spans:
            if span.stage in TIMED:
                self._stages.labels(span.stage).observe(span.length_ms / 1000)
            if span.over:
                self._over.labels(span.stage).inc()
        for guess in trace.guesses:
            if guess.committed or guess.end_ms is not None:
                self._hypotheses.labels("committed" if guess.committed else "discarded").inc()
        self._wasted.inc(max(0.0, trace.wasted_ms) / 1000)


class Metrics:
    """All figures of one assistant. Use as a context manager; any thread.

    `read_board`: heat, memory and disk of the machine, asked for at each scrape.
    """

    def __init__(self, desk: Desk, *, read_board: Callable[[], Board] | None = None) -> None:
        self._desk = desk
        self._registry = CollectorRegistry()
        self._turns = TurnMetrics(self._registry)
        Gauge(
            "build_info", "1; its labels say what runs.", ["version", "python", "machine"],
            namespace="nearfield", registry=self._registry,
        ).labels(software_version(), platform.python_version(), platform.machine()).set(1)  # fmt: skip
        self._registry.register(StandingFigures(self._status, read_board))
        ProcessCollector(registry=self._registry)

    def _status(self) -> Mapping[str, Any]:
        return self._desk.status(words=False)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """What is scraped, and its content type. `accept`: the header of whoever asks; "" is the plain text form."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def families(self) -> list[Metric]:
        """All figures as prometheus_client has them."""
        return list(self._registry.collect())

    def __enter__(self) -> Self:
        self._desk.add_listener(self._turns)
        return self

    def __exit__(self, *_: object) -> None:
        self._desk.remove_listener(self._turns)
