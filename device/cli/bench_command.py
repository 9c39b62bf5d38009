"""`nearfield bench`: the measurements of bench/, by name.

    nearfield bench turns ../shared/data/turns.tsv

The scripts lie beside the package in a source tree, which is what install.sh makes; a copy without them says so.
"""

import ast
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

import device
from device.errors import NearfieldError, UsageError

FOLDER = Path(device.__file__).resolve().parent.parent / "bench"


bench_app = typer.Typer(add_completion=False)


@bench_app.command(
    "bench", add_help_option=False, context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
def bench(args: Annotated[list[str] | None, typer.Argument(metavar="NAME [ARGS]...")] = None) -> None:
    """Measure: time to first audio, barge-in, echo, words, start-up."""
    run_benchmark(args or [])


def run_benchmark(args: list[str], folder: Path = FOLDER) -> None:
    """Run the benchmark that the first of `args` names with the rest of them; without any, list what there is.

    Exits with the benchmark's own status. Raises UsageError for an unknown name, NearfieldError without the folder.
    """
    found = benchmarks(folder)
    if not args or args[0] in ("-h", "--help"):
        width = max(map(len, found))
        print("Usage: nearfield bench NAME [ARGS]...; 'nearfield bench NAME --help' tells more.\n")
        print("\n".join(f"  {name:{width}}  {_summary(path)}" for name, path in found.items()))
        return
    name, *rest = args
    if name.replace("_", "-") not in found:
        raise UsageError(f"there is no benchmark {name!r}", hint=f"there is: {', '.join(found)}")
    script = found[name.replace("_", "-")]
    before = sys.argv
    sys.argv = [f"nearfield bench {name}", *rest]
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv = before


def benchmarks(folder: Path = FOLDER) -> dict[str, Path]:
    """Name -> script: every module of `folder` that has a `main`. Raises NearfieldError when there is none."""
    scripts = {p.stem.replace("_", "-"): p for p in sorted(folder.glob("*.py")) if "def main(" in p.read_text()}
    if not scripts:
        raise NearfieldError(
            f"no benchmarks in {folder}",
            hint="they come with the sources: install with './install.sh' from a clone",
        )
    return scripts


def _summary(path: Path) -> str:
    """The first sentence of the script's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())
