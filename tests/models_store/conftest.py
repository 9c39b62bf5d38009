"""What the tests of the store share: local web servers, wheels made on the spot, and the models of this machine."""

import hashlib
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from web_site import Site, handler_for

from device.config import load_settings
from models.errors import ModelError
from models.store import open_store


@pytest.fixture
def serve() -> Iterator[Callable[[Site], Site]]:
    """Puts a `Site` on 127.0.0.1 and fills in its url."""
    servers: list[ThreadingHTTPServer] = []
    sites: list[Site] = []

    def start(site: Site) -> Site:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(site))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        sites.append(site)
        site.url = f"http://127.0.0.1:{server.server_address[1]}/file"
        return site

    yield start
    for site in sites:
        if site.pause:
            site.pause.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], str]:
    """Makes the wheel some_model 1.0 where pip alone looks; returns its sha256."""
    house = tmp_path / "wheelhouse"
    house.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))

    def make(members: dict[str, bytes]) -> str:
        path = house / "some_model-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, content in members.items():
                wheel.writestr(name, content)
            info = "some_model-1.0.dist-info"
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return make


@pytest.fixture(scope="session")
def pulled() -> Callable[[str], Path]:
    """Path of a model of this machine; skips the test if it has not been pulled."""
    store = open_store(load_settings().models.dir)

    def path(model_id: str) -> Path:
        try:
            return store.path(model_id)
        except ModelError as error:
            pytest.skip(f"{error.message}; {error.hint}")

    return path


@pytest.fixture(scope="session")
def spoken(pulled: Callable[[str], Path]) -> npt.NDArray[np.float32]:
    """ "A command spoken by Piper, (n,) float32 at 16 kHz."""
    import soxr  # noqa: PLC0415
    from piper import PiperVoice  # noqa: PLC0415

    voice = PiperVoice.load(pulled("piper-en_US-joe-medium"))
    chunks = [chunk.audio_float_array for chunk in voice.synthesize("Please turn on the lights in the kitchen.")]
    audio = soxr.resample(np.concatenate(chunks), voice.config.sample_rate, 16_000).astype(np.float32)
    quiet = np.zeros(8_000, np.float32)
    return np.concatenate([quiet, audio, quiet])
