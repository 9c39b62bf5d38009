"""A tool of an MCP server as a skill, and what it gives back as a result. Sans-IO.

    skills, complaints = skills_of("home", settings, tools, call)
    result_of(call_tool_result, most_chars=2000)

Only what the owner allows is offered, and only what the owner says is read-only goes without a question. A server's
own annotations are hints that nobody has checked: they can make it stricter, never less strict.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcp_types import CallToolResult, TextContent, Tool

from device.config.home import McpServerSettings
from device.skills.json_arguments import NOT_GIVEN, JsonArguments, arguments_of, given
from device.skills.skill import Context, Result, Skill, SkillDefinitionError, SkillError

MOST_NAME_CHARS = 64  #: what language models take as the name of a tool
MOST_DESCRIPTION_CHARS = 600
MOST_SAY_CHARS = 400  #: a longer text is for a language model or a template, not for the ear
MOST_VALUE_CHARS = 60
MOST_NAMED = 6  #: arguments in a question

#: Server, tool, arguments, the key of the call and how long it may take, in s: gives the result. Raises SkillError,
#: SkillUnsureError.
Caller = Callable[[str, str, Mapping[str, Any], str, float], Result]


def skill_name(server: str, tool: str) -> str:
    """What it is called in sentences, in personas and by a language model."""
    return re.sub(r"\W", "_", f"{server}_{tool}", flags=re.ASCII)[:MOST_NAME_CHARS]


def skills_of(
    server: str, settings: McpServerSettings, tools: Sequence[Tool], call: Caller
) -> tuple[tuple[Skill, ...], tuple[str, ...]]:
    """The skills in the order of `allow`, and a line for each that is allowed and cannot be offered."""
    by_name = {tool.name: tool for tool in reversed(tools)}  # of two with one name, the first
    skills: dict[str, Skill] = {}
    complaints: list[str] = []
    for name in dict.fromkeys(settings.allow):
        tool = by_name.get(name)
        if tool is None:
            has = ", ".join(sorted(by_name)[:12]) or "none"
            complaints.append(f"MCP server '{server}' has no tool '{_short(name, 60)}'; it has: {_short(has, 300)}")
        elif skill_name(server, name) in skills:
            complaints.append(f"MCP server '{server}': two tools would be the skill '{skill_name(server, name)}'")
        else:
            try:
                skill = _skill(server, settings, tool, call)
            except SkillDefinitionError as error:
                complaints.append(f"MCP server '{server}': {error.message}")
            else:
                skills[skill.name] = skill
    return tuple(skills.values()), tuple(complaints)


def _skill(server: str, settings: McpServerSettings, tool: Tool, call: Caller) -> Skill:
    name = skill_name(server, tool.name)
    arguments = arguments_of(name, tool.input_schema)
    hints = tool.annotations
    changes = hints is not None and (hints.read_only_hint is False or hints.destructive_hint is True)
    read_only = tool.name in settings.read_only and not changes
    asks = not read_only and (settings.confirm or tool.name in settings.read_only or _is_destructive(tool))
    plain = f"Shall I use {_spoken(tool.name)} of {_spoken(server)}"

    def run(context: Context, **values: Any) -> Result:
        return call(server, tool.name, given(arguments, values), context.key, settings.timeout_s)

    return Skill(
        name=name,
        description=_short(tool.description or tool.title or tool.name, MOST_DESCRIPTION_CHARS),
        run=run,
        arguments=arguments,
        wants_context=True,
        group=server,
        read_only=read_only,
        confirm=f"{plain}?" if asks else "",
        # the call ends by itself in time, with a better word than the runner's
        timeout_s=settings.timeout_s + 2.0,
        aside=tool.name in settings.aside,
        ask=(lambda values: question(plain, arguments, values)) if asks else None,
    )


def _is_destructive(tool: Tool) -> bool:
    return tool.annotations is not None and tool.annotations.destructive_hint is True


def question(plain: str, arguments: type[JsonArguments], values: Mapping[str, Any]) -> str:
    """ "Shall I use set light of home, with room kitchen and level 50?"; what is too long to say is counted."""
    parts = [
        f"{_spoken(arguments.property_of[field])} {_value(value)}"
        for field, value in values.items()
        if value is not NOT_GIVEN
    ]
    said = parts[:MOST_NAMED] if len(parts) > MOST_NAMED + 1 else parts
    if len(said) < len(parts):
        said = [*said, f"{len(parts) - len(said)} more arguments"]
    if not said:
        return f"{plain}?"
    return f"{plain}, with {said[0] if len(said) == 1 else ', '.join(said[:-1]) + ' and ' + said[-1]}?"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _short(text, MOST_VALUE_CHARS)


def result_of(result: CallToolResult, most_chars: int) -> Result:
    """What a tool gave back, as data: a text of at most `most_chars`. Raises SkillError: it says that it failed.

    Pictures, sounds and files are passed over. `data` has "text" and, when it is small enough, "structured".
    """
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    text = _short("\n".join(texts), most_chars, keep_lines=True)
    if result.is_error:
        raise SkillError(f"It says that it did not work: {_short(text, 200)}" if text else "It says that it failed.")
    data: dict[str, Any] = {"text": text}
    if result.structured_content is not None and _json_length(result.structured_content) <= most_chars:
        data["structured"] = result.structured_content
    if not text and "structured" not in data:
        return Result("Done.", last_resort=True)
    return Result(_speakable(text), data, last_resort=True)


def _speakable(text: str) -> str:
    """What can be said as it is; "" what a template or a language model must put into words."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_SAY_CHARS and not line.startswith(("{", "[", "<")) else ""


def _json_length(value: Any) -> int:
    try:
        return len(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return 1 << 30


def _spoken(name: str) -> str:
    """ "GetLiveContext", "set_light-level" as words."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return " ".join(re.sub(r"[\W_]+", " ", words).split()).lower() or "it"


def _short(text: str, most: int, *, keep_lines: bool = False) -> str:
    printable = "".join(c for c in text[: 4 * most] if c.isprintable() or c in "\n\t ")
    text = printable.strip() if keep_lines else " ".join(printable.split())
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."
