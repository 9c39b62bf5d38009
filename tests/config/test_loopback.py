"""One rule for what is this machine, wherever it is asked."""

import pytest

from device.config.control import WebhookSettings
from device.config.loopback import is_loopback
from device.config.metrics import MetricsSettings
from device.config.web import WebSettings
from device.update.source import WebSource, open_source


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.0.0.2", "::1", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert WebSettings(enabled=True, host=host).loopback
    assert MetricsSettings(host=host, port=9464).host == host
    in_url = f"[{host}]" if ":" in host.strip("[]") and not host.startswith("[") else host
    assert WebhookSettings(url=f"http://{in_url}:9/hook").url
    assert isinstance(open_source(f"http://{in_url}:9/"), WebSource)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.0.2.7", "localhost.example", "127.0.0.1.example", "127.1.example", "10.0.0.1"]
)
def test_anybody_else(host: str) -> None:
    assert not is_loopback(host)
