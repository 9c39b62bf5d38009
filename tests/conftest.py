"""What all tests share: the real models, loaded once a run, and the recordings of ../shared/data.

A model that has not been pulled, or a folder that is absent, skips the tests that need it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aside import ReportsTo, TwoAtATime
from hypothesis import settings
from virtual_card.stage import AlsaStage, CannotBuildError, build_plugin

from device.config import load_settings
from models.errors import ModelMissingError
from models.store import ModelStore, open_store

# a busy machine is no failure: what hangs is ended by pytest-timeout
settings.register_profile("nearfield", deadline=None)
settings.load_profile("nearfield")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--two-at-a-time", action="store_true", help="some tests in a second process (tests/aside.py)")
    parser.addoption("--reports-to", metavar="FILE", help="for that process: where it tells of its tests")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.two_at_a_time:
        config.pluginmanager.register(TwoAtATime())
    if config.option.reports_to:
        config.pluginmanager.register(ReportsTo(config, config.option.reports_to))


@pytest.fixture(scope="session")
def store() -> ModelStore:
    """The model store of this machine: where the configuration says it is."""
    return open_store(load_settings(None, []).models.dir)


def _pulled(store: ModelStore, model_id: str) -> Path:
    try:
        return store.path(model_id)
    except ModelMissingError as error:
        pytest.skip(f"{error.message}; {error.hint}")


@contextmanager
def _closing(model: Any) -> Iterator[Any]:
    yield model
    model.close()


@pytest.fixture(scope="session")
def model_path(store: ModelStore) -> Callable[[str], Path]:
    """Path of the file of a model, by its catalogue id; skips when it has not been pulled."""
    return lambda model_id: _pulled(store, model_id)


@pytest.fixture(scope="session")
def vad(model_path: Callable[[str], Path]) -> Iterator[Any]:
    """`models.vad.SileroVad`; reset it before use."""
    path = model_path("silero-vad")
    from models.vad import SileroVad  # noqa: PLC0415  runtimes are loaded only when a test wants them

    with _closing(SileroVad(path)) as model:
        yield model


@pytest.fixture(scope="session")
def recogniser(model_path: Callable[[str], Path]) -> Iterator[Any]:
    """`models.stt.WhisperCpp` with tiny.en."""
    path = model_path("whisper-tiny.en")
    from models.stt import WhisperCpp  # noqa: PLC0415

    with _closing(WhisperCpp(path)) as model:
        yield model


@pytest.fixture(scope="session")
def chat_model(model_path: Callable[[str], Path]) -> Iterator[Any]:
    """`models.llm.LlamaCpp` with SmolLM2-135M-Instruct."""
    path = model_path("smollm2-135m-instruct-q8_0")
    from models.llm import LlamaCpp  # noqa: PLC0415

    with _closing(LlamaCpp(path)) as model:
        yield model


@pytest.fixture(scope="session")
def voice(model_path: Callable[[str], Path]) -> Iterator[Any]:
    """`models.tts.PiperVoice` with joe."""
    path = model_path("piper-en_US-joe-medium")
    from models.tts import PiperVoice  # noqa: PLC0415

    with _closing(PiperVoice(path)) as model:
        yield model


@pytest.fixture(scope="session")
def steady_voice(model_path: Callable[[str], Path]) -> Iterator[Any]:
    """The same voice without variation: what it says sounds the same in every run."""
    path = model_path("piper-en_US-joe-medium")
    from models.tts import PiperVoice  # noqa: PLC0415

    with _closing(PiperVoice(path, variation=0.0)) as model:
        yield model


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings beside the repository."""
    path = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("no recordings here (../shared/data)")
    return path


@pytest.fixture(scope="session")
def alsa_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual ALSA card of tests/virtual_card, compiled; skips where there is nothing to compile it with."""
    try:
        return build_plugin(tmp_path_factory.mktemp("alsa"))
    except CannotBuildError as error:
        pytest.skip(str(error))


@pytest.fixture
def alsa_stage(alsa_plugin: Path) -> Iterator[AlsaStage]:
    """A sound system without any cards yet."""
    with AlsaStage(alsa_plugin) as stage:
        yield stage
