"""Findings for a person, and for a program.

for finding in examination.run(): print_finding(console, finding)
as_json(findings, took_ms)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from device.diagnostics.doctor.finding import Finding, Level, counted

#: In words, for whoever sees no colours.
MARKS: Mapping[Level, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "warning": ("warn", "yellow"),
    "failed": ("FAIL", "bold red"),
    "not tried": ("-", "dim"),
}
_NAME_WIDTH = 14
_INDENT = 6 + _NAME_WIDTH


def print_finding(console: Console, finding: Finding) -> None:
    """What was found and what it means; what mends it on a line of its own, whole, so that it can be copied."""
    mark, style = MARKS[finding.level]
    head = Text.assemble((f"{mark:<5} ", style), (f"{finding.check:<{_NAME_WIDTH}}", "bold"))
    what = _plain(finding.what if finding.level != "not tried" else f"not tried {finding.what}")
    text = Text(what, style="dim" if finding.level == "not tried" else "")
    if finding.means:
        text.append(f": {_plain(finding.means)}")
    _hanging(console, head, text)
    for line in finding.more:
        _hanging(console, Text(" " * _INDENT), Text(_plain(line), style="dim"))
    if finding.mend:
        console.print(Text(f"{' ' * (_INDENT - 3)}-> {_plain(finding.mend)}", style="cyan"), soft_wrap=True)


def _hanging(console: Console, head: Text, text: Text) -> None:
    """`text` behind `head`, further lines below its beginning. Not broken where nobody reads it on a screen."""
    if not console.is_terminal:
        console.print(head + text, soft_wrap=True)
        return
    lines = text.wrap(console, max(20, console.width - _INDENT))
    for number, line in enumerate(lines):
        line.rstrip()
        console.print((head if number == 0 else Text(" " * _INDENT)) + line, soft_wrap=True)


def summary(findings: Sequence[Finding], seconds: float) -> str:
    """One line."""
    counts = {level: sum(f.level == level for f in findings) for level in MARKS}
    if not counts["failed"] and not counts["warning"]:
        told = "all is well" if not counts["not tried"] else "nothing is wrong"
    else:
        told = f"{counts['failed']} failed, {counted(counts['warning'], 'warning')}"
    left = f", {counts['not tried']} not tried" if counts["not tried"] else ""
    return f"{counted(len(findings), 'check')} in {seconds:.1f} s: {told}{left}"


def as_json(findings: Sequence[Finding], took_ms: Mapping[str, float], seconds: float) -> dict[str, Any]:
    """docs/doctor.md has its form."""
    return {
        "ok": not any(f.level == "failed" for f in findings),
        "seconds": round(seconds, 2),
        "findings": [{**f.to_json(), "took_ms": took_ms.get(f.check)} for f in findings],
    }


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
