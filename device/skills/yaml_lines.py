"""YAML with the line of everything in it.

    document = read("language: en\\nintents: {}\\n")
    document.data, document.line("intents")

Anchors, tags of types and doubled keys are refused: nothing in a file of sentences needs them, and each is a trap (a
file of 1 kB can mean gigabytes, an object can be made, the first of two keys is lost without a word).
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from device.errors import NearfieldError

Path = tuple[str | int, ...]


class YamlError(NearfieldError):
    """Not the YAML that is wanted; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """`data`: dicts with text keys, lists, text, numbers, truth values, None."""

    data: Any
    _lines: dict[Path, int] = field(repr=False)
    _blocks: frozenset[Path] = field(repr=False)

    def line(self, *path: str | int) -> int:
        """Where the thing at `path` begins, or what holds it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def text_line(self, *path: str | int) -> int:
        """Where the text at `path` has its first line: below the key, for a block (`|`, `>`)."""
        return self.line(*path) + (path in self._blocks)


def read(text: str) -> Document:
    """Raises YamlError."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        blocks: set[Path] = set()
        data = _plain(loader, node, (), lines, blocks) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        raise YamlError(f"not YAML: {problem}", mark.line + 1 if mark else 1) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"not YAML: {error.reason} (character {error.character!r})", line) from None
    except RecursionError:
        raise YamlError("not YAML: too deep", 1) from None
    return Document(data, lines, frozenset(blocks))


def _plain(loader: Any, node: yaml.Node, path: Path, lines: dict[Path, int], blocks: set[Path]) -> Any:
    line = node.start_mark.line + 1
    if getattr(node, "seen", False):
        raise YamlError("anchors (& and *) are not taken here", line)
    node.seen = True
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            key = loader.construct_object(key_node)
            if not isinstance(key, str):
                raise YamlError(f"a key must be text: put {key_node.value!r} in quotes", key_line)
            if key in out:
                raise YamlError(f"'{key}' is here twice", key_line)
            lines[(*path, key)] = key_line
            out[key] = _plain(loader, value_node, (*path, key), lines, blocks)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*path, i), lines, blocks) for i, item in enumerate(node.value)]
    if getattr(node, "style", None) in ("|", ">"):
        blocks.add(path)
    return loader.construct_object(node)
