"""How it stands, as figures for Prometheus: read when somebody scrapes, from the status and the machine.

    registry.register(StandingFigures(lambda: desk.status(words=False), BoardReader(state_dir()).read))

A figure that the status or the machine does not have is left out, never made up.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from device.dialogue.events import State
from device.skills.services import Board

_log = logging.getLogger(__name__)

STATES: tuple[str, ...] = get_args(State)

#: Counters of `device.card.CardStats`: key, name, what.
_CARD = (
    ("blocks", "card_blocks", "Blocks of 10 ms that the sound card's callback has served."),
    ("capture_lost_samples", "card_capture_lost_samples", "Microphone samples that nobody read in time."),
    ("capture_overflows", "card_capture_overflows", "Overflows of the microphone that the driver told of."),
    ("playback_underflows", "card_playback_underflows", "Underflows of the loudspeaker that the driver told of."),
    ("starved_samples", "card_starved_samples", "Samples of silence inside a sound, because its rest came too late."),
)


class StandingFigures(Collector):
    """A collector of prometheus_client. `read_status`: `ControlDesk.status` without words."""

    def __init__(
        self, read_status: Callable[[], Mapping[str, Any]], read_board: Callable[[], Board] | None = None
    ) -> None:
        self._read_status = read_status
        self._read_board = read_board
        self._began_s = time.monotonic()

    def describe(self) -> Iterable[Metric]:
        """Nothing: to register it must not ask the assistant."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Raises nothing: whoever scrapes gets what there is."""
        yield _gauge("uptime_seconds", "Time since this session began.", time.monotonic() - self._began_s)
        try:
            status = self._read_status()
        except Exception:  # noqa: BLE001 - the rest of the figures are worth having
            _log.exception("the status cannot be asked for")
            status = {}
        yield from _of_status(status)
        if self._read_board is not None:
            yield from _of_board(self._read_board())


def _of_status(status: Mapping[str, Any]) -> Iterator[Metric]:
    trouble = status.get("trouble", {})
    if "state" in status:
        states = GaugeMetricFamily("nearfield_state", "1 for the state that the conversation is in.", labels=["state"])
        for state in STATES:
            states.add_metric([state], float(status["state"] == state))
        yield states
        yield _gauge("card_up", "0: the sound card is lost, nobody is heard.", float("card" not in trouble))
        yield _gauge("mic_trouble", "1: the microphone delivers what none should.", float("microphone" in trouble))
        yield _gauge("ringing", "1: a timer or an alarm rings.", float(status.get("ringing") is not None))
    for key, name, what in (
        ("muted", "muted", "1: the microphone is muted."),
        ("degraded", "degraded_level", "How many things are done without because the machine is behind."),
        ("resumed", "session_resumed", "1: this session goes on with a conversation that broke off."),
    ):
        if key in status:
            yield _gauge(name, what, float(status[key]))
    if "volume_percent" in status:
        yield _gauge("volume_ratio", "Volume, 0 to 1.", status["volume_percent"] / 100)
    if "outside" in status:
        yield _gauge("ways_closed", "Ways in from outside that could not be opened.", float(len(status["outside"])))
    stats = status.get("card_stats", {})
    for key, name, what in _CARD:
        if key in stats:
            yield CounterMetricFamily(f"nearfield_{name}", what, value=float(stats[key]))
    if "worst_interval_ms" in stats:
        what = "Longest time between two callbacks of the sound card; 0.01 when all is well."
        yield _gauge("card_worst_interval_seconds", what, stats["worst_interval_ms"] / 1000)


def _of_board(board: Board) -> Iterator[Metric]:
    for value, name, what in (
        (board.temperature_c, "temperature_celsius", "Of the hottest part of the processor."),
        (board.throttled, "throttled", "1: the processor is slowed down, by heat or for want of power."),
        (board.power_low, "power_low", "1: the power supply is too weak."),
        (_ratio(board.memory_free_percent), "memory_available_ratio", "What programs can still have, of all memory."),
        (board.disk_free_bytes, "disk_free_bytes", "Room on the disk of the session record."),
    ):
        if value is not None:
            yield _gauge(name, what, float(value))


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"nearfield_{name}", what, value=value)
