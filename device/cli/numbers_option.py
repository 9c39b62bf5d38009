"""An option that takes several numbers: `--at 0.5 4`, `--at 0.5 --at 4` and `--at 0.5,4` all mean the same."""

from typing import Any

from typer.core import TyperCommand

_OPTION = "--at"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def spread(args: list[str]) -> list[str]:
    """`args` with every number behind `--at` given an `--at` of its own."""
    out: list[str] = []
    behind = False
    for arg in args:
        name, equals, value = arg.partition("=")
        if name == _OPTION and equals:
            out += [x for number in value.split(",") for x in (_OPTION, number)]
            behind = True
        elif arg == _OPTION:
            behind = True
            out.append(arg)
        elif behind and all(_is_number(n) for n in arg.split(",")):
            for number in arg.split(","):
                if not out or out[-1] != _OPTION:
                    out.append(_OPTION)
                out.append(number)
        else:
            behind = False
            out.append(arg)
    return out


class CommandWithTimes(TyperCommand):
    """A typer command whose `--at` takes all the numbers that follow it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))
