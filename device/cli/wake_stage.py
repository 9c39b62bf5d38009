"""`nearfield wake`: the wake words alone, on recordings or live.

    nearfield wake kitchen.wav --set wake.words=okay_nabu,alexa
    nearfield wake --live

The same models with the same sensitivity as in the appliance.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from device.assembly import load_wake_words
from device.audio.files import load_audio
from device.card import BLOCK_SAMPLES, Card
from device.cli.boundary import say as complain
from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from
from device.config import Settings
from device.errors import NearfieldError, UsageError
from models.errors import ModelError
from models.protocols import SAMPLE_RATE_HZ, Int16s, WakeDetection, WakeModel

#: Behind a file: a word at its very end is known only a little later.
_TAIL_SAMPLES = SAMPLE_RATE_HZ // 2


def wake(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings: any rate, any number of channels.", metavar="[FILES]...")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Listen to the sound card in place of files, until Ctrl-C.")
    ] = False,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wake words: which were said, and when. One line a detection, in seconds.

    A file that cannot be used does not hide the others; the exit status is then 1. With --json one object a detection:
    file (not with --live), word, end_ms, probability; for a file without any: file, word null; or file, error.

    Examples:

      nearfield wake kitchen.wav
      nearfield wake *.flac --json --set wake.words=okay_nabu,alexa --set wake.sensitivity=0.7
      nearfield wake --live --set wake.words=my_word.json
    """
    if live == bool(files):
        raise UsageError("name recordings, or --live", hint="'nearfield wake --help' has examples")
    settings = settings_from(config, overrides)
    words = load_wake_words(settings)
    if live:
        _listen(settings, words, as_json)
        return
    failed = 0
    for file in files or ():
        try:
            found = find_words(words, load_audio(file))
        except (NearfieldError, ModelError) as error:
            failed += 1
            complain(error.message, error.hint)
            if as_json:
                print_json({"file": str(file), "error": error.message})
            continue
        name = f"{file}: " if len(files or ()) > 1 else ""
        for each in found:
            _tell(each, as_json, {"file": str(file)}, name)
        if not found and as_json:
            print_json({"file": str(file), "word": None})
        elif not found:
            complain(f"{file}: no wake word in it")
    if failed:
        raise typer.Exit(1)


def find_words(words: WakeModel, pcm: Int16s) -> list[WakeDetection]:
    """All wake words in (n,) int16 at 16 kHz, in blocks of 10 ms as the appliance hears them. Raises ModelRunError."""
    words.reset()
    pcm = np.concatenate((pcm, np.zeros(_TAIL_SAMPLES, np.int16)))
    return [each for at in range(0, pcm.size, BLOCK_SAMPLES) for each in words.feed(pcm[at : at + BLOCK_SAMPLES], at)]


def _listen(settings: Settings, words: WakeModel, as_json: bool) -> None:
    """Until Ctrl-C, which is how it ends. Raises AudioError."""
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415 - not for files

    card: Card = open_sound_card(settings)
    with card:
        if not as_json:
            print_text(f"Listening on {card.name}. Ctrl-C ends.")
        while True:
            block = card.read(timeout_s=1.0)
            for each in () if block is None else words.feed(block.mic, block.sample):
                _tell(each, as_json, {}, "")


def _tell(found: WakeDetection, as_json: bool, where: dict[str, str], name: str) -> None:
    end_ms = round(found.end_sample * 1000 / SAMPLE_RATE_HZ, 1)
    if as_json:
        print_json(where | {"word": found.word, "end_ms": end_ms, "probability": round(found.probability, 4)})
    else:
        print_text(f"{name}{end_ms / 1000:.2f} {found.word} {found.probability:.2f}")
