"""What a planted fault is, and whether the doctor found it as it should.

fault.plant(device)
assert verdict(fault, before, device.examine()) == ""
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from healthy_device import HealthyDevice

from device.diagnostics.doctor.finding import Finding


@dataclass(frozen=True)
class Fault:
    """`check` must become `level`, its command must hold `mend`, and nothing else may be worse than before."""

    name: str
    plant: Callable[[HealthyDevice], None]
    check: str
    level: str
    mend: str
    says: str = ""  #: in what was found


def verdict(fault: Fault, before: Mapping[str, Finding], after: Mapping[str, Finding]) -> str:
    """What is not as it should be; "" when all is."""
    found = after[fault.check]
    if found.level != fault.level:
        return f"'{fault.check}' is {found.level} and not {fault.level}: {found.what}"
    if fault.mend not in found.mend:
        return f"its command is {found.mend!r}, without {fault.mend!r}"
    if fault.says not in found.what:
        return f"it says {found.what!r}, without {fault.says!r}"
    if not found.means:
        return "it does not say what that means"
    red = [
        f"{name}: {finding.what}"
        for name, finding in after.items()
        if name != fault.check and finding.level in ("warning", "failed") and before[name].level != finding.level
    ]
    return f"red as well: {'; '.join(red)}" if red else ""
