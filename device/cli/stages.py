"""One stage of the assistant alone, for diagnosis: `nearfield transcribe|say|segment|cancel-echo`.

    nearfield transcribe question.wav --json

Each is the code of the appliance itself, with the same models and the same configuration.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from device.assembly import answer_policy, load_recogniser, load_vad, load_voice
from device.audio.files import load_audio
from device.card import Card
from device.cli.boundary import say as complain
from device.cli.options import ConfigOption, JsonOption, SetOption, print_json, print_text, settings_from
from device.cli.wav_output import write_wav
from device.config import Settings
from device.dialogue.clauses import ClauseSplitter
from device.dialogue.endpointer import Cap, Endpointer, EndpointPolicy, Onset, OnsetRule, Pause
from device.errors import NearfieldError, NoCardError, UsageError
from models.errors import ModelError
from models.protocols import SAMPLE_RATE_HZ, Floats, Int16s, VadModel

PLAY_PIECE_SAMPLES = 10 * SAMPLE_RATE_HZ  #: handed to the card at a time, so that its ring need not hold a whole speech

FilesArgument = Annotated[list[Path], typer.Argument(help="Recordings: any rate, any number of channels.")]


def to_floats(pcm: Int16s) -> Floats:
    """(n,) int16 as (n,) float32 in -1..1."""
    return pcm.astype(np.float32) / np.float32(32768)


def transcribe(
    files: FilesArgument, config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Speech to text. A file that cannot be used does not hide the others; the exit status is then 1.

    With --json one object a file: file, text, probability, audio_ms, decode_ms, rtf; or file, error.

    Examples:

      nearfield transcribe question.wav
      nearfield transcribe *.flac --json --set stt.model=whisper-base
    """
    settings = settings_from(config, overrides)
    recogniser = load_recogniser(settings)
    failed = 0
    for file in files:
        try:
            transcript = recogniser.transcribe(to_floats(load_audio(file)))
        except (NearfieldError, ModelError) as error:
            failed += 1
            _file_failed(file, error, as_json)
            continue
        if as_json:
            print_json(
                {
                    "file": str(file),
                    "text": transcript.text,
                    "probability": round(transcript.probability, 4),
                    "audio_ms": round(transcript.audio_ms, 1),
                    "decode_ms": round(transcript.decode_ms, 1),
                    "rtf": round(transcript.decode_ms / transcript.audio_ms, 4),
                }
            )
        else:
            print_text(f"{file}: {transcript.text}" if len(files) > 1 else transcript.text)
    if failed:
        raise typer.Exit(1)


def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="WAV file to write (16 kHz, mono) in place of the loudspeaker."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Text to speech, clause by clause as the assistant does it; to the loudspeaker or to a file.

    With --json: clauses (text, start_ms, end_ms), audio_ms, first_audio_ms, synthesis_ms, rtf, output.

    Examples:

      nearfield say "Hello there."
      nearfield say "It is 3.14, more or less." -o pi.wav --json
    """
    settings = settings_from(config, overrides)
    clauses = split_clauses(settings, text)
    if not clauses:
        raise UsageError(f"there is nothing to say in {text!r}", hint="give it some words")
    card = None if output else open_card(settings)  # before the work: without a card there is no point in it
    voice = load_voice(settings)
    started = time.perf_counter()
    first_audio_ms = 0.0
    spoken: list[dict[str, Any]] = []
    pieces: list[Int16s] = []
    at = 0
    for clause in clauses:
        speech = voice.speak(clause)
        if speech is None:
            continue
        first_audio_ms = first_audio_ms or _ms_since(started)
        spoken.append({"text": clause, "start_ms": _ms(at), "end_ms": _ms(at + len(speech.pcm))})
        pieces.append(speech.pcm)
        at += len(speech.pcm)
    synthesis_ms = _ms_since(started)
    if not at:
        raise UsageError(f"there is nothing to say in {text!r}", hint="give it some words")
    pcm = np.concatenate(pieces)
    if output:
        write_wav(output, pcm)
    if card:
        play_on(card, pcm)
    if as_json:
        print_json(
            {
                "clauses": spoken,
                "audio_ms": _ms(at),
                "first_audio_ms": first_audio_ms,
                "synthesis_ms": synthesis_ms,
                "rtf": round(synthesis_ms / _ms(at), 4),
                "output": str(output) if output else None,
            }
        )
    elif output:
        print_text(f"{output}: {at / SAMPLE_RATE_HZ:.2f} s")


def segment(
    files: FilesArgument, config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Where somebody speaks, as the assistant would cut it into turns: one line a stretch, in seconds.

    With --json one object a file: file, audio_ms, segments (start_ms, end_ms); or file, error.

    Examples:

      nearfield segment question.wav
      nearfield segment meeting.flac --json --set turn.end_silence_ms=300
    """
    settings = settings_from(config, overrides)
    vad = load_vad(settings)
    failed = 0
    for file in files:
        try:
            pcm = load_audio(file)
            segments = find_segments(settings, vad, pcm)
        except (NearfieldError, ModelError) as error:
            failed += 1
            _file_failed(file, error, as_json)
            continue
        if as_json:
            found = [{"start_ms": _ms(start), "end_ms": _ms(end)} for start, end in segments]
            print_json({"file": str(file), "audio_ms": _ms(len(pcm)), "segments": found})
        else:
            name = f"{file}: " if len(files) > 1 else ""
            for start, end in segments:
                print_text(f"{name}{start / SAMPLE_RATE_HZ:.2f} {end / SAMPLE_RATE_HZ:.2f}")
            if not segments:
                complain(f"{file}: nobody speaks in it")
    if failed:
        raise typer.Exit(1)


def cancel_echo(
    *,
    near: Annotated[Path, typer.Option("--near", help="What the microphone heard.")],
    far: Annotated[Path, typer.Option("--far", help="What the loudspeaker played, from the same moment on.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="WAV file to write: the microphone without the echo.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the loudspeaker out of a recording, as the assistant does before it listens.

    Prints the ERLE (echo return loss enhancement: how much quieter the microphone became while the loudspeaker
    played, in dB; speech of the user in those stretches lowers it). The output is aligned with the microphone.

    Examples:

      nearfield cancel-echo --near mic.wav --far speaker.wav -o clean.wav
      nearfield cancel-echo --near mic.wav --far speaker.wav -o clean.wav --set echo.tail_ms=300 --json
    """
    from device.cli.echo_stage import erle_db, without_echo  # noqa: PLC0415 - the native extension, for this one only

    settings = settings_from(config, overrides)
    near_pcm, far_pcm = load_audio(near), load_audio(far)
    if abs(len(near_pcm) - len(far_pcm)) > SAMPLE_RATE_HZ:
        complain(
            f"{near} ({len(near_pcm) / SAMPLE_RATE_HZ:.1f} s) and {far} ({len(far_pcm) / SAMPLE_RATE_HZ:.1f} s) "
            "differ in length; the rest of the loudspeaker is taken as silence"
        )
    clean = without_echo(settings.echo, near_pcm, far_pcm)
    write_wav(output, clean)
    erle = erle_db(near_pcm, far_pcm, clean)
    if as_json:
        print_json({"output": str(output), "audio_ms": _ms(len(clean)), "erle_db": erle})
    else:
        heard = "the loudspeaker is silent throughout" if erle is None else f"ERLE {erle:.1f} dB"
        print_text(f"{output}: {len(clean) / SAMPLE_RATE_HZ:.2f} s, {heard}")


def find_segments(settings: Settings, vad: VadModel, pcm: Int16s) -> list[tuple[int, int]]:
    """Stretches of speech in (n,) int16 at 16 kHz as [start, end) in samples, by the rules of the appliance."""
    turn = settings.turn
    endpointer = Endpointer(
        EndpointPolicy(
            onset=OnsetRule(settings.vad.start_probability, settings.vad.min_speech_ms),
            stop_probability=settings.vad.stop_probability,
            pause_ms=turn.end_silence_ms,
            max_utterance_ms=turn.max_utterance_s * 1000,
        )
    )
    vad.reset()
    size = vad.frame_samples
    audio = to_floats(pcm)
    segments: list[tuple[int, int]] = []
    start = 0
    for at in range(0, len(audio), size):
        frame = audio[at : at + size]
        probability = vad.probability(np.pad(frame, (0, size - len(frame))))
        for decision in [*endpointer.hear(pcm[at : at + size], at), *endpointer.feed(probability, at, at + size)]:
            if isinstance(decision, Onset):
                start = decision.onset_sample
            elif isinstance(decision, Pause | Cap):
                segments.append((start, min(decision.offset_sample, len(pcm))))
            if isinstance(decision, Pause):
                endpointer.reset()
    if endpointer.talking:
        segments.append((start, min(endpointer.offset_sample, len(pcm))))
    return segments


def split_clauses(settings: Settings, text: str) -> list[str]:
    """The clauses that the assistant would speak `text` in."""
    splitter = ClauseSplitter(answer_policy(settings).clauses)
    return [*splitter.feed(text), *splitter.finish()]


def open_card(settings: Settings) -> Card:
    """The sound card that the configuration names, to play on as loud as it was calibrated: a microphone is not needed.

    Raises AudioError.
    """
    from device.cli.sound_card import open_sound_card, turned_down  # noqa: PLC0415 - not for a file

    try:
        return turned_down(open_sound_card(settings, mic_optional=True), settings)
    except NoCardError as error:
        raise NoCardError(error.message, hint=f"{error.hint}; or write a file with -o FILE".lstrip("; ")) from error


def play(settings: Settings, pcm: Int16s) -> None:
    """Play (n,) int16 at 16 kHz on the sound card that the configuration names. Raises AudioError."""
    play_on(open_card(settings), pcm)


def play_on(card: Card, pcm: Int16s) -> None:
    """Play (n,) int16 at 16 kHz and wait until it has sounded. Raises AudioError."""
    with card:
        for at in range(0, len(pcm), PLAY_PIECE_SAMPLES):
            piece = pcm[at : at + PLAY_PIECE_SAMPLES]
            span = card.play(piece)
            _play_until(card, span.end - len(piece) // 2)  # the next piece comes while half of this one is left
        _play_until(card, span.end)


def _play_until(card: Card, position: int) -> None:
    """Read blocks until ring position `position` has become sound."""
    while (block := card.read(timeout_s=1.0)) is not None:
        if block.played.end >= position:
            for _ in range(max(0, block.dac_sample - block.sample) // len(block.mic)):
                card.read(timeout_s=1.0)
            return


def _file_failed(file: Path, error: NearfieldError | ModelError, as_json: bool) -> None:
    complain(error.message, error.hint)
    if as_json:
        print_json({"file": str(file), "error": error.message})


def _ms(samples: int) -> float:
    return round(samples * 1000 / SAMPLE_RATE_HZ, 1)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
