"""`nearfield calibrate`: what the card does in its room, and how loud it may play (docs/audio.md)."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.options import (
    ConfigOption,
    EchoDbOption,
    EchoDelayOption,
    EchoIrOption,
    JsonOption,
    SetOption,
    print_json,
    print_text,
    settings_from,
)

if TYPE_CHECKING:  # --help needs none of these
    from device.audio.frontend import FrontEnd
    from device.card import Card
    from device.config import Settings
    from device.diagnostics.calibration import Calibration
    from device.diagnostics.calibration_result import CalibrationResult
    from models.protocols import Int16s

_SILENT_CARD_S = 3.0  # a card that delivers nothing for so long never will


@dataclass(frozen=True, slots=True)
class World:
    """What a virtual card is surrounded by; all None: the real card."""

    echo_db: float | None = None
    echo_delay_ms: float | None = None
    echo_ir: Path | None = None
    noise: Path | None = None
    drift_ppm: float | None = None

    def flags(self) -> list[str]:
        """The options that were given."""
        return [f"--{name.replace('_', '-')}" for name in self.__slots__ if getattr(self, name) is not None]

    def card(self) -> "Card":
        """Raises AudioFileError, UsageError."""
        import numpy as np  # noqa: PLC0415

        from device.audio.files import load_audio  # noqa: PLC0415
        from device.audio.virtual import VirtualCard  # noqa: PLC0415
        from device.cli.converse import Room  # noqa: PLC0415

        room = Room(self.echo_db, self.echo_delay_ms, self.echo_ir)
        noise = None if self.noise is None else load_audio(self.noise).astype(np.float32)
        return VirtualCard(impulse_response=room.impulse_response(), noise=noise, drift_ppm=self.drift_ppm or 0.0)


def calibrate(
    say: Annotated[
        str | None, typer.Option("--say", metavar="TEXT", help="Speak this sentence in place of sweep and noise.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="REC.wav", help="Stereo recording: left = microphone, right = loudspeaker."
        ),
    ] = None,
    store: Annotated[
        bool | None,
        typer.Option("--store/--no-store", help="Keep the result for this card.  [default: not with --virtual]"),
    ] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="On the virtual card, in the room that these say:")
    ] = False,
    echo_db: EchoDbOption = None,
    echo_delay_ms: EchoDelayOption = None,
    echo_ir: EchoIrOption = None,
    noise: Annotated[
        Path | None, typer.Option("--noise", metavar="N.wav", help="Noise at the microphone, as loud as it is.")
    ] = None,
    drift_ppm: Annotated[
        float | None,
        typer.Option("--drift-ppm", metavar="PPM", help="How much faster the microphone's clock is than the other."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the card in its room, and find the level that keeps the microphone from clipping.

    Plays a sweep, something like speech, and the sweep again: 8 s in which nobody should talk. The result is kept for
    this card, and 'nearfield run' plays at that level (audio.playback_gain_db = "auto"). Examples:

      nearfield calibrate

      nearfield calibrate --say "The quick brown fox jumps over the lazy dog."

      nearfield calibrate --virtual --echo-db -6 --echo-delay-ms 12 --json
    """
    from device.audio.chatter import without_chatter  # noqa: PLC0415
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415
    from device.diagnostics.calibration import Calibration  # noqa: PLC0415
    from device.diagnostics.calibration_store import CalibrationStore  # noqa: PLC0415
    from device.errors import AudioError, NearfieldError, UsageError  # noqa: PLC0415

    world = World(echo_db, echo_delay_ms, echo_ir, noise, drift_ppm)
    if world.flags() and not virtual:
        raise UsageError(f"{world.flags()[0]} needs --virtual", hint="a real room is as it is")
    settings = settings_from(config, overrides)
    card = world.card() if virtual else open_sound_card(settings, loopback=False)
    sentence = None if say is None else _spoken(settings, say)
    with contextlib.ExitStack() as stack:
        ear = stack.enter_context(front_end(settings))
        calibration = Calibration(card.name, ear, sentence=sentence, tail_ms=settings.echo.tail_ms)
        if not virtual:
            stack.enter_context(without_chatter())
        if not as_json:
            print_text(f"Measuring {card.name}: please be quiet for some 8 s.")
        try:
            measure(card, calibration)
        finally:  # also what was heard until the card went, or Ctrl-C
            if output is not None:
                _record(output, calibration)
    result = calibration.result()
    kept: Path | None = None
    unkept: NearfieldError | None = None
    if (not virtual if store is None else store) and result.heard:
        calibrations = CalibrationStore()
        try:
            calibrations.save(result)
            kept = calibrations.path
        except NearfieldError as error:  # a full disk, say: what was measured is shown all the same
            unkept = error
    if as_json:
        print_json({**result.to_json(), "stored": None if kept is None else str(kept)})
    else:
        show(result, kept, output)
    if unkept is not None:
        raise unkept
    if not result.heard:
        raise AudioError(f"{card.name} could not be calibrated", hint=result.advice[0].text)


def measure(card: "Card", calibration: "Calibration") -> None:
    """Run the card until the measurement is done. Raises AudioError when the card is lost or gives nothing."""
    from device.errors import AudioError  # noqa: PLC0415

    with card:
        while not calibration.done:
            block = card.read(_SILENT_CARD_S)
            if block is None:
                raise AudioError(
                    f"{card.name} has delivered nothing for {_SILENT_CARD_S:.0f} s",
                    hint="'nearfield devices' lists what there is",
                )
            sound = calibration.feed(block)
            if sound is not None:
                card.play(sound)


def front_end(settings: "Settings") -> "FrontEnd":
    """A new one, as the assistant has it."""
    from device.audio.frontend import FrontEnd  # noqa: PLC0415

    echo = settings.echo
    return FrontEnd(
        echo.tail_ms,
        residual_db=echo.residual_suppression_db,
        residual_active_db=echo.residual_suppression_active_db,
    )


def _spoken(settings: "Settings", text: str) -> "Int16s":
    """Raises ModelError; UsageError when there is nothing to say."""
    from device.assembly import load_voice  # noqa: PLC0415
    from device.errors import UsageError  # noqa: PLC0415

    speech = load_voice(settings).speak(text) if text.strip() else None
    if speech is None or not speech.pcm.any():
        raise UsageError(f"there is nothing to say in {text!r}", hint="give it a sentence")
    return speech.pcm


def _record(path: Path, calibration: "Calibration") -> None:
    """Both sides, the loudspeaker where it sounds. Raises AudioError."""
    from device.audio.recording import StereoWriter  # noqa: PLC0415

    writer = StereoWriter(path)
    writer.write(*calibration.recording())
    writer.close()


def show(result: "CalibrationResult", kept: Path | None, output: Path | None) -> None:
    """For a person."""
    lines = {"Card": result.card}
    if result.echo_delay_samples is not None and result.round_trip_samples is not None:
        delay, trip = result.echo_delay_samples, result.round_trip_samples
        lines["Echo delay"] = f"{delay / 16:.1f} ms ({delay} samples); round trip {trip / 16:.1f} ms ({trip} samples)"
        lines["Echo level"] = f"{result.echo_db:.1f} dB against what is played"
        lines["Head-room"] = f"{result.headroom_db:.1f} dB at the microphone, playback not turned down"
        lines["Playback"] = f"{result.playback_gain_db:.1f} dB"
        lines["Clipped"] = f"{result.clipped_samples} samples at that level"
    lines["Noise floor"] = f"{result.noise_floor_dbfs:.1f} dBFS"
    if result.heard:
        lines["Drift"] = "not measured" if result.drift_ppm is None else f"{result.drift_ppm:.1f} ppm"
        lines["ERLE"] = (
            "not measured: noise covers the echo"
            if result.erle_db is None
            else f"{result.erle_db:.0f} dB of echo taken away"
        )
    for name, value in lines.items():
        print_text(f"{name:<12} {value}")
    if result.heard:  # otherwise it is the error
        for advice in result.advice:
            print_text(f"Advice       {advice.text}")
    if kept is not None:
        print_text(f"Kept         {kept}")
    if output is not None:
        print_text(f"Recording    {output} (left: microphone, right: loudspeaker)")
