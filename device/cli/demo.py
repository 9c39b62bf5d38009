"""`nearfield demo`: one spoken question, one spoken answer, and how long it took."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.options import ConfigOption, SetOption, print_text, settings_from

if TYPE_CHECKING:
    from device.config import Settings
    from models.protocols import Int16s, Voice

QUESTION = "What is the capital of France?"
_PITCH = 1.12  # the question is asked by the same voice, a little higher: two people seem to talk


def demo(
    question: Annotated[str, typer.Option("--question", help="What to ask.")] = QUESTION,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="OUT.wav", help="Stereo recording: left = question, right = answer."),
    ] = Path("nearfield-demo.wav"),
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """One question, one answer, and how long it took.

    The question is synthesised, said into a virtual sound card, understood, answered and spoken by the real models in
    real time. The recording is played if there is a loudspeaker. Examples:

      nearfield demo

      nearfield demo --question "Who was Albert Einstein?"
    """
    from device.assembly import load_voice  # noqa: PLC0415
    from device.cli.converse import Room, open_card, rehearsal_on, show  # noqa: PLC0415
    from device.converse.script import Line, Timing  # noqa: PLC0415
    from device.errors import NearfieldError  # noqa: PLC0415

    settings = settings_from(config, overrides)
    lines = [Line("question", _spoken(load_voice(settings), question))]
    card = open_card(lines, Room(echo_db=-20.0), output)
    with rehearsal_on(settings, lines, Timing(), card, None) as rehearsal:
        rehearsal.run()
    show(rehearsal, output)
    if not any(turn.reply_heard for turn in rehearsal.result().turns):
        raise NearfieldError(
            "the question got no answer", hint="see what was understood: nearfield transcribe " + str(output)
        )
    _play(settings, card.recording())


def _spoken(voice: "Voice", question: str) -> "Int16s":
    """The question as audio, with half a second of silence behind it, as in a recording."""
    import numpy as np  # noqa: PLC0415

    from device.errors import UsageError  # noqa: PLC0415
    from dsp.resample import resample  # noqa: PLC0415
    from models.protocols import SAMPLE_RATE_HZ  # noqa: PLC0415

    speech = voice.speak(question)
    if speech is None:
        raise UsageError(f"there is nothing to say in {question!r}", hint="give the question some words")
    higher = resample(speech.pcm, round(SAMPLE_RATE_HZ * _PITCH), SAMPLE_RATE_HZ)
    return np.concatenate((higher, np.zeros(SAMPLE_RATE_HZ // 2, np.int16)))


def _play(settings: "Settings", recording: "tuple[Int16s, Int16s]") -> None:
    """Both sides at once, if there is a loudspeaker."""
    import numpy as np  # noqa: PLC0415

    from device.cli.stages import play  # noqa: PLC0415
    from device.errors import AudioError  # noqa: PLC0415

    mic, speaker = recording
    both = np.clip(mic.astype(np.int32) + speaker, -32768, 32767).astype(np.int16)
    try:
        play(settings, both)
    except AudioError as error:
        print_text(f"Not played: {error.message}.")
