"""`nearfield run` on machines that have a microphone or a loudspeaker only."""

import pytest

from device import assembly
from device.audio import negotiate, portaudio
from device.audio.devices import DeviceInfo
from device.cli.run import run
from device.errors import NearfieldError, NoCardError

MICROPHONE = DeviceInfo(0, "Array (hw:1,0)", "ALSA", 4, 0, 16_000, True, False)
LOUDSPEAKER = DeviceInfo(1, "HDMI (hw:0,0)", "ALSA", 0, 2, 48_000, False, True)


class ModelsReachedError(NearfieldError):
    """The card was accepted: loading models is what comes next."""


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_models(_settings: object, _persona: object) -> None:
        raise ModelsReachedError("models")

    monkeypatch.setattr(assembly, "load_models", load_models)
    monkeypatch.setattr(negotiate, "_check", lambda *_: None)


def test_a_microphone_alone_is_said_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(portaudio, "list_devices", lambda: [MICROPHONE])
    with pytest.raises(ModelsReachedError):
        run()
    assert "no loudspeaker: Array (hw:1,0) can only listen" in capsys.readouterr().out


def test_a_loudspeaker_alone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "list_devices", lambda: [LOUDSPEAKER])
    with pytest.raises(NoCardError, match="nothing can be heard") as caught:
        run()
    assert caught.value.exit_status == 1


def test_the_configuration_reaches_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "list_devices", lambda: [MICROPHONE])
    with pytest.raises(NoCardError, match="channel 5 is not there"):
        run(overrides=["audio.reference_channel=5"])
    with pytest.raises(NoCardError, match="channel 2 cannot be the reference"):
        run(overrides=["audio.reference_channel=2", "audio.mic_channel=2"])
