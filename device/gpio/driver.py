"""The module RPi.GPIO, whoever provides it, and what its errors mean.

    gpio = driver("gpio.mute_pin"); gpio.setup(5, gpio.IN)

RPi.GPIO (kernels before 6.6), rpi-lgpio (every other Pi) and Jetson.GPIO share an interface, but neither their errors
nor the moment they find out that this is no such board. `key` is the key of the configuration that a message sends
people to.
"""

from typing import Any

from device.errors import ButtonError


def driver(key: str) -> Any:
    """The module, set to BCM numbers. Raises ButtonError."""
    try:
        from RPi import GPIO  # noqa: PLC0415 - importing it fails on machines without GPIO

        GPIO.setwarnings(False)
        GPIO.setmode(GPIO.BCM)
    except ImportError as error:
        raise ButtonError(
            f"no GPIO driver is installed ({error})",
            hint=f"run ./install.sh on the device, or remove {key} from the configuration",
        ) from error
    except Exception as error:  # drivers raise RuntimeError, NotImplementedError, bare Exception, their own
        if "gpiochip" in str(error):
            raise ButtonError(f"GPIO cannot be used: {one_line(error)}", hint=NO_PERMISSION) from error
        raise ButtonError(
            f"the GPIO driver does not work on this machine: {one_line(error)}",
            hint="install the driver that fits it (./install.sh does), start where you may write, "
            f"or remove {key} from the configuration",
        ) from error
    return GPIO


NO_PERMISSION = (
    "add yourself to the group gpio ('sudo usermod -aG gpio $USER'), log in again; see 'ls -l /dev/gpiochip*'"
)


def refused(what: str, key: str, error: Exception) -> ButtonError:
    """What a driver's error means for `what` ("the button on GPIO 17"). Their classes differ, their words less so."""
    reason = one_line(error)
    words = reason.lower()
    if "busy" in words or "in use" in words or "different mode" in words:
        hint = f"another program has it: stop that, or choose another {key}"
    elif isinstance(error, PermissionError) or "access" in words or "permission" in words or "gpiochip" in words:
        hint = NO_PERMISSION
    elif "peripheral base" in words or "edge detection" in words:
        hint = "RPi.GPIO does not work with this board or kernel: ./install.sh chooses the driver that does"
    elif isinstance(error, ValueError):
        hint = f"{key} is a BCM number, 0 to 27 on the 40-pin header"
    else:
        hint = f"check {key} and its wiring"
    return ButtonError(f"{what} cannot be used: {reason}", hint=hint)


def one_line(error: Exception) -> str:
    """An error's own words."""
    text = " ".join(str(error).strip("'\"").split()).rstrip(".!")
    return text or type(error).__name__
