"""What the built-in skills borrow from the appliance, by `Services.get`.

    context.services.get(DeviceControls).set_volume_percent(40)

Protocols, so that skills know neither cards nor sensors; whoever puts the appliance together registers what fulfils
them. A skill whose service is missing says that it cannot do that here. (`TimerDesk` is in `device.skills.timers`.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from device.skills.skill import Services, SkillError

_T = TypeVar("_T")


class DeviceControls(Protocol):
    """Mute and volume; `device.controls.Controls` is one."""

    @property
    def volume_percent(self) -> int:
        """0 (silent) to 100."""
        ...

    def set_volume_percent(self, percent: int) -> None:
        """0 is silent. Raises ValueError outside 0 to 100."""
        ...

    def louder(self) -> None:
        """A step."""
        ...

    def softer(self) -> None:
        """A step."""
        ...

    @property
    def muted(self) -> bool:
        """Is the microphone muted?"""
        ...

    def mute(self, muted: bool) -> None:
        """Mute the microphone, or open it."""
        ...


class ConversationMemory(Protocol):
    """The newest of the conversation; the turn in which it is asked does not count."""

    def last_heard(self) -> str | None:
        """What the user said last, as it was understood."""
        ...

    def last_said(self) -> str | None:
        """What was said last, as far as it was heard."""
        ...


class SkillCatalog(Protocol):
    """What is loaded."""

    def names(self) -> Sequence[str]:
        """Of the skills that may be used now."""
        ...


@dataclass(frozen=True, slots=True)
class Board:
    """None: this machine does not say."""

    temperature_c: float | None = None
    throttled: bool | None = None
    power_low: bool | None = None
    memory_free_percent: float | None = None
    disk_free_bytes: int | None = None
    uptime_s: float | None = None
    interface: str | None = None  #: "wlan0", where a way into the network is; "" there is none
    address: str | None = None


class DeviceStatus(Protocol):
    """How the machine is; `device.diagnostics.board.BoardReader` is one."""

    @property
    def version(self) -> str:
        """Of the program."""
        ...

    def read(self) -> Board:
        """Now. A few milliseconds; raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Customs:
    """How times are said here, and how the user ends what cannot be ended by voice."""

    clock_hours: int = 12  #: 12 or 24
    unmute: str = "Press the mute button to turn it on again."


def customs(services: Services) -> Customs:
    """Those of this device, or the usual ones."""
    return optional(services, Customs) or Customs()


def optional(services: Services, kind: type[_T]) -> _T | None:
    """None: there is none here."""
    try:
        return services.get(kind)
    except SkillError:
        return None
