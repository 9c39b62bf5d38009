"""`nearfield setup`: questions over ssh, or a file of answers, and the configuration is written (docs/setup.md)."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.options import print_text

if TYPE_CHECKING:  # --help needs none of these
    from device.cli.setup_trial import Trials
    from device.config import Settings
    from device.setup_wizard.answers import Answers
    from device.setup_wizard.interview import Interview, Question

_WIDTH = 80
_TRIALS = {"tone": "Playing.", "level": "Speak now.", "calibrate": "Measuring: please be quiet for some 8 s."}


def setup(
    answers: Annotated[
        Path | None, typer.Option("--from", metavar="ANSWERS.toml", help="Ask nothing: the answers are in this file.")
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the configuration that it would write, and write nothing.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The file to write; else the one in use.")
    ] = None,
) -> None:
    """Set it up: sound card, when it listens, models, voice, clock, buttons. Works over ssh.

    Enter keeps what is configured, "back" goes to the question before, Ctrl-C leaves without a change. What would
    change is shown before it is written; comments and other keys of the file stay. Examples:

      nearfield setup

      nearfield setup --from answers.toml --print

      sudo nearfield setup --config /etc/nearfield/nearfield.toml
    """
    from device.config import load_settings  # noqa: PLC0415
    from device.errors import UsageError  # noqa: PLC0415

    path = _target(config)
    before = _read(path)
    settings = load_settings(path if path.is_file() else None) if before else _defaults()
    if answers is not None:
        _unattended(answers, path, before, print_only)
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at", hint="give the answers with --from ANSWERS.toml")
    if not print_only:
        _must_be_writable(path)
    _attended(settings, path, before, print_only)


# --- the two ways


def _unattended(file: Path, path: Path, before: str, print_only: bool) -> None:
    from device.cli.setup_facts import time_zone  # noqa: PLC0415
    from device.setup_wizard.answers import read_answers  # noqa: PLC0415
    from device.setup_wizard.configuration import check, merged  # noqa: PLC0415

    given, places = read_answers(file)
    after = merged(before, given.keys())
    settings = check(after, path, places)
    _models_are_known(settings, places)
    if print_only:
        print_text(after, end="")
        return
    _must_be_writable(path)
    _write(path, before, after)
    _what_next(settings, given, time_zone())


def _attended(settings: "Settings", path: Path, before: str, print_only: bool) -> None:
    from device.cli.setup_facts import gather, time_zone  # noqa: PLC0415
    from device.cli.setup_trial import Trials  # noqa: PLC0415
    from device.setup_wizard.answers import present_answers  # noqa: PLC0415
    from device.setup_wizard.configuration import check, difference, merged  # noqa: PLC0415
    from device.setup_wizard.interview import Interview  # noqa: PLC0415

    facts, zone, trials = gather(settings), time_zone(), Trials(settings)
    print_text('Enter keeps what stands there, "back" goes back, Ctrl-C leaves without a change.')
    if facts.no_card:
        _say(f"The sound card is left as it is: {facts.no_card}")
    interview = Interview(facts, present_answers(settings, zone), fresh=not before.strip())
    hold(interview, trials, _input)
    after = merged(before, interview.given.keys())
    checked = check(after, path, {})
    if print_only:
        print_text(after, end="")
        return
    if after == before:
        print_text(f"\n{path}: nothing to change.")
    else:
        print_text("\n" + difference(before, after, path))
        if not _yes(f"\nWrite {path}? [yes]", _input):
            print_text("Nothing was changed.")
            return
        _write(path, before, after)
    if kept := trials.store():
        print_text(f"The measurement is kept in {kept}.")
    _what_next(checked, interview.given, zone)


def hold(interview: "Interview", trials: "Trials", ask: Callable[[str], str]) -> None:
    """Ask until there is nothing left to ask. `ask`: shows a prompt and returns a line. Raises what `ask` raises."""
    from device.setup_wizard.interview import Question  # noqa: PLC0415

    complaint = ""
    while (step := interview.step) is not None:
        if not isinstance(step, Question):
            _say(_TRIALS[step], "    ")
            _say(trials.run(step, interview.answers), "    ")
            interview.done()
            continue
        if not complaint:  # else it still stands there
            _show(step, interview.number)
        complaint = interview.answer(ask(f"    [{step.default}] "))
        if complaint:
            _say(complaint, "    ! ")


# --- the terminal


def _show(question: "Question", number: int) -> None:
    print_text("")
    _say(f"{number}. {question.text}")
    width = max((len(choice.value) for choice in question.choices), default=0)
    for place, choice in enumerate(question.choices, start=1):
        mark = "*" if choice.value == question.default else " "
        line = f"  {mark} {place}  {choice.value:<{min(width, 28)}}  {choice.label}".rstrip()
        print_text(line if len(line) <= _columns() else line[: _columns() - 3] + "...")
    if question.note:
        _say(question.note, "    ")


def _say(text: str, indent: str = "") -> None:
    for line in text.splitlines():
        print_text(textwrap.fill(line, _columns(), initial_indent=indent, subsequent_indent=" " * len(indent)))


def _columns() -> int:
    return min(_WIDTH, shutil.get_terminal_size().columns)


def _input(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        print_text("")
        raise typer.Abort from None


def _yes(prompt: str, ask: Callable[[str], str]) -> bool:
    while True:
        said = ask(f"{prompt} ").strip().lower()
        if said in ("", "y", "yes"):
            return True
        if said in ("n", "no"):
            return False


# --- the file


def _target(config: Path | None) -> Path:
    """The file that is written: the one named, the one in use, or where a new one belongs."""
    from device.config.dirs import SYSTEM_CONFIG_DIR, config_dir  # noqa: PLC0415
    from device.config.load import FILE_NAME, find_file  # noqa: PLC0415

    if config is not None:
        return config.expanduser()
    if (found := find_file(None, os.environ)) is not None:
        return found
    return (SYSTEM_CONFIG_DIR if SYSTEM_CONFIG_DIR.is_dir() and os.geteuid() == 0 else config_dir()) / FILE_NAME


def _read(path: Path) -> str:
    """ "" when there is none. Raises ConfigError: it cannot be read, or is not right as it is."""
    from device.config.load import load_config  # noqa: PLC0415
    from device.config.tomlfile import read_toml  # noqa: PLC0415

    if not path.exists():
        return ""
    read_toml(path)
    load_config(path, (), {})  # a mistake that was there before is told with its line, not blamed on an answer
    return path.read_text("utf-8-sig")


def _defaults() -> "Settings":
    from device.config import Settings  # noqa: PLC0415

    return Settings()


def _must_be_writable(path: Path) -> None:
    """Before the first question, not behind the last. Raises UsageError."""
    from device.errors import UsageError  # noqa: PLC0415

    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: you may not write there", hint="use sudo, or name another file with --config")


def _write(path: Path, before: str, after: str) -> None:
    from device.whole_file import write_whole  # noqa: PLC0415

    if after == before:
        print_text(f"{path}: nothing to change")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, after, mode=0o644)
    print_text(f"{path}: written")


def _models_are_known(settings: "Settings", places: Mapping[str, str]) -> None:
    """Raises ConfigError: an answer names a model, a voice or a wake word that there is not."""
    from device.cli.setup_facts import wake_words  # noqa: PLC0415
    from device.errors import ConfigError  # noqa: PLC0415
    from device.setup_wizard.configuration import wanted_models  # noqa: PLC0415
    from device.setup_wizard.interview import unknown_word  # noqa: PLC0415
    from models.errors import ModelError  # noqa: PLC0415
    from models.store import open_store  # noqa: PLC0415

    store = open_store(settings.models.dir)
    for model, answer in wanted_models(settings).items():
        try:
            store.catalog.model(model)
        except ModelError as error:
            raise ConfigError(f"{places.get(answer, answer)}: {error.message}", hint=error.hint) from error
    if settings.turn.wake_words and (problem := unknown_word(settings.wake.words, wake_words(settings))):
        raise ConfigError(f"{places.get('wake_words', 'wake.words')}: {problem}")


def _what_next(settings: "Settings", answers: "Answers", zone: str) -> None:
    from device.setup_wizard.answers import MODEL_SETS  # noqa: PLC0415
    from device.setup_wizard.configuration import wanted_models  # noqa: PLC0415
    from models.errors import ModelError  # noqa: PLC0415
    from models.store import open_store  # noqa: PLC0415

    steps: list[str] = []
    if answers.time_zone is not None and answers.time_zone != zone:
        steps.append(f"sudo timedatectl set-timezone {answers.time_zone}")
    try:
        store = open_store(settings.models.dir)
        missing = [model for model in wanted_models(settings) if store.state(model) != "present"]
    except ModelError:
        missing = []
    if missing:
        covering = next((name for name in MODEL_SETS if set(missing) <= set(store.catalog.sets.get(name, ()))), None)
        steps.append("nearfield models pull " + (f"--set {covering}" if covering else " ".join(missing)))
    service = Path("/etc/systemd/system/nearfield.service").exists()
    steps.append("sudo systemctl restart nearfield" if service else "nearfield run")
    print_text("Next:")
    for step in steps:
        print_text(f"  {step}")
