"""When does a new release count as healthy?"""

from hypothesis import given
from hypothesis import strategies as st

from device.update.health import HEALTHY, WAITING, HealthWatch


def course(*seen: tuple[float, str, int, bool]) -> str:
    watch = HealthWatch(within_s=60, for_s=10)
    said = WAITING
    for t_s, active, process, answers in seen:
        said = watch.seen(t_s, active, process, answers)
        if said != WAITING:
            break
    return said


def test_up_and_answering_for_long_enough() -> None:
    assert course((0, "activating", 7, False), (5, "active", 7, True), (14, "active", 7, True)) == WAITING
    assert course((0, "activating", 7, False), (5, "active", 7, True), (15, "active", 7, True)) == HEALTHY


def test_failed_is_known_at_once() -> None:
    assert course((0, "activating", 7, False), (1, "failed", 0, False)) == "it failed"
    assert course((0, "inactive", 0, False)) == "it has ended"


def test_one_that_is_started_again_and_again_is_not_up() -> None:
    seen = [(float(t), "active", 100 + t // 5, True) for t in range(61)]
    assert course(*seen) == "it was restarted 12 times within 60 s"


def test_one_that_never_answers() -> None:
    assert course((0, "active", 7, False), (60, "active", 7, False)) == (
        "it does not answer at its control socket within 60 s"
    )


def test_one_that_is_activating_for_ever() -> None:
    assert course((0, "activating", 7, False), (60, "activating", 7, False)) == "it was not up within 60 s"


def test_an_answer_that_is_missed_begins_the_wait_anew() -> None:
    assert course((0, "active", 7, True), (9, "active", 7, False), (11, "active", 7, True)) == WAITING


@given(
    st.lists(
        st.tuples(st.sampled_from(["active", "activating", "unknown"]), st.integers(0, 3), st.booleans()), max_size=80
    )
)
def test_there_is_a_verdict_in_the_end_and_it_is_not_healthy_without_ten_good_seconds(
    seen: list[tuple[str, int, bool]],
) -> None:
    watch = HealthWatch(within_s=60, for_s=10)
    good: list[tuple[str, int, bool]] = []
    for t_s, (active, process, answers) in enumerate(seen):
        verdict = watch.seen(float(t_s), active, process, answers)
        good.append((active, process, answers))
        if verdict == HEALTHY:
            assert all(active == "active" and answers for active, _, answers in good[-11:])
            assert len(good) >= 11
            assert len({process for _, process, _ in good[-11:] if process}) <= 1
            return
        if verdict != WAITING:
            assert t_s >= 60
            return
    assert len(seen) <= 70
