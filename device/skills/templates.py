"""What is said when a skill is done: Jinja templates over its arguments and its result.

    response = Templates().compile("Timer set for {{ slots.seconds | duration }}.")
    response.known_beforehand                      # True: it needs no result
    response.render({"seconds": 300})              # "Timer set for 5 minutes."

`slots` are the arguments, `result` the data that the skill gave back. Filters are the public functions of
`device.skills.spoken`. Templates run in Jinja's sandbox: a file of sentences is no program.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from device.errors import NearfieldError

#: What a template may speak of.
NAMES = frozenset({"slots", "result"})
_SPOKEN = "device.skills.spoken"


class TemplateError(NearfieldError):
    """A response that cannot be used; `line` counts from 1 within its text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class _Environment(ImmutableSandboxedEnvironment):
    """`result.items` is the value of that name, not the method of dict."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


@dataclass(frozen=True)
class Response:
    """One template. `slots`: the names of the arguments it uses."""

    known_beforehand: bool
    slots: frozenset[str]
    _template: jinja2.Template = field(repr=False)

    def render(self, slots: Mapping[str, Any], result: Mapping[str, Any] | None = None) -> str:
        """White space is folded. Raises TemplateError: a value that is missing, or that a filter cannot take."""
        try:
            text = self._template.render(slots=slots, result=result or {})
        except Exception as error:
            raise TemplateError(f"{type(error).__name__}: {error}") from error
        return " ".join(text.split())


class Templates:
    """Compiles responses."""

    def __init__(self, filters: Mapping[str, Callable[..., Any]] | None = None) -> None:
        """`filters`: by name; None: those of `device.skills.spoken`."""
        self._environment = _Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # words, not a web page
        self._environment.filters.update(spoken_filters() if filters is None else filters)

    def compile(self, source: str, arguments: Iterable[str] | None = None) -> Response:
        """`arguments`: the names there may be in `slots` (None: any).

        Raises TemplateError: bad syntax, unknown filter, a name that is neither `slots` nor `result`, an argument
        that does not exist.
        """
        try:
            tree = self._environment.parse(source)
            template = self._environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(error.message or "bad syntax", error.lineno) from None
        used = meta.find_undeclared_variables(tree)
        if unknown := sorted(used - NAMES):
            line = next((n.lineno for n in tree.find_all(nodes.Name) if n.name == unknown[0]), 1)
            raise TemplateError(f"'{unknown[0]}' is unknown; there are slots.NAME and result.NAME", line)
        slots = dict(_slots(tree))
        if arguments is not None:
            known = set(arguments)
            for name, line in slots.items():
                if name not in known:
                    raise TemplateError(f"slots.{name}: the skill has no argument of that name", line)
        return Response("result" not in used, frozenset(slots), template)


def spoken_filters() -> dict[str, Callable[..., Any]]:
    """The public functions of `device.skills.spoken`, by name."""
    if importlib.util.find_spec(_SPOKEN) is None:
        return {}
    module = importlib.import_module(_SPOKEN)
    return {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == _SPOKEN
    }


def _slots(tree: nodes.Template) -> Iterable[tuple[str, int]]:
    """`slots.x` and `slots["x"]`, with the line."""
    for attribute in tree.find_all(nodes.Getattr):
        if isinstance(attribute.node, nodes.Name) and attribute.node.name == "slots":
            yield attribute.attr, attribute.lineno
    for item in tree.find_all(nodes.Getitem):
        name = item.arg.value if isinstance(item.arg, nodes.Const) else None
        if isinstance(item.node, nodes.Name) and item.node.name == "slots" and isinstance(name, str):
            yield name, item.lineno
