"""Runs the checks in order: one that raises or hangs is a finding like any other.

for finding in Examination(CHECKS, probe).run(): print(finding.level, finding.what)
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from device.diagnostics.doctor.finding import Finding, failed, not_tried
from device.diagnostics.doctor.probe import Probe
from device.errors import NearfieldError, UsageError
from models.errors import ModelError


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the device."""

    name: str
    asks: str  #: for --list, and for docs/doctor.md
    look: Callable[[Probe], Finding]
    needs: tuple[str, ...] = ()  #: checks without whose good end there is nothing to look at
    limit_s: float = 5.0
    #: What follows when `look` raises one of our errors, which says what happened and what mends it.
    means: str = "the assistant fails in the same way"
    thorough: bool = False  #: takes seconds and computing: left out by --quick


class Examination:
    """Of one device; `run` once."""

    def __init__(
        self, checks: Sequence[Check], probe: Probe, *, only: Collection[str] = (), quick: bool = False
    ) -> None:
        """`only`: names; all if empty. What they need and is not among them counts as well. Raises UsageError."""
        names = [check.name for check in checks]
        if unknown := [name for name in only if name not in names]:
            raise UsageError(f"there is no check {unknown[0]!r}", hint=f"there is: {', '.join(names)}")
        self._checks = [c for c in checks if (c.name in only if only else not (quick and c.thorough))]
        self._probe = probe
        self.took_ms: dict[str, float] = {}
        #: Does a check still run, which cannot be ended? Then the process may not wait for its threads.
        self.hung = False

    def run(self) -> Iterator[Finding]:
        """In order, as they come. Raises nothing."""
        ailing: dict[str, str] = {}  # check -> the one that it goes back to
        for check in self._checks:
            cause = next((ailing[name] for name in check.needs if name in ailing), None)
            began_s = time.monotonic()
            finding = not_tried(check.name, f"of '{cause}'") if cause else self._look(check)
            self.took_ms[check.name] = round(1000 * (time.monotonic() - began_s), 1)
            if finding.level in ("failed", "not tried"):
                ailing[check.name] = cause or check.name
            yield finding

    def _look(self, check: Check) -> Finding:
        """In a thread of its own: drivers hang, and so do disks."""
        answers: queue.SimpleQueue[Finding] = queue.SimpleQueue()
        thread = threading.Thread(
            target=lambda: answers.put(_found(check, self._probe)), name=f"doctor-{check.name}", daemon=True
        )
        thread.start()
        try:
            return answers.get(timeout=check.limit_s)
        except queue.Empty:
            self.hung = True
            return failed(
                check.name,
                f"no answer within {check.limit_s:.0f} s",
                means="a driver, a disk or a program hangs there, or the machine is far behind",
                mend="look for the cause with 'dmesg | tail' and 'top'; or restart the device: sudo reboot",
            )


def _found(check: Check, probe: Probe) -> Finding:
    try:
        return check.look(probe)
    except (NearfieldError, ModelError) as error:
        mend = error.hint or f"see 'nearfield doctor --only {check.name}' and docs/doctor.md"
        return failed(check.name, error.message, means=check.means, mend=mend)
    except PermissionError as error:
        return failed(
            check.name,
            f"this user may not look at {error.filename or 'it'}",
            means="nothing can be said about it, and an assistant of this user cannot use it",
            mend=f"as the assistant's user, or: sudo nearfield doctor --only '{check.name}'",
        )
    except Exception as error:  # noqa: BLE001 - whatever a broken machine makes of a check, it is a finding
        return failed(
            check.name,
            f"the check itself failed: {type(error).__name__}: {error}",
            means="this says nothing about the device",
            mend="report it with the archive of: nearfield doctor --bundle report.tar.gz",
        )
