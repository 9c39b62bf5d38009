"""All ways in which whoever is outside reaches a running assistant, as one thing that is started and ended with it.

    with Outside(settings, appliance.desk): appliance.run()

What is not configured costs nothing: its libraries are not even imported. A way that cannot be opened (the port is
taken) is logged and told in the status; the assistant runs without it.
"""

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from device.config import Settings
from device.control.desk import ControlDesk
from device.errors import NearfieldError

if TYPE_CHECKING:
    from device.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

#: Opens a way in; whatever it returns is closed at the end. Raises NearfieldError.
Way = Callable[[Settings, ControlDesk], contextlib.AbstractContextManager[object]]

#: What is counted, for all ways that tell of it: counting begins with the first of them.
Figures = Callable[[], "Metrics"]


def _ways(settings: Settings, figures: Figures) -> dict[str, Way]:
    """Those that are configured, by the name that a person knows them by."""
    ways: dict[str, Way] = {}
    if settings.control.enabled:
        ways["control socket"] = _control_socket
    for name in settings.webhooks:
        ways[f"webhook {name}"] = functools.partial(_webhook, name)
    if settings.web.enabled:
        ways["web page"] = functools.partial(_web_page, figures)
    if settings.metrics.port:
        ways["metrics"] = functools.partial(_metrics, figures)
    if settings.telemetry.otlp_endpoint:
        ways["telemetry"] = _telemetry
    return ways


def _control_socket(settings: Settings, desk: ControlDesk) -> contextlib.AbstractContextManager[object]:
    from device.control.socket_server import SocketServer  # noqa: PLC0415

    return SocketServer(settings.control, desk)


def _webhook(name: str, settings: Settings, desk: ControlDesk) -> contextlib.AbstractContextManager[object]:
    from device.control.webhooks import Webhook  # noqa: PLC0415 - httpx

    return Webhook(name, settings.webhooks[name], desk)


def _web_page(figures: Figures, settings: Settings, desk: ControlDesk) -> contextlib.AbstractContextManager[object]:
    from starlette.routing import Route  # noqa: PLC0415 - a web server, for those who use it

    from device.kiosk.server import KioskServer  # noqa: PLC0415
    from device.telemetry.metrics_server import MetricsApp  # noqa: PLC0415

    return KioskServer(settings.web, desk, extra_routes=[Route("/metrics", MetricsApp(figures()))])


def _metrics(figures: Figures, settings: Settings, _desk: ControlDesk) -> contextlib.AbstractContextManager[object]:
    from device.telemetry.metrics_server import MetricsServer  # noqa: PLC0415 - prometheus_client

    return MetricsServer(settings.metrics, figures())


def _telemetry(settings: Settings, desk: ControlDesk) -> contextlib.AbstractContextManager[object]:
    from device.telemetry.otlp import TurnSpans  # noqa: PLC0415 - the OpenTelemetry SDK

    return TurnSpans(settings.telemetry, desk)


class Outside:
    """Use as a context manager."""

    def __init__(self, settings: Settings, desk: ControlDesk) -> None:
        self._settings = settings
        self._desk = desk
        self._open = contextlib.ExitStack()
        self._counted: Metrics | None = None
        self.trouble: dict[str, str] = {}  #: ways that could not be opened, and why
        desk.add_status(lambda: {"outside": dict(self.trouble)})

    def __enter__(self) -> Self:
        for name, way in _ways(self._settings, self._figures).items():
            try:
                self._open.enter_context(way(self._settings, self._desk))
            except NearfieldError as error:
                self.trouble[name] = error.message
                _log.warning("%s is not there: %s%s", name, error.message, f" ({error.hint})" if error.hint else "")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _figures(self) -> "Metrics":
        if self._counted is None:
            from device.diagnostics.board import BoardReader  # noqa: PLC0415
            from device.telemetry.metrics import Metrics  # noqa: PLC0415

            board = BoardReader(self._settings.session.database.parent)
            self._counted = self._open.enter_context(Metrics(self._desk, read_board=board.read))
        return self._counted
