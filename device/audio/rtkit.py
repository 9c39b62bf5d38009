"""Real-time priority from rtkit, the system service that hands it out to programs that may not take it themselves.

    offer = rtkit.offer()                              # raises RtkitError: why there is none
    granted = rtkit.make_realtime(thread_id, 40)       # the priority it got, at most offer.priority

rtkit asks for a limit on the time that a real-time thread may compute without once waiting (RLIMIT_RTTIME): past the
soft limit the kernel sends SIGXCPU, past the hard one it ends the process. The driver's thread of a lost card can spin
for ever, so whoever asks should catch that signal and take the priority back (`priority.py` does).
"""

import queue
import resource
import threading
from dataclasses import dataclass
from typing import Any

_NAME, _PATH = "org.freedesktop.RealtimeKit1", "/org/freedesktop/RealtimeKit1"
_TIMEOUT_S = 2.0  #: a call; the bus may have to start the service first


class RtkitError(Exception):
    """No priority from rtkit; the message says why, for the log and for `why_not`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the service gives, and what it asks for."""

    priority: int  #: the highest, of SCHED_RR
    rttime_us: int  #: the highest RLIMIT_RTTIME it accepts


def offer() -> Offer:
    """Ask without changing anything; starts the service where the bus can. Raises RtkitError."""
    # microseconds and priority are signed here and unsigned in the call: so the service has them
    return Offer(int(_property("MaxRealtimePriority")), int(_property("RTTimeUSecMax")))


def make_realtime(thread_id: int, priority: int) -> int:
    """Give a thread of this process `priority`, or the highest there is; returns it. Limits RLIMIT_RTTIME for good.

    Raises RtkitError.
    """
    there_is = offer()
    granted = min(priority, there_is.priority)
    _limit(there_is.rttime_us)
    _call(_NAME, "MakeThreadRealtime", "tu", (thread_id, granted))
    return granted


def _limit(most_us: int) -> None:
    """SIGXCPU at half the time that is allowed, so that a handler has the other half."""
    limits = resource.getrlimit(resource.RLIMIT_RTTIME)
    soft, hard = (most_us if each == resource.RLIM_INFINITY else min(each, most_us) for each in limits)
    resource.setrlimit(resource.RLIMIT_RTTIME, (min(soft, hard // 2), hard))


def _property(name: str) -> Any:
    (_, value), *_ = _call("org.freedesktop.DBus.Properties", "Get", "ss", (_NAME, name))
    return value


def _call(interface: str, method: str, signature: str, body: tuple[object, ...]) -> Any:
    """The body of the reply, or RtkitError. In a thread of its own: the library greets a bus without a time limit."""
    replies: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            replies.put(_answer(interface, method, signature, body))
        except RtkitError as error:
            replies.put(error)

    threading.Thread(target=ask, name="ask-rtkit", daemon=True).start()
    try:
        reply = replies.get(timeout=_TIMEOUT_S)
    except queue.Empty:
        raise RtkitError("rtkit does not answer") from None
    if isinstance(reply, RtkitError):
        raise reply
    return reply


def _answer(interface: str, method: str, signature: str, body: tuple[object, ...]) -> Any:
    try:
        from jeepney import DBusAddress, DBusErrorResponse, new_method_call  # noqa: PLC0415  only where it is needed
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415
        from jeepney.wrappers import unwrap_msg  # noqa: PLC0415
    except ImportError as error:
        raise RtkitError("rtkit cannot be asked: the package jeepney is missing") from error
    message = new_method_call(DBusAddress(_PATH, _NAME, interface), method, signature, body)
    try:
        with open_dbus_connection("SYSTEM", auth_timeout=_TIMEOUT_S) as bus:
            return unwrap_msg(bus.send_and_get_reply(message, timeout=_TIMEOUT_S))
    except DBusErrorResponse as error:
        raise RtkitError(f"rtkit says: {error.data[0] if error.data else error.name}") from error
    except (OSError, RuntimeError, ValueError) as error:  # an AuthenticationError is a ValueError
        raise RtkitError(f"there is no system D-Bus to reach rtkit ({error})") from error
