"""`models.catalog`: ours is complete, the owner's is merged, and mistakes are named."""

from pathlib import Path

import pytest

from models.catalog import load_catalog
from models.errors import ModelError

SHA = "0" * 64
OWN_URL = f"""
[[model]]
id = "my-llm"
task = "llm"
licence = "Apache-2.0"
[[model.files]]
name = "my.gguf"
sha256 = "{SHA}"
[[model.sources]]
[[model.sources.urls]]
name = "my.gguf"
url = "https://example.org/my.gguf"
sha256 = "{SHA}"
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_embedded_default_needs_nothing_but_the_package_index() -> None:
    catalog = load_catalog()
    for model_id in catalog.members("base"):
        first = catalog.model(model_id).sources[0]
        assert first.wheels and not first.urls, model_id
        # a wheel that is another on each platform cannot be pinned; what is taken out of it is (see below)
        assert all(wheel.sha256 for wheel in first.wheels) or model_id == "microwakeword", model_id


def test_every_file_of_ours_is_pinned_and_comes_from_somewhere() -> None:
    for entry in load_catalog().models.values():
        assert entry.licence and entry.description and entry.sources, entry.id
        for file in entry.files:
            assert file.sha256 and file.bytes, file.name


@pytest.mark.parametrize("bad", ["../evil", "a/b", "/etc/passwd", "", ".hidden", ".."])
def test_no_file_leaves_its_directory(tmp_path: Path, bad: str) -> None:
    text = OWN_URL.replace('name = "my.gguf"', f'name = "{bad}"')
    with pytest.raises(ModelError, match="name"):
        load_catalog(write(tmp_path / "catalog.toml", text))


def test_the_owners_models_are_added_and_replace_ours(tmp_path: Path) -> None:
    text = OWN_URL + OWN_URL.replace("my-llm", "silero-vad") + '\n[sets]\nmine = ["my-llm", "silero-vad"]\n'
    catalog = load_catalog(write(tmp_path / "catalog.toml", text))
    assert catalog.model("my-llm").file().name == "my.gguf"
    assert catalog.model("silero-vad").file().name == "my.gguf"
    assert catalog.members("mine") == ("my-llm", "silero-vad")
    assert "whisper-tiny.en" in catalog.members("tiny")


def test_a_model_by_its_path_needs_no_sha256(tmp_path: Path) -> None:
    text = '[[model]]\nid = "own"\ntask = "llm"\nlicence = "?"\n[[model.files]]\npath = "/srv/big.gguf"\n'
    file = load_catalog(write(tmp_path / "catalog.toml", text)).model("own").file()
    assert (file.name, file.path, file.sha256) == ("big.gguf", Path("/srv/big.gguf"), None)


def test_an_owners_catalogue_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    assert load_catalog(tmp_path / "none.toml") == load_catalog()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (OWN_URL.replace("licence", "license"), "licen"),
        (OWN_URL.replace(f'sha256 = "{SHA}"\n[[', "[["), "sha256"),
        (OWN_URL.replace("https:", "ftp:"), "url"),
        (OWN_URL.replace("task = ", "task "), "cannot be read"),
        (OWN_URL + '[sets]\nx = ["nobody"]\n', "nobody"),
        (OWN_URL.replace('"llm"', '"poet"'), "task"),
    ],
)
def test_mistakes_name_the_place(tmp_path: Path, wrong: str, says: str) -> None:
    path = write(tmp_path / "catalog.toml", wrong)
    with pytest.raises(ModelError, match=says):
        load_catalog(path)


def test_unknown_names_list_the_known() -> None:
    catalog = load_catalog()
    with pytest.raises(ModelError) as model:
        catalog.model("whisper-huge")
    assert "whisper-tiny.en" in model.value.hint
    with pytest.raises(ModelError) as chosen:
        catalog.members("huge")
    assert "tiny" in chosen.value.hint
    with pytest.raises(ModelError) as role:
        catalog.model("microwakeword").file("okay_computer")
    assert "okay_nabu" in role.value.hint
