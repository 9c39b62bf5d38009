"""Where the threads of the models run, as the kernel has it, in a process of its own."""

import json
import os
from typing import Any

import onnx
import pytest
from own_process import ran

from models import cores

_ALLOWED = sorted(os.sched_getaffinity(0))
two_cores = pytest.mark.skipif(len(_ALLOWED) < 2, reason="one core: there is nothing to choose")

_BEGIN = """
import ctypes, json, os, sys, threading, time
os.sched_setaffinity(0, {allowed})

def tasks():
    return set(map(int, os.listdir('/proc/self/task')))

def where(tids):
    return sorted(sorted(os.sched_getaffinity(tid)) for tid in tids)

def seen(work):
    # cores of the thread that did `work` and of those that came with it
    found = []
    before = tasks()
    def run():
        work()
        me = threading.get_native_id()
        found.extend([sorted(os.sched_getaffinity(me)), where(tasks() - before - {{me}})])
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found

def openmp(threads):
    # each of the threads calls abs(0)
    library = ctypes.CDLL('libgomp.so.1')
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    nothing = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p)
    library.GOMP_parallel(nothing, None, threads, 0)

import models.process
from models import cores
"""


def _told(script: str, allowed: list[int], **variables: str) -> Any:
    return json.loads(ran(_BEGIN.format(allowed=set(allowed)) + script, **variables).stdout)


@two_cores
def test_who_calls_an_openmp_model_has_the_first_core_and_its_helper_the_other() -> None:
    first, second = _ALLOWED[:2]
    script = "print(json.dumps([seen(lambda: openmp(2)), seen(lambda: openmp(2))]))"
    assert _told(script, [first, second]) == [[[first], [[second]]]] * 2


@two_cores
def test_the_thread_that_loads_a_runtime_and_programs_that_we_start_are_not_bound() -> None:
    both = _ALLOWED[:2]
    script = (
        "print(json.dumps([sorted(os.sched_getaffinity(0)),"
        " [name for name in os.environ if name in ('OMP_PROC_BIND', 'OMP_PLACES')]]))"
    )
    assert _told(script, both) == [both, []]


@two_cores
def test_who_calls_onnx_runtime_has_the_first_core_and_its_helper_the_other(tmp_path: Any) -> None:
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["a"], ["b"])], "g", value[:1], value[1:])
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    path = tmp_path / "neg.onnx"
    path.write_bytes(model.SerializeToString())
    first, second = _ALLOWED[:2]
    script = (
        "from pathlib import Path\n"
        "from models.onnx import open_session\n"
        "before = tasks()\n"
        f"session = open_session(Path({str(path)!r}), threads=2)\n"
        "end_s = time.monotonic() + 20\n"  # a helper binds itself, once it runs
        f"while where(tasks() - before) != [[{second}]] and time.monotonic() < end_s: time.sleep(0.01)\n"
        "print(json.dumps([where(tasks() - before), seen(cores.lead)[0], sorted(os.sched_getaffinity(0))]))"
    )
    assert _told(script, [first, second]) == [[[second]], [first], [first, second]]


@two_cores
@pytest.mark.parametrize("variables", [{"OMP_PROC_BIND": "false"}, {"GOMP_CPU_AFFINITY": "{first} {second}"}])
def test_whoever_tells_openmp_where_to_run_has_the_last_word(variables: dict[str, str]) -> None:
    first, second = _ALLOWED[:2]
    said = {name: value.format(first=first, second=second) for name, value in variables.items()}
    script = "print(json.dumps([list(cores.CORES), cores.helpers(2), sorted(os.environ)]))"
    bound, helpers, environment = _told(script, [first, second], **said)
    assert (bound, helpers) == ([], "")
    assert set(said) <= set(environment)


def test_on_one_core_nothing_is_bound() -> None:
    script = "cores.lead(); print(json.dumps([list(cores.CORES), cores.helpers(2), seen(lambda: openmp(2))[0]]))"
    assert _told(script, _ALLOWED[:1]) == [[], "", _ALLOWED[:1]]


def test_helpers_are_counted_from_one_and_have_the_cores_behind_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "CORES", (0, 2, 3, 5))
    assert [cores.helpers(threads) for threads in range(1, 6)] == ["", "3", "3;4", "3;4;6", ""]
    monkeypatch.setattr(cores, "CORES", ())
    assert cores.helpers(2) == ""


def test_a_core_that_was_taken_away_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(cores, "CORES", (4000, 4001))
    cores.lead()
    assert os.sched_getaffinity(0) == before


@two_cores
def test_where_a_sandbox_forbids_it_nothing_is_bound() -> None:
    """Also a service whose list of system calls lacks this one starts, and its models work."""
    script = (
        "def forbidden(*_): raise PermissionError(1, 'Operation not permitted')\n"
        "os.sched_setaffinity = forbidden\n"
        "import importlib\n"
        "importlib.reload(cores).bind_openmp()\n"
        "cores.lead()\n"
        "print(json.dumps([list(cores.CORES), cores.helpers(2)]))"
    )
    assert _told(script, _ALLOWED[:2]) == [[], ""]
