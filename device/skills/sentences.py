"""The sentences that call skills, from YAML files in Home Assistant's form.

    sentences = load_sentences(sentence_files(config_dir() / "skills.d", "en"), registry, Templates(), "en")
    sentences.intents      # for hassil
    sentences.responses    # what is said, by the name of the skill
    sentences.complaints   # what was left out, and why

A file sees its own `lists` and `expansion_rules`, and beside them those of all other files. The name of an intent is
the name of its skill. What is wrong is left out with a complaint: a sentence, a block, a list, a response; the rest is
used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hassil.intents import Intent, IntentData, Intents, SlotList, WildcardSlotList
from hassil.parse_expression import Sentence

from device.skills.complaints import Complaint
from device.skills.loading import is_hidden
from device.skills.registry import Registry
from device.skills.sentence_check import SentenceError, checked_list, checked_rule, checked_sentence, wrong_slots
from device.skills.skill import Skill
from device.skills.templates import Response, TemplateError, Templates
from device.skills.yaml_lines import Document, YamlError, read

BUILTIN_SENTENCES = Path(__file__).with_name("sentences")
MOST_BYTES = 1_000_000
_TOP_KEYS = ("language", "intents", "lists", "expansion_rules", "responses", "skip_words", "settings")
_BLOCK_KEYS = ("sentences", "slots", "lists", "expansion_rules", "response", "metadata", "required_keywords")


@dataclass
class Sentences:
    """All sentences of one language."""

    language: str
    intents: Intents
    responses: dict[str, Response] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    origins: dict[str, list[str]] = field(default_factory=dict)  #: skill -> files that have sentences for it
    texts: dict[str, list[str]] = field(default_factory=dict)  #: skill -> its sentences as they are written

    def only(self, registry: Registry) -> "Sentences":
        """Those of the skills in `registry`."""
        kept = {name: intent for name, intent in self.intents.intents.items() if name in registry}
        return replace(self, intents=replace(self.intents, intents=kept))


def sentence_files(folder: Path | None, language: str, *, builtin: bool = True) -> list[Path]:
    """Ours for `language`, then the owner's, in the order of their names."""
    ours = sorted((BUILTIN_SENTENCES / _base(language)).glob("*.yaml")) if builtin else []
    if folder is None or not folder.is_dir():
        return ours
    owners = sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml") and not is_hidden(p))
    return ours + owners


def load_sentences(paths: Iterable[Path], registry: Registry, templates: Templates, language: str) -> Sentences:
    """Reads all of `paths`; those in another language are passed over. Never raises for what is in a file."""
    out = Sentences(language, Intents(language=_base(language), intents={}))
    files = [file for path in paths if (file := _open(path, language, out.complaints)) is not None]
    lists: dict[str, SlotList] = {}
    rules: dict[str, Sentence] = {}
    for file in files:
        file.read_lists()
        for name, slot_list in file.lists.items():
            lists.setdefault(name, slot_list)
    for file in files:
        file.read_rules(lists)
        for name, rule in file.rules.items():
            rules.setdefault(name, rule)
    for file in files:
        file.check_rules(rules)
    for file in files:
        file.read_intents(out, registry, {**lists, **file.lists}, {**rules, **file.rules})
        file.read_responses(out, registry, templates)
    return out


def _base(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


def _open(path: Path, language: str, complaints: list[Complaint]) -> "_File | None":
    where = str(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            complaints.append(Complaint(where, 0, f"is larger than {MOST_BYTES:,} bytes"))
            return None
        document = read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        complaints.append(Complaint(where, 0, f"cannot be read: {(error.strerror or str(error)).lower()}"))
    except UnicodeDecodeError as error:
        complaints.append(Complaint(where, 0, f"is not UTF-8: byte {error.start}"))
    except YamlError as error:
        complaints.append(Complaint(where, error.line, error.message))
    else:
        if not isinstance(document.data, dict):
            complaints.append(Complaint(where, 0, "holds no sentences: it must begin with 'language:'"))
        elif not isinstance(spoken := document.data.get("language"), str):
            complaints.append(Complaint(where, document.line("language"), "needs a language, such as 'language: en'"))
        elif _base(spoken) == _base(language):
            return _File(where, document, complaints)
    return None


class _File:
    def __init__(self, where: str, document: Document, complaints: list[Complaint]) -> None:
        self._where = where
        self._document = document
        self._data: dict[str, Any] = document.data
        self._complaints = complaints
        self.lists: dict[str, SlotList] = {}
        self.rules: dict[str, Sentence] = {}
        for key in self._data:
            if key not in _TOP_KEYS:
                self._complain(f"'{key}' is unknown here; known: {', '.join(_TOP_KEYS)}", key)

    def read_lists(self) -> None:
        self.lists = self._lists("lists")

    def read_rules(self, lists: Mapping[str, SlotList]) -> None:
        self.rules = self._rules({**lists, **self.lists}, "expansion_rules")

    def check_rules(self, everybodys: Mapping[str, Sentence]) -> None:
        """Rules may use rules that come later, in any file: what they use is looked at when all are there."""
        known = {**everybodys, **self.rules}
        for name, rule in list(self.rules.items()):
            try:
                checked_rule(rule, known, (name,))
            except SentenceError as error:
                self._complain(error.message, "expansion_rules", name)
                del self.rules[name]

    def read_intents(
        self, out: Sentences, registry: Registry, lists: Mapping[str, SlotList], rules: Mapping[str, Sentence]
    ) -> None:
        for name, intent in self._mapping("intents").items():
            skill = registry.get(name)
            if skill is None:
                self._complain(f"there is no skill '{name}'", "intents", name)
                continue
            blocks = intent.get("data") if isinstance(intent, dict) else None
            if not isinstance(blocks, list):
                self._complain("needs 'data:', a list of blocks with 'sentences:'", "intents", name)
                continue
            for i, block in enumerate(blocks):
                data = self._block(skill, block, ("intents", name, "data", i), lists, rules)
                if data is not None:
                    out.intents.intents.setdefault(name, Intent(name)).data.append(data)
                    out.texts.setdefault(name, []).extend(data.sentence_texts)
                    if self._where not in out.origins.setdefault(name, []):
                        out.origins[name].append(self._where)

    def read_responses(self, out: Sentences, registry: Registry, templates: Templates) -> None:
        for name, keyed in self._mapping("responses", "intents").items():
            skill = registry.get(name)
            if skill is None:
                self._complain(f"there is no skill '{name}'", "responses", "intents", name)
                continue
            for key, source in keyed.items() if isinstance(keyed, dict) else [("default", keyed)]:
                path = ("responses", "intents", name, key)
                if key != "default":
                    self._complain(f"response '{key}': there is but one, 'default'; it may hold {{% if %}}", *path)
                elif not isinstance(source, str):
                    self._complain("a response is a text; put it in quotes", *path)
                else:
                    self._response(out, skill, source, templates, path)

    def _response(
        self, out: Sentences, skill: Skill, source: str, templates: Templates, path: tuple[str | int, ...]
    ) -> None:
        try:
            response = templates.compile(source, skill.arguments.model_fields)
        except TemplateError as error:
            line = self._document.text_line(*path) + error.line - 1
            self._complaints.append(Complaint(self._where, line, f"response of '{skill.name}': {error.message}"))
            return
        out.responses[skill.name] = response  # the owner's files come last, and have the last word

    def _block(
        self,
        skill: Skill,
        block: Any,
        path: tuple[str | int, ...],
        lists: Mapping[str, SlotList],
        rules: Mapping[str, Sentence],
    ) -> IntentData | None:
        if not isinstance(block, dict) or not isinstance(block.get("sentences"), list):
            self._complain("needs 'sentences:', a list", *path)
            return None
        for key in block:
            if key not in _BLOCK_KEYS:  # requires_context and the like would make it mean something else
                self._complain(f"'{key}' is unknown here; known: {', '.join(_BLOCK_KEYS)}", *path, key)
                return None
        if block.get("response", "default") != "default":
            self._complain("there is but one response, 'default'; it may hold {% if %}", *path, "response")
            return None
        slots = self._mapping(*path, "slots")
        if reason := wrong_slots(skill, slots):
            self._complain(reason, *path, "slots")
            return None
        lists = {**lists, **self._lists(*path, "lists")}
        rules = {**rules, **self._rules(lists, *path, "expansion_rules")}
        texts = []
        for i, text in enumerate(block["sentences"]):
            try:
                checked_sentence(text, skill, slots, lists, rules)
                texts.append(text)
            except SentenceError as error:
                self._complain(error.message, *path, "sentences", i)
        if not texts:
            return None
        wildcards = {name for name, slot_list in lists.items() if isinstance(slot_list, WildcardSlotList)}
        keywords = block.get("required_keywords")
        return IntentData(
            sentence_texts=texts,
            slots=dict(slots),
            slot_lists=dict(lists),
            expansion_rules=dict(rules),
            wildcard_list_names=wildcards,
            required_keywords=set(keywords) if keywords else None,
        )

    def _lists(self, *path: str | int) -> dict[str, SlotList]:
        lists: dict[str, SlotList] = {}
        for name, body in self._mapping(*path).items():
            try:
                lists[name] = checked_list(name, body)
            except SentenceError as error:
                self._complain(error.message, *path, name)
        return lists

    def _rules(self, lists: Mapping[str, SlotList], *path: str | int) -> dict[str, Sentence]:
        rules: dict[str, Sentence] = {}
        for name, body in self._mapping(*path).items():
            try:
                rules[name] = checked_sentence(body, None, {}, lists, None)
            except SentenceError as error:
                self._complain(f"rule <{name}>: {error.message}", *path, name)
        return rules

    def _mapping(self, *path: str | int) -> dict[str, Any]:
        """The mapping at `path`; {} where there is none."""
        data: Any = self._data
        for i, key in enumerate(path):
            try:
                data = data[key]
            except (KeyError, IndexError):
                return {}
            except TypeError:
                data = None
            if data is None and i < len(path) - 1:
                return {}
        if data is None:
            return {}
        if not isinstance(data, dict):
            self._complain(f"'{path[-1]}' must be a mapping (name: ...)", *path)
            return {}
        return data

    def _complain(self, reason: str, *path: str | int) -> None:
        self._complaints.append(Complaint(self._where, self._document.line(*path), reason))
