"""PortAudio, loaded quietly, and its errors in our words: the one place that knows its error codes.

    sd = portaudio()
    with translated("the microphone 'USB Audio'"): sd.check_input_settings(...)

ALSA and JACK write to stderr from C while they look for devices; what they say goes to the log instead.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

from device.audio.holders import who_holds
from device.errors import AudioError, NoCardError

log = logging.getLogger(__name__)

SEE_DEVICES = "'nearfield devices' lists what there is"

# portaudio.h, PaErrorCode
_UNANTICIPATED_HOST_ERROR = -9999
_INVALID_CHANNEL_COUNT = -9998
_INVALID_SAMPLE_RATE = -9997
_INVALID_DEVICE = -9996
_SAMPLE_FORMAT_NOT_SUPPORTED = -9994
_BAD_IO_DEVICE_COMBINATION = -9993
_DEVICE_UNAVAILABLE = -9985

_fd_2 = threading.RLock()  # one thread may nest: opening a card asks for PortAudio again


@contextlib.contextmanager
def c_messages_to_log() -> Iterator[None]:
    """What C libraries write to file descriptor 2 inside goes to the log, at DEBUG. Process-wide: keep it short."""
    with _fd_2, contextlib.ExitStack() as opened:
        try:
            stderr = os.dup(2)
            opened.callback(os.close, stderr)
            messages = os.memfd_create("c-messages")  # in memory: sound needs no disk that can be written
            opened.callback(os.close, messages)
        except OSError:  # no stderr at all: nothing to keep clean; or no descriptor is left: then they are seen
            yield
            return
        os.dup2(messages, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            for line in os.pread(messages, 65536, 0).decode(errors="replace").splitlines():
                log.debug("%s", line)


def portaudio() -> Any:
    """The sounddevice module. Raises NoCardError when PortAudio is not installed or does not start."""
    try:
        with c_messages_to_log():
            import sounddevice  # noqa: PLC0415  (it starts PortAudio when it is imported)
    except OSError as error:
        raise NoCardError(
            f"PortAudio cannot be loaded: {error}", hint="install it: sudo apt-get install libportaudio2"
        ) from error
    except Exception as error:  # sounddevice.PortAudioError is not importable when its import failed
        raise NoCardError(f"PortAudio does not start: {error}", hint=SEE_DEVICES) from error
    return sounddevice


_GONE = ("{device} is gone or was never there ({text})", f"plug it in again; {SEE_DEVICES}")

# code -> error, message, what to do next
_EXPLANATIONS: dict[int, tuple[type[AudioError], str, str]] = {
    _DEVICE_UNAVAILABLE: (
        AudioError,
        "{device} is busy: another program holds it",
        "stop that program ('fuser -v /dev/snd/*' names it), or choose another device in [audio]",
    ),
    _INVALID_SAMPLE_RATE: (
        NoCardError,
        "{device} does not run at the rate that was asked for ({text})",
        "leave the rate to the card (audio.rate_hz = 0)",
    ),
    _INVALID_CHANNEL_COUNT: (
        NoCardError,
        "{device} does not have the channels that were asked for ({text})",
        f"choose another device or microphone channel; {SEE_DEVICES}",
    ),
    _INVALID_DEVICE: (NoCardError, *_GONE),
    _BAD_IO_DEVICE_COMBINATION: (NoCardError, *_GONE),
    _SAMPLE_FORMAT_NOT_SUPPORTED: (
        NoCardError,
        "{device} does not take samples of this format ({text})",
        "set audio.format to auto, or choose the 'default' or 'plughw' device, which converts",
    ),
    _UNANTICIPATED_HOST_ERROR: (
        AudioError,
        "{device}: the driver reports: {text}",
        f"unplug and plug it again; {SEE_DEVICES}",
    ),
}


def _explain(code: int, text: str, device: str) -> AudioError:
    kind, message, hint = _EXPLANATIONS.get(code, (AudioError, "{device}: {text}", SEE_DEVICES))
    if code == _DEVICE_UNAVAILABLE and (why := who_holds(device)):
        message, hint = "{device} is busy: " + why.message.replace("{", "{{").replace("}", "}}"), why.hint
    return kind(message.format(device=device, text=text), hint=hint)


@contextlib.contextmanager
def translated(device: str) -> Iterator[None]:
    """PortAudio's errors inside come out as AudioError or NoCardError that name `device`."""
    sd = portaudio()
    try:
        with c_messages_to_log():
            yield
    except sd.PortAudioError as error:
        text = str(error.args[0]) if error.args else "no reason given"
        code = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
        if len(error.args) > 2:  # the host API's own (index, code, text)
            text = f"{text} ({error.args[2][2]})"
        raise _explain(code, text, device) from error
    except ValueError as error:  # sounddevice's own checks: no such device
        raise NoCardError(f"{device}: {error}", hint=SEE_DEVICES) from error
