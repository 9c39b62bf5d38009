"""Known faults of libraries: found, accepted with a reason, or said to be unknown."""

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from house_scripts import ROOT

AUDIT = ROOT / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", AUDIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fault(name: str) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "9.0"}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": "GHSA-xxxx", "aliases": ["CVE-2026-1"], "summary": "It leaks.", "affected": [affected]}


@pytest.fixture
def osv() -> Iterator[Callable[[str], str]]:
    """A list of faults: of the package that is named, and of no other. Its address."""
    faulty = ""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            body = json.dumps({"vulns": [fault(asked)]} if asked == faulty else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    def knows(name: str) -> str:
        nonlocal faulty
        faulty = name
        return f"http://127.0.0.1:{server.server_port}/"

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield knows
        server.shutdown()
        thread.join()


def asked(url: str, folder: Path) -> tuple[int, str]:
    (folder / "all.txt").write_text("rich==15.0.0\ntyper==0.29.2\n")
    about = ["-r", str(folder / "all.txt"), "--no-deps", "--disable-pip"]
    command = [sys.executable, str(AUDIT), "--osv-url", url, *about]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("faulty", "status", "told"),
    [("nothing", 0, "2 packages asked for at osv\n"), ("typer", 1, "typer 0.29.2: CVE-2026-1, mended in 9.0")],
)
def test_a_known_fault_fails(osv: Callable[[str], str], tmp_path: Path, faulty: str, status: int, told: str) -> None:
    pytest.importorskip("pip_audit")
    found = asked(osv(faulty), tmp_path)
    assert found[0] == status
    assert found[1].startswith(told)


def test_where_nobody_answers_it_is_left_out_and_said(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    audit.somebody_answers = lambda *_: False
    assert audit.main([]) == audit.NO_ANSWER
    assert capsys.readouterr().out.startswith("no answer from osv or pypi")


REPORT = {
    "dependencies": [
        {"name": "typer", "version": "1", "vulns": [{"id": "GHSA-1", "aliases": ["CVE-1"], "fix_versions": []}]},
        {"name": "ours", "skip_reason": "not on the list"},
    ]
}


def test_what_is_accepted_is_told_with_its_reason(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.told("osv", REPORT, {"CVE-1": "we never call it"}) == 0
    out = capsys.readouterr().out
    assert "GHSA-1, mended in no version yet (accepted: we never call it)" in out
    assert "1 packages asked for at osv; not known there: ours" in out
    assert audit.told("osv", REPORT, {"CVE-2": "another one"}) == 1
    assert audit.told("osv", None, {}) == audit.NO_ANSWER


def test_another_version_than_the_pinned_one_is_named(audit: ModuleType) -> None:
    project = {"dependencies": ["pytest==1.0", "no-such-thing==1", "numpy>=2.0,<3"], "optional-dependencies": {}}
    (wrong,) = audit.not_as_pinned(project)
    assert wrong.startswith(f"pytest {pytest.__version__} is installed, and 1.0 is pinned")
