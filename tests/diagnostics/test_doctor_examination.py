"""Checks that raise, hang or cannot be tried are findings, in their order."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from healthy_device import HealthyDevice

from device.diagnostics.doctor.checks import CHECKS
from device.diagnostics.doctor.examination import Check, Examination
from device.diagnostics.doctor.finding import Finding, failed, ok, warning, worst
from device.diagnostics.doctor.probe import Probe
from device.errors import NearfieldError, UsageError
from models.errors import ModelError


def probe(tmp_path: Path) -> Probe:
    return HealthyDevice(tmp_path).probe()


def check(name: str, look: Callable[[Probe], Finding], *needs: str, limit_s: float = 5.0) -> Check:
    return Check(name, "", look, needs, limit_s, "it is mute")


def well(name: str) -> Callable[[Probe], Finding]:
    return lambda _probe: ok(name, "well")


def raising(error: Exception) -> Callable[[Probe], Finding]:
    def look(_probe: Probe) -> Finding:
        raise error

    return look


@pytest.mark.parametrize("kind", [NearfieldError, ModelError])
def test_our_errors_say_what_mends_them(tmp_path: Path, kind: Callable[..., Exception]) -> None:
    checks = [check("card", raising(kind("it is busy", hint="end the other")))]
    (finding,) = Examination(checks, probe(tmp_path)).run()
    assert (finding.level, finding.what, finding.means, finding.mend) == (
        "failed", "it is busy", "it is mute", "end the other",
    )  # fmt: skip


def test_an_error_that_nobody_foresaw_is_a_finding_too(tmp_path: Path) -> None:
    checks = [check("a", raising(ZeroDivisionError("by nought"))), check("b", well("b"))]
    first, second = Examination(checks, probe(tmp_path)).run()
    assert first.level == "failed"
    assert "ZeroDivisionError" in first.what
    assert "--bundle" in first.mend
    assert second.level == "ok"


def test_what_this_user_may_not_look_at_is_no_mistake_of_the_program(tmp_path: Path) -> None:
    checks = [check("disk", raising(PermissionError(13, "Permission denied", "/var/lib/nearfield/x")))]
    (finding,) = Examination(checks, probe(tmp_path)).run()
    assert finding.level == "failed"
    assert finding.what == "this user may not look at /var/lib/nearfield/x"
    assert "sudo" in finding.mend
    assert "--only 'disk'" in finding.mend


def test_a_check_that_hangs_is_left_behind(tmp_path: Path) -> None:
    for_ever = threading.Event()

    def hang(_probe: Probe) -> Finding:
        for_ever.wait(30)
        return ok("a", "")

    examination = Examination([check("a", hang, limit_s=0.05), check("b", well("b"))], probe(tmp_path))
    first, second = examination.run()
    for_ever.set()
    assert (first.level, second.level) == ("failed", "ok")
    assert "no answer" in first.what
    assert examination.hung


def test_what_needs_a_failed_one_names_the_first_cause(tmp_path: Path) -> None:
    bad = check("groups", lambda _p: failed("groups", "no", means="m", mend="x"))
    checks = [bad, check("card", well("card"), "groups"), check("microphone", well("microphone"), "card")]
    _, card, microphone = Examination(checks, probe(tmp_path)).run()
    assert (card.level, microphone.level) == ("not tried", "not tried")
    assert "'groups'" in card.what
    assert "'groups'" in microphone.what


def test_a_warning_keeps_nobody_from_trying(tmp_path: Path) -> None:
    weak = check("power", lambda _p: warning("power", "weak", means="m", mend="x"))
    assert [f.level for f in Examination([weak, check("card", well("card"), "power")], probe(tmp_path)).run()] == [
        "warning",
        "ok",
    ]


def test_one_check_alone_is_tried_without_what_it_needs(tmp_path: Path) -> None:
    checks = [check("a", raising(ValueError())), check("b", well("b"), "a")]
    assert [f.level for f in Examination(checks, probe(tmp_path), only=["b"]).run()] == ["ok"]


def test_an_unknown_check_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mirophone") as caught:
        Examination(CHECKS, probe(tmp_path), only=["mirophone"])
    assert "microphone" in caught.value.hint


def test_quick_leaves_out_what_computes(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        quick = set(device.examine(quick=True))
    assert {c.name for c in CHECKS} - quick == {"speech", "turn"}


def test_checks_need_only_what_stands_before_them() -> None:
    seen: set[str] = set()
    for each in CHECKS:
        assert set(each.needs) <= seen, each.name
        seen.add(each.name)


def test_of_several_findings_the_gravest_counts_and_the_others_are_told() -> None:
    weak = warning("models", "old", means="m", mend="renew it")
    bad = failed("models", "gone", means="m", mend="pull it")
    found = worst([ok("models", "whole"), weak, bad])
    assert (found.level, found.what) == ("failed", "gone")
    assert found.more == ("old (renew it)",)


def test_nothing_of_the_device_is_changed(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        before = {p: p.stat().st_mtime_ns for p in device.state.rglob("*") if not p.name.endswith(("-shm", "-wal"))}
        device.examine()
        after = {p: p.stat().st_mtime_ns for p in device.state.rglob("*") if not p.name.endswith(("-shm", "-wal"))}
    del before[device.state_home], after[device.state_home]  # the trial of whether it can be written
    assert after == before
