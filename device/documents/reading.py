"""A folder of Markdown as sections of sentences that can be spoken.

    library = read_folder(Path("documents"))
    library.sections[0].title, library.sections[0].sentences

A section is what stands below one heading. Code, pictures and HTML are left out; a list that a sentence introduces is
spoken as one. A file that cannot be used is left out with a complaint, and all others are read.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from device.dialogue.speakable import speakable
from device.skills.complaints import Complaint

SUFFIXES = (".md", ".markdown", ".txt")
SYNONYMS = "synonyms.txt"
MOST_BYTES = 1_000_000
MOST_FILES = 500
#: A section that is longer is cut into several of the same title, each so many sentences.
MOST_SENTENCES = 12

_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(]?[A-Z0-9])")
#: What a point does not end.
_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|Mr|Mrs|Ms|Dr|St|No|vs|approx|incl|etc|[ap]\.m)\.|\b[A-Z]\.)$")


@dataclass(frozen=True, slots=True)
class Section:
    """`title`: its heading and those above it, "Refunds: How long it takes"; `line` of its heading, from 1."""

    where: str
    line: int
    title: str
    sentences: tuple[str, ...]


@dataclass
class Library:
    """`synonyms`: groups of words and phrases that mean the same to whoever asks."""

    sections: list[Section] = field(default_factory=list)
    synonyms: list[tuple[str, ...]] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)


Signature = tuple[tuple[str, int, int], ...]


def signature(folder: Path) -> Signature:
    """Changes when a file of `folder` does: names, times and sizes. Raises OSError: it cannot be read."""
    seen = []
    for path in _files(folder):
        with contextlib.suppress(OSError):  # gone meanwhile: it changes the next signature
            stat = path.stat()
            seen.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(seen)


def read_folder(folder: Path) -> Library:
    """All files of `folder` and the folders in it. Raises OSError: `folder` itself cannot be read."""
    library = Library()
    paths = _files(folder)
    for path in paths[MOST_FILES:]:
        library.complaints.append(Complaint(str(path), 0, f"is one file too many: {MOST_FILES} are read"))
    for path in paths[:MOST_FILES]:
        try:
            text = _text(path)
        except _Unusable as why:
            library.complaints.append(Complaint(str(path), why.line, why.reason))
            continue
        if path.name == SYNONYMS:
            library.synonyms += _synonyms(text, str(path), library.complaints)
            continue
        sections = list(_sections(text, str(path), path.stem))
        if not sections:
            library.complaints.append(Complaint(str(path), 0, "holds no sentences"))
        library.sections += sections
    return library


def _files(folder: Path) -> list[Path]:
    next(folder.iterdir(), None)  # rglob says nothing about a folder that cannot be read
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


class _Unusable(Exception):  # noqa: N818 - not an error of the program
    """Why a file is left out, and the line, if there is one."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


def _text(path: Path) -> str:
    """Raises _Unusable."""
    if path.suffix.lower() not in SUFFIXES:
        raise _Unusable(f"is passed over: documents end in {', '.join(SUFFIXES)}")
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise _Unusable(f"is {size:,} bytes long; {MOST_BYTES:,} are read at most")
        data = path.read_bytes()
    except OSError as error:
        raise _Unusable(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    if b"\0" in data:
        raise _Unusable("is binary, not text", data[: data.index(b"\0")].count(b"\n") + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _Unusable(f"is not UTF-8: byte {error.start}", line) from error
    if not text.strip():
        raise _Unusable("is empty")
    return text


def _synonyms(text: str, where: str, complaints: list[Complaint]) -> Iterator[tuple[str, ...]]:
    """A line a group, divided by commas; # begins a comment. What is no word cannot be asked for: "€"."""
    for number, line in enumerate(text.splitlines(), 1):
        group = []
        for part in line.partition("#")[0].casefold().split(","):
            if any(map(str.isalnum, part)):
                group.append(" ".join(part.split()))
            elif part := part.strip():
                complaints.append(Complaint(where, number, f"'{part}' is passed over: it has no letter or figure"))
        if len(group) > 1:
            yield tuple(group)


def _sections(text: str, where: str, stem: str) -> Iterator[Section]:
    trail: list[str] = []  # headings, by level
    line = 1
    sentences: list[str] = []
    for kind, at, spoken in _blocks(text):
        if kind == 0:
            sentences += split_sentences(spoken)
            continue
        yield from _cut(where, line, trail, stem, sentences)
        trail = [*trail[: kind - 1], *[""] * (kind - 1 - len(trail)), spoken]
        line, sentences = at, []
    yield from _cut(where, line, trail, stem, sentences)


def _cut(where: str, line: int, trail: list[str], stem: str, sentences: list[str]) -> Iterator[Section]:
    title = ": ".join(heading for heading in trail if heading) or stem.replace("_", " ").replace("-", " ")
    for start in range(0, len(sentences), MOST_SENTENCES):
        yield Section(where, line, title, tuple(sentences[start : start + MOST_SENTENCES]))


@dataclass
class _Announced:
    """ "We take:", which waits for its list, and what the list has so far."""

    lead: str = ""
    depth: int = 0  #: of the lists that `lead` stands in itself; its own lies deeper
    items: list[str] = field(default_factory=list)

    def ended(self) -> Iterator[tuple[int, int, str]]:
        """All there is of it, as blocks; it announces nothing more."""
        if self.lead:
            yield from ((0, 0, spoken) for spoken in _listed(self.lead, self.items))
        self.lead, self.items = "", []


#: What stands between a lead and a list: the list is not what was announced.
_NO_LIST = ("heading_open", "table_open", "fence", "code_block", "hr")


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """(level of a heading or 0, line, what is spoken) of each block."""
    level = depth = 0
    announced = _Announced()
    row: list[str] | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in _NO_LIST:
            yield from announced.ended()
        if token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            if cells := [cell for cell in row if cell]:
                yield 0, 0, _ended(", ".join(cells))
            row = None
        elif token.type.endswith(("_list_open", "_list_close")):
            depth += token.nesting
            if depth <= announced.depth:
                yield from announced.ended()
        elif token.type == "inline":
            spoken = _spoken(token)
            if level:
                yield level, (token.map or [0])[0] + 1, spoken.rstrip(":. ")
                level = 0
            elif row is not None:
                row.append(spoken)
            elif spoken:
                yield from _said(spoken, announced, depth)
    yield from announced.ended()


def _said(spoken: str, announced: _Announced, depth: int) -> Iterator[tuple[int, int, str]]:
    """A paragraph, in as many lists as `depth`: a lead, what one has announced, or neither."""
    if spoken.endswith(":"):
        yield from announced.ended()
        announced.lead, announced.depth = spoken, depth
    elif announced.lead and depth > announced.depth:
        announced.items.append(spoken)
    else:
        yield from announced.ended()
        yield 0, 0, _ended(spoken)


def _listed(lead: str, items: list[str]) -> Iterator[str]:
    """Short items make one sentence with what announces them, whole sentences stay such."""
    items = [item for item in items if item]
    if not items or any(item.endswith((".", "!", "?")) for item in items):
        yield from (_ended(text) for text in (lead.rstrip(":"), *items) if text)
        return
    *most, last = items
    yield _ended(f"{lead} {', '.join(most)} and {last}" if most else f"{lead} {last}")


def _spoken(inline: Token) -> str:
    """Text of links and emphasis; pictures and HTML are not spoken."""
    parts: list[str] = []
    for child in inline.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return speakable(" ".join("".join(parts).split()))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def split_sentences(text: str) -> list[str]:
    """ "Open from 9 a.m. to 6 p.m. on weekdays." is one."""
    out: list[str] = []
    for part in _END.split(text):
        if out and _SHORT.search(out[-1]):
            out[-1] = f"{out[-1]} {part}"
        elif part:
            out.append(part)
    return out
