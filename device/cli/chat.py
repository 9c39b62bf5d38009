"""`nearfield chat`: the persona, its skills and the language model, without ears and voice.

echo "What is the capital of France?" | nearfield chat
"""

import logging
import sys
import time
from collections.abc import Iterator

import typer

from device.assembly import load_chat_for, offers_tools
from device.cli.boundary import say as complain
from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from
from device.config import Settings
from device.persona import Persona, load_persona, settings_for
from device.personas.at_hand import skills_at_hand
from device.personas.typed import TypedTurns
from device.skills.tool_calls import tool_specs
from models.errors import ModelError
from models.protocols import ChatModel, Message

_log = logging.getLogger(__name__)

HISTORY_MESSAGES = 200  #: kept in memory; the model's context holds far fewer
_PROMPT = "> "


def chat(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Type instead of talk: one line in, one answer out, as it is written. Ctrl-D ends it.

    Skills answer first, as when it is spoken to; timers and the volume are left alone, and lists are forgotten.
    Lines may come from a pipe. With --json one object a line: user, reply, first_token_ms, total_ms; or user, error.

    Examples:

      nearfield chat
      echo "What is the capital of France?" | nearfield chat --json
    """
    settings = settings_from(config, overrides)
    persona = load_persona(settings.persona)
    settings = settings_for(persona, settings)
    model = load_chat_for(persona, settings)
    history = [Message("system", persona.prompt)]
    turns = _turns(persona, settings, model)
    model.warm(history)
    if persona.greeting and not as_json:
        print_text(persona.greeting)
    failed = False
    for line in _lines():
        history.append(Message("user", line))
        started = time.perf_counter()
        try:
            reply, first_token_s = _answer(turns, history, as_json)
        except ModelError as error:
            failed = True
            history.pop()
            complain(error.message, error.hint)
            if as_json:
                print_json({"user": line, "error": error.message})
            continue
        history.append(Message("assistant", reply))
        del history[1 : max(1, len(history) - HISTORY_MESSAGES)]
        if as_json:
            first_token_ms = None if first_token_s is None else round((first_token_s - started) * 1000, 1)
            total_ms = round((time.perf_counter() - started) * 1000, 1)
            print_json({"user": line, "reply": reply, "first_token_ms": first_token_ms, "total_ms": total_ms})
        model.warm(history)
    if failed:
        raise typer.Exit(1)


def _turns(persona: Persona, settings: Settings, model: ChatModel) -> TypedTurns:
    bench = skills_at_hand(persona, settings)
    for complaint in bench.complaints:
        _log.warning("%s", complaint)
    return TypedTurns(bench, model, tool_specs(bench.skills.registry) if offers_tools(settings) else ())


def _answer(turns: TypedTurns, history: list[Message], as_json: bool) -> tuple[str, float | None]:
    """The whole answer and when its first piece came (perf_counter); written out as it comes unless `as_json`."""
    pieces: list[str] = []
    first_token_s: float | None = None
    for piece in turns.reply(history):
        if first_token_s is None:
            first_token_s = time.perf_counter()
        pieces.append(piece)
        if not as_json:
            print_text(piece, end="")
    if not as_json:
        print_text("")
    return "".join(pieces).strip(), first_token_s


def _lines() -> Iterator[str]:
    """Lines with something in them; a prompt, history and editing keys only where somebody types."""
    if sys.stdin.isatty():
        import readline  # noqa: F401, PLC0415 - editing keys for input(), only at a terminal

        while True:
            try:
                line = input(_PROMPT)
            except EOFError:
                print()
                return
            if line.strip():
                yield line.strip()
    for raw in sys.stdin.buffer:
        if line := raw.decode("utf-8", "replace").strip():
            yield line
