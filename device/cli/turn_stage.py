"""`nearfield turn`: the judge of whether the speaker has finished, alone.

    nearfield turn question.wav half.wav

It hears the whole of each file as the utterance so far; a conversation asks at the pause, and again after
240 ms of it.
"""

import time

import typer

from device.assembly import load_turn
from device.audio.files import load_audio
from device.cli.boundary import say as complain
from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from
from device.cli.stages import FilesArgument, to_floats
from device.errors import NearfieldError, UsageError
from models.errors import ModelError
from models.protocols import SAMPLE_RATE_HZ


def turn(
    files: FilesArgument, config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Has the speaker finished? The probability, 0 to 1, judged by the sound of the last 8 s.

    A file that cannot be used does not hide the others; the exit status is then 1. With --json one object a file:
    file, finished, audio_ms, judge_ms; or file, error.

    Examples:

      nearfield turn question.wav
      nearfield turn *.wav --json
    """
    settings = settings_from(config, overrides)
    judge = load_turn(settings)
    if judge is None:
        raise UsageError('turn.model is "none"', hint="name a model: --set turn.model=smart-turn-v3.2")
    failed = 0
    for file in files:
        try:
            audio = to_floats(load_audio(file))
            started = time.perf_counter()
            probability = judge.finished(audio)
            judge_ms = round((time.perf_counter() - started) * 1000, 1)
        except (NearfieldError, ModelError) as error:
            failed += 1
            complain(error.message, error.hint)
            if as_json:
                print_json({"file": str(file), "error": error.message})
            continue
        if as_json:
            audio_ms = round(len(audio) * 1000 / SAMPLE_RATE_HZ, 1)
            print_json(
                {"file": str(file), "finished": round(probability, 4), "audio_ms": audio_ms, "judge_ms": judge_ms}
            )
        else:
            print_text(f"{file}: {probability:.2f}" if len(files) > 1 else f"{probability:.2f}")
    if failed:
        raise typer.Exit(1)
