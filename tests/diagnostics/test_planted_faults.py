"""Each fault gives its finding and its command, and nothing else goes red because of it."""

from pathlib import Path

import pytest
from device_fault import Fault, verdict
from faulty_device import FAULTS
from healthy_device import HealthyDevice

from device.diagnostics.doctor import running
from device.diagnostics.doctor.checks import CHECKS
from device.diagnostics.doctor.finding import Finding


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    with HealthyDevice(tmp_path_factory.mktemp("healthy")) as device:
        return device.examine()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_ANSWER_S", 0.3)  # of the one that hangs


def test_a_device_that_is_well(healthy: dict[str, Finding]) -> None:
    assert {name: (f.level, f.what) for name, f in healthy.items() if f.level != "ok"} == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_found_with_what_mends_it(fault: Fault, healthy: dict[str, Finding], tmp_path: Path) -> None:
    # loading all skills takes a quarter of a second, and concerns one fault
    checks = [check for check in CHECKS if check.name != "skills" or fault.check == "skills"]
    with HealthyDevice(tmp_path) as device:
        fault.plant(device)
        after = device.examine(checks)
    assert verdict(fault, healthy, after) == ""


def test_there_are_enough_of_them() -> None:
    assert len({fault.name for fault in FAULTS}) >= 25
