"""Skills and sentences of a test: `bench(tmp_path, "intents: ...", brew)`."""

from pathlib import Path

from device.skills.registry import Registry
from device.skills.sentences import load_sentences
from device.skills.skill import Skill
from device.skills.skillset import Skillset, assemble
from device.skills.templates import Templates


def loaded(folder: Path, text: str, *skills: Skill, name: str = "some.yaml") -> Skillset:
    """`text`: a file of sentences, without its `language:`."""
    path = folder / name
    path.write_text(f"language: en\n{text}", encoding="utf-8")
    return from_files([path], *skills)


def from_files(paths: list[Path], *skills: Skill) -> Skillset:
    registry = Registry(skills)
    sentences = load_sentences(paths, registry, Templates({"double": lambda x: 2 * x}), "en")
    return assemble(registry, sentences, sentences.complaints)
