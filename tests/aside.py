"""Some tests in a second process at the same time, and then, alone, those that keep real time.

    python -m pytest --two-at-a-time

A test run is as long as its tests are, one after the other, and one core idles. With this option what ASIDE names runs
in a process of its own while the others run here. What ALONE names comes last, when that has ended: it holds real time,
and another process beside it could be what fails it. The reports of the second process are counted and told here as if
the tests had run here: one summary, one exit status.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

#: Folders, and files of folders: decisions, arithmetic, files and sockets. No real time, and hardly any models: those
#: are loaded once, in the other process.
ASIDE = frozenset(
    "bench_maths cli config control controls dsp gpio home house models_store personas session skills telemetry "
    "audio_portaudio/test_drift.py audio_portaudio/test_two_cards.py program/test_bad_input.py".split()
)
#: In real time, the whole program, or a sound card. What ASIDE names is not meant.
ALONE = frozenset("audio_portaudio audio_recovery converse/test_soak_run.py program".split())
_TAIL_CHARS = 4_000


def among(item: pytest.Item, named: frozenset[str]) -> bool:
    """Is its folder or its file one of these?"""
    path = item.path.relative_to(Path(__file__).parent)
    return path.parts[0] in named or path.as_posix() in named


class SecondProcess:
    """Runs tests elsewhere; tells of them here. Made when it is known which tests there are."""

    def __init__(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        self._config = config
        self._items = {item.nodeid: item for item in items}
        self._folder = tempfile.TemporaryDirectory(prefix="nearfield-tests-")
        self._reports = Path(self._folder.name) / "reports"
        self._reports.touch()
        self._said = (Path(self._folder.name) / "said").open("w+", encoding="utf-8", errors="replace")
        files = dict.fromkeys(str(item.path) for item in items)
        # it stands back: of the tests that run here some hold real time with threads
        command = ["nice", sys.executable, "-m", "pytest", "--rootdir", str(config.rootpath), "-p", "no:cacheprovider"]
        command += ["--reports-to", str(self._reports)]
        command += ["-m", config.option.markexpr] if config.option.markexpr else []
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [*command, *files], stdin=subprocess.DEVNULL, stdout=self._said, stderr=subprocess.STDOUT,
            cwd=config.invocation_params.dir,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._items)

    def tell(self) -> None:
        """Waits for its end, and tells what came of each test. Once."""
        if self._process is None:
            return
        status = self._process.wait()
        self._process = None
        hook, left = self._config.hook, dict(self._items)
        for line in self._reports.read_text("utf-8").splitlines():
            report = hook.pytest_report_from_serializable(config=self._config, data=json.loads(line))
            if report.nodeid not in self._items:
                continue
            if isinstance(report.longrepr, list):  # why it was skipped: JSON knows no tuple
                report.longrepr = tuple(report.longrepr)
            if report.when == "setup":
                hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
            hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                left.pop(report.nodeid, None)
                hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
        self._said.seek(0)
        told = (
            f"the second process ended with {status} and did not tell of this test\n{self._said.read()[-_TAIL_CHARS:]}"
        )
        for nodeid, item in left.items():
            hook.pytest_runtest_logreport(
                report=pytest.TestReport(nodeid, item.location, {}, "failed", told, "call", duration=0.0)
            )

    def end(self) -> None:
        """Nobody waits for it any more."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process = None
        self._said.close()
        self._folder.cleanup()


class TwoAtATime:
    """The plugin of the process that tells."""

    def __init__(self) -> None:
        self._second: SecondProcess | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        aside = [item for item in items if among(item, ASIDE)]
        here = [item for item in items if not among(item, ASIDE)]
        if aside and here and not config.option.collectonly:
            self._second = SecondProcess(config, aside)
            items[:] = here
        items.sort(key=lambda item: among(item, ALONE))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if self._second is not None:
            session.testscollected += len(self._second)
        done = yield
        if self._second is not None:
            self._second.tell()
        return done

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        if self._second is not None and among(item, ALONE):
            self._second.tell()

    def pytest_unconfigure(self) -> None:
        if self._second is not None:
            self._second.end()


class ReportsTo:
    """The plugin of the second process."""

    def __init__(self, config: pytest.Config, path: str) -> None:
        self._config = config
        self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - for as long as the process lasts

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._file.write(json.dumps(data, default=str) + "\n")
        self._file.flush()
