"""The keys of what is measured for other programs: figures for Prometheus, traces for OpenTelemetry.

    settings = MetricsSettings(port=9464)
    TelemetrySettings(otlp_endpoint="http://collector.local:4318").traces_url

Both are off until a port or an address is named; neither has a word in it that was said or heard.
"""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from device.config.loopback import is_loopback
from device.config.section import Name, OptionalPath, Section, contradiction

_TRACES_PATH = "/v1/traces"  # OpenTelemetry protocol exporter, "Endpoint URLs for OTLP/HTTP"


def _collector(text: str) -> str:
    if not text:
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query or parts.fragment:
        why = f"{text[:60]!r} is no address such as http://collector.local:4318"
        raise PydanticCustomError("no_collector", "{why}", {"why": why})
    return text.rstrip("/")


class MetricsSettings(Section):
    """Figures for Prometheus, on a port of their own."""

    host: Name = Field(default="127.0.0.1", description="address to listen at; beyond this machine it needs a token")
    port: int = Field(default=0, ge=0, le=65_535, description="port to listen at, 9464 by custom; 0 = none")
    token_file: OptionalPath = Field(
        default=None, description="file with the token that whoever asks must bring; only its owner may read it"
    )

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        if self.port and self.token_file is None and not is_loopback(self.host):
            raise contradiction("host", "metrics.host reaches beyond this machine, so metrics.token_file is needed")
        return self


class TelemetrySettings(Section):
    """Each turn as a trace of OpenTelemetry."""

    otlp_endpoint: Annotated[str, AfterValidator(_collector)] = Field(
        default="", description='collector that speaks OTLP over HTTP, as "http://host:4318"; "" = none'
    )
    otlp_token_file: OptionalPath = Field(
        default=None, description="file with a bearer token for it; only its owner may read it"
    )
    otlp_service: Name = Field(default="nearfield", description="service.name of the traces: tells devices apart")

    @property
    def traces_url(self) -> str:
        """`otlp_endpoint` with the path of traces, unless it has one."""
        base = self.otlp_endpoint
        return base if urlsplit(base).path.endswith(_TRACES_PATH) else base + _TRACES_PATH
