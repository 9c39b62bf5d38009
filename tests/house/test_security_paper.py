"""docs/security.md names tests: they are there."""

import re

import pytest
from house_scripts import ROOT

PAPER = (ROOT / "docs" / "security.md").read_text("utf-8")
TESTS = ROOT / "tests"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_]+/(?:test_\w+\.py)?)`", PAPER))))
def test_a_file_that_is_named_is_there(name: str) -> None:
    assert (TESTS / name).exists()


@pytest.mark.parametrize(("file", "part"), sorted(set(re.findall(r"`(\w+/test_\w+\.py)` \(`(\w+)`\)", PAPER))))
def test_a_test_that_is_named_is_there(file: str, part: str) -> None:
    names = re.findall(r"^def (test_\w+)\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)
    assert [name for name in names if part in name]


def test_it_names_many() -> None:
    assert len(re.findall(r"`\w+/test_\w+\.py`", PAPER)) > 30
