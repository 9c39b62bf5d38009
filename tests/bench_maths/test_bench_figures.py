"""The maths of the turn-taking benchmarks: percentiles, verdicts decided anew, stable words, memory, CPU."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.conversation import growth, in_fifths
from bench.figures import median, percentiles, ratio, share, show
from bench.processor_time import busy_processes, cpu_s, rss_mb
from bench.stability import Stability, stability
from bench.verdicts import Ending, Look, commit_at, quickly_committed, wrongly_begun


def test_percentiles_are_those_of_the_field() -> None:
    assert percentiles([None, *range(1, 102)]) == {"p50": 51, "p95": 96, "p99": 100, "worst": 101}
    assert percentiles([None]) == {"p50": None, "p95": None, "p99": None, "worst": None}
    assert percentiles([7.4]) == {"p50": 7, "p95": 7, "p99": 7, "worst": 7}


def test_shares_and_ratios_of_nothing_are_nothing() -> None:
    assert share([True, False, False]) == 33.3
    assert share([]) is None
    assert median([None, 3.0, 5.0]) == 4.0
    assert ratio(1400.0, 350.0) == 4.0
    assert ratio(None, 350.0) is None
    assert ratio(1400.0, 0.0) is None


def test_output_as_lines_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    show({"turns": 2, "ttfa_ms": {"p50": 3}}, as_json=False)
    assert capsys.readouterr().out == "turns: 2\nttfa_ms: p50 3\n"
    show({"turns": 2}, as_json=True, rows=[{"a": None}], rows_name="each")
    assert capsys.readouterr().out == '{"each": [{"a": null}], "turns": 2}\n'


def look(at_ms: float, silence_ms: float, wait_ms: float, verdict: str = "wait") -> Look:
    return Look(at_ms, silence_ms, wait_ms, None, "open", verdict)


#: the voice ended 50 ms after the speech; 600 ms were to be waited for, then only 250
LOOKS = (look(180, 130, 600), look(300, 250, 250, "commit"))


@pytest.mark.parametrize(
    ("patience", "at_ms"),
    [
        (1.0, 300),  # as it was
        (0.1, 180),  # no sooner than the first look
        (0.3, 50 + 180),  # before the second look
        (2.0, 50 + 500),  # as things looked last
    ],
)
def test_more_or_less_patience(patience: float, at_ms: float) -> None:
    assert commit_at(LOOKS, patience) == pytest.approx(at_ms)


def test_without_looks_nothing_can_be_decided_anew() -> None:
    ending = Ending("a", (640.0,), 700.0, ())
    assert commit_at(()) is None
    assert ending.commit_ms(0.1) == 640.0
    assert ending.sound_ms(0.1) == 700.0


def test_an_ending_moves_as_a_whole() -> None:
    ending = Ending("a", (310.0,), 360.0, LOOKS)  # the commit came 10 ms after the decision
    assert ending.commit_ms() == 310.0
    assert ending.commit_ms(2.0) == pytest.approx(560.0)
    assert ending.sound_ms(2.0) == pytest.approx(610.0)
    assert quickly_committed(ending, 500)
    assert not quickly_committed(ending, 500, patience=2.0)
    assert wrongly_begun(ending, 400)
    assert not wrongly_begun(ending, 400, patience=2.0)


def test_of_two_turns_the_first_is_heard_and_the_last_is_the_answer() -> None:
    """Answered in a pause at -500 ms, and then for good."""
    looks = (look(-570, 130, 200), look(-500, 200, 200, "commit"), look(300, 250, 250, "commit"))
    ending = Ending("a", (-500.0, 300.0), -450.0, looks)
    assert ending.commit_ms(2.0) == pytest.approx(50 + 500)
    assert ending.sound_ms(2.0) == pytest.approx(-700 + 400 + 50)
    assert not quickly_committed(ending, 500)
    assert quickly_committed(Ending("a", (-500.0, 300.0), 10.0, looks), 500)


def test_cut_off_is_not_quickly_committed_and_silence_is_no_answer() -> None:
    assert not quickly_committed(Ending("a", (-400.0, 200.0), -350.0, ()), 500)
    assert not quickly_committed(Ending("a", (), None, ()), 500)
    assert not wrongly_begun(Ending("a", (), None, ()), 800)


@given(st.lists(st.tuples(st.floats(1, 300), st.floats(1, 2000)), min_size=1, max_size=6))
def test_who_is_more_patient_never_commits_sooner(steps: list[tuple[float, float]]) -> None:
    looks, silence = [], 0.0
    for step, wait in steps:
        silence += step
        looks.append(look(silence, silence, wait))
    times = [commit_at(looks, p) for p in (0.1, 0.5, 1.0, 1.5, 3.0)]
    assert times == sorted(times)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("stable", "final", "expected"),
    [
        (["turn", "turn on", "turn on the"], "Turn on the lamp.", Stability(3, 0, 0)),
        (["turn", "turn off"], "turn on the lamp", Stability(2, 1, 1)),
        (["turn on", "burn on the"], "burn on the lamp", Stability(4, 1, 2)),
        (["turn it off now", "turn off now"], "turn off now please", Stability(4, 1, 3)),
        (["turn the lamp on"], "turn on the lamp on", Stability(4, 0, 3)),
        (["turn on"], "", Stability(2, 2, 2)),
        (["", ""], "turn on", Stability(0, 0)),
        ([], "turn on", Stability(0, 0)),
    ],
)
def test_words_that_were_taken_back(stable: list[str], final: str, expected: Stability) -> None:
    assert stability(stable, final) == expected


def test_share_of_words_taken_back() -> None:
    assert (Stability(150, 1) + Stability(50, 1)).percent == 1.0
    assert Stability().percent is None


def test_memory_growth_begins_behind_the_warm_up() -> None:
    held_mb = [100.0, 150.0, *[200.0, 290.0, 199.0, 201.0, 200.0], *[203.0] * 20, *[204.0, 300.0, 203.0, 204.0, 205.0]]
    assert growth(held_mb, warm=3)["memory_growth_percent"] == 2.0
    assert growth(held_mb[:7], warm=3)["memory_growth_percent"] is None


@pytest.mark.parametrize(("each", "letters"), [(2, "ababababab"), (4, "abcaabcaabcaabcaabca"), (3, "abc" * 5)])
def test_every_fifth_of_a_conversation_says_the_same(each: int, letters: str) -> None:
    assert "".join(in_fifths("abc", each)) == letters  # type: ignore[arg-type]


def test_cpu_time_counts_work_and_not_sleep() -> None:
    before = cpu_s()
    time.sleep(0.05)
    slept = cpu_s() - before
    while cpu_s() - before < slept + 0.05:
        pass
    assert rss_mb() > 5


_PEAK = "from bench.processor_time import peak_rss_mb, rss_mb; print(peak_rss_mb() - rss_mb())"


def test_the_peak_is_that_of_the_process_and_not_of_who_began_it() -> None:
    """What getrusage tells is handed on to a program that is begun: a child of pytest had 1,233 MB."""
    held = bytearray(100 << 20)
    held[::4096] = b"x" * (len(held) // 4096)  # until they are written to there are no pages
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run([sys.executable, "-c", _PEAK], cwd=root, capture_output=True, text=True, check=True).stdout
    assert len(held) > 0
    assert 0 <= float(told) < 50


def test_busy_processes_are_there_and_then_gone() -> None:
    with busy_processes(2) as ids:
        assert len(ids) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in ids)
    for pid in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_busy_processes_end_with_what_they_load() -> None:
    with pytest.raises(RuntimeError, match="the bench failed"), busy_processes(1) as ids:
        raise RuntimeError("the bench failed")
    with pytest.raises(ProcessLookupError):
        os.kill(ids[0], 0)
