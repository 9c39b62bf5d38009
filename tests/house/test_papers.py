"""The papers and the code say the same: what is imported is declared, what is used is named in NOTICE."""

import ast
import os
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from house_scripts import ROOT

OWN = {"device", "dsp", "models"}
#: modules that come with a distribution of another name which is declared, or are asked for only where they exist
ACCOMPANYING = {
    "_pywhispercpp",
    "google",
    "RPi",
    "Jetson",
    "lgpio",
    "apa102_pi",
    "rpi_ws281x",
    "pydantic_core",
    "annotated_types",
    "mcp_types",
    "referencing",
    "matplotlib",
    "opentelemetry",
}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    return canonical(re.split(r"[=<>!~;\[ ]", requirement, maxsplit=1)[0])


def imported_modules(package: str) -> set[str]:
    found = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(OWN))
def test_what_is_imported_is_declared(package: str) -> None:
    needed = [*project()["dependencies"], *project()["optional-dependencies"]["mcp"]]  # install.sh installs both
    declared = {name_of(requirement) for requirement in needed}
    distributions = packages_distributions()
    undeclared = {
        module
        for module in imported_modules(package) - OWN - ACCOMPANYING - set(sys.stdlib_module_names)
        if not declared & {canonical(name) for name in distributions.get(module, [])}
    }
    assert not undeclared


def test_runtimes_and_tools_are_pinned() -> None:
    extras = project()["optional-dependencies"]
    loose = {
        name_of(requirement)
        for requirement in [*project()["dependencies"], *(each for extra in extras.values() for each in extra)]
        if "==" not in requirement.partition(";")[0]
    }
    assert loose <= {"cffi", "numpy"}


def test_only_one_gpio_driver_to_an_extra() -> None:
    extras = project()["optional-dependencies"]
    drivers = {extra: [r for r in extras[extra] if "gpio" in r.lower()] for extra in ("pi", "pi4", "jetson", "dev")}
    assert {extra: len(found) for extra, found in drivers.items()} == {"pi": 1, "pi4": 1, "jetson": 1, "dev": 1}
    # a test set-up on an ARM board must not replace the driver of the board
    assert "platform_machine" in drivers["dev"][0]


def test_notice_names_every_library_and_driver() -> None:
    notice = canonical((ROOT / "NOTICE").read_text("utf-8"))
    wanted = [
        *project()["dependencies"],
        *(each for extra in project()["optional-dependencies"].values() for each in extra),
    ]
    assert [name_of(requirement) for requirement in wanted if name_of(requirement) not in notice] == []


def test_licence_is_apache_and_the_appliance_is_gpl() -> None:
    assert project()["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "GPL-3.0-or-later" in (ROOT / "NOTICE").read_text("utf-8")


def test_changelog_has_this_version() -> None:
    assert f"## [{project()['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("script", ["install.sh", ".ci/run"])
def test_script_can_be_started(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text("utf-8").startswith("#!/usr/bin/env bash\n")


def test_links_between_papers_lead_somewhere() -> None:
    papers = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "firmware_scripts").rglob("*.md")]
    dead = [
        f"{paper.relative_to(ROOT)}: {target}"
        for paper in papers
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", paper.read_text("utf-8"))
        if not Path(paper.parent / target).exists()
    ]
    assert dead == []
