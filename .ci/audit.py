"""Are the libraries the versions that were meant, and is a fault of theirs known?

    .venv/bin/python .ci/audit.py       # exit status 0: no fault is known, 1: one is, 77: nobody could be asked

Looks first, without a network, whether what is installed is what pyproject.toml pins. Then asks for known
vulnerabilities of all that is installed, through pip-audit: OSV, or the package index's own list. One package is asked
for first: where nobody answers (no network, a mirror that has packages and no list of faults) that is all.
A fault that cannot be mended yet is accepted in pyproject.toml: [tool.audit.accepted], ID = "why it does not matter".
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NO_ANSWER = 77
SERVICES = ("osv", "pypi")
PROBE = "jinja2"  # a library of ours that has been on every list
WAIT_S = 300  # for all answers


def main(arguments: list[str]) -> int:
    """`arguments` go to pip-audit, such as `--osv-url URL` or `-r FILE`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    if wrong := not_as_pinned(project["project"]):
        print("\n".join(wrong))
        return 1
    accepted = project.get("tool", {}).get("audit", {}).get("accepted", {})
    for service in SERVICES:
        if somebody_answers(service, arguments):
            return told(service, pip_audit(service, arguments or ["--skip-editable"]), accepted)
    print(f"no answer from {' or '.join(SERVICES)}; what is installed is what is pinned")
    return NO_ANSWER


def not_as_pinned(project: dict[str, Any]) -> list[str]:
    """What is installed in another version than the pinned one; what is not installed is not looked at."""
    extras = project["optional-dependencies"].values()
    wrong = []
    for requirement in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        name, pinned, version = requirement.partition(";")[0].strip().partition("==")
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if pinned and found.partition("+")[0] != version:  # behind the plus: how it was compiled
            wrong.append(f"{name} {found} is installed, and {version} is pinned: run ./install.sh")
    return wrong


def somebody_answers(service: str, arguments: list[str]) -> bool:
    """Are faults known there at all?"""
    at = [each for pair in pairwise(arguments) if pair[0] == "--osv-url" for each in pair]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(f"{PROBE}=={metadata.version(PROBE)}\n")
        file.flush()
        report = pip_audit(service, ["-r", file.name, "--no-deps", "--disable-pip", *at])
    return report is not None and all("vulns" in each for each in report["dependencies"])


def pip_audit(service: str, arguments: list[str]) -> dict[str, Any] | None:
    """Its report; None: it has none to give."""
    command = [sys.executable, "-m", "pip_audit", "-s", service, "-f", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*command, "--timeout", "10", *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        report: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report


def told(service: str, report: dict[str, Any] | None, accepted: dict[str, str]) -> int:
    """A line for each fault, and how many packages were asked for."""
    if report is None:
        print(f"no answer: {service} broke off")
        return NO_ANSWER
    faults = 0
    for each in report["dependencies"]:
        for fault in each.get("vulns", []):
            why = next((accepted[name] for name in (fault["id"], *fault["aliases"]) if name in accepted), "")
            mended = ", ".join(fault["fix_versions"]) or "no version yet"
            line = f"{each['name']} {each['version']}: {fault['id']}, mended in {mended}"
            print(f"{line} (accepted: {why})" if why else line)
            faults += not why
    passed_over = [each["name"] for each in report["dependencies"] if "vulns" not in each]
    told_of = f"; not known there: {', '.join(passed_over)}" if passed_over else ""
    print(f"{len(report['dependencies']) - len(passed_over)} packages asked for at {service}{told_of}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
