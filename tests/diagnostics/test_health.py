"""What the kernel's files say of heat and throttling: on trees of files as the boards have them."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.diagnostics.health import Health, HealthReader, HealthWatch

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def zone(number: int, kind: str, milli_c: str) -> dict[str, str]:
    base = f"sys/class/thermal/thermal_zone{number}"
    return {f"{base}/type": kind + "\n", f"{base}/temp": milli_c + "\n"}


def raspberry_pi(flags: str, milli_c: str = "61200") -> dict[str, str]:
    return {**zone(0, "cpu-thermal", milli_c), FIRMWARE: flags + "\n"}


@pytest.mark.parametrize(
    ("flags", "throttled", "power_low"),
    [
        ("0", False, False),
        ("50000", False, False),  # was weak and was throttled, but is not now
        ("50005", True, True),
        ("1", False, True),
        ("2", True, False),
        ("80008", True, False),  # soft temperature limit
    ],
)
def test_a_raspberry_pi(tmp_path: Path, flags: str, throttled: bool, power_low: bool) -> None:
    reader = HealthReader(tree(tmp_path, raspberry_pi(flags)))
    assert reader.read() == Health(61.2, throttled, power_low, None)


def test_a_newer_board_keeps_its_flags_elsewhere(tmp_path: Path) -> None:
    files = {"sys/devices/platform/soc:firmware/get_throttled": "4\n"}
    assert HealthReader(tree(tmp_path, files)).read().throttled is True


def test_a_jetson_has_many_zones_and_one_that_lies(tmp_path: Path) -> None:
    files = {
        **zone(0, "cpu-thermal", "52000"),
        **zone(1, "gpu-thermal", "88000"),
        **zone(2, "tj-thermal", "57500"),
        **zone(3, "PMIC-Die", "100000"),
        "sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0\n",
        "sys/class/thermal/cooling_device0/cur_state": "0\n",
        "sys/class/thermal/cooling_device1/type": "pwm-fan\n",
        "sys/class/thermal/cooling_device1/cur_state": "3\n",
    }
    reader = HealthReader(tree(tmp_path, files))
    assert reader.read() == Health(57.5, False, None, None), "a fan that turns is no throttling"
    tree(tmp_path, {"sys/class/thermal/cooling_device0/cur_state": "2\n"})
    assert reader.read().throttled is True


def test_pressure(tmp_path: Path) -> None:
    text = "some avg10=12.50 avg60=3.00 avg300=0.73 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert HealthReader(tree(tmp_path, {"proc/pressure/cpu": text})).read() == Health(None, None, None, 12.5)


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    assert HealthReader(tmp_path).read() == Health(None, None, None, None)


def test_a_zone_that_goes_away_or_answers_with_nonsense(tmp_path: Path) -> None:
    reader = HealthReader(tree(tmp_path, {**zone(0, "cpu-thermal", "50000"), **zone(1, "cpu-thermal", "999999999")}))
    assert reader.read().temperature_c == 50.0
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").unlink()
    assert reader.read().temperature_c is None


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=80))
def test_whatever_is_in_the_files(
    tmp_path_factory: pytest.TempPathFactory, heat: bytes, flags: bytes, pressure: bytes
) -> None:
    root = tree(tmp_path_factory.mktemp("any"), {**raspberry_pi("0"), "proc/pressure/cpu": ""})
    (root / "sys/class/thermal/thermal_zone0/temp").write_bytes(heat)
    (root / FIRMWARE).write_bytes(flags)
    (root / "proc/pressure/cpu").write_bytes(b"some avg10=" + pressure)
    health = HealthReader(root).read()
    assert health.temperature_c is None or -40 <= health.temperature_c <= 150


def test_this_machine_can_be_asked() -> None:
    health = HealthReader().read()
    assert health.temperature_c is None or -40 <= health.temperature_c <= 150


def test_it_is_told_again_and_again_until_the_end(tmp_path: Path) -> None:
    told: list[Health] = []
    twice = threading.Event()

    def on_health(health: Health) -> None:
        told.append(health)
        if len(told) == 2:
            twice.set()

    with HealthWatch(on_health, HealthReader(tree(tmp_path, raspberry_pi("0"))), interval_s=0.01) as watch:
        assert twice.wait(20)
    count = len(told)
    assert watch._thread is not None
    assert not watch._thread.is_alive()
    assert len(told) == count
    assert told[0].temperature_c == 61.2


def test_where_there_is_nothing_to_tell_no_thread_is_started(tmp_path: Path) -> None:
    with HealthWatch(lambda _: None, HealthReader(tmp_path), interval_s=0.01) as watch:
        assert watch._thread is None
