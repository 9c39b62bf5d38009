"""`nearfield run`: the appliance on the sound card."""

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.boundary import say
from device.cli.endings import EndedEarlyError, Endings
from device.cli.options import ConfigOption, SetOption, VerboseOption, print_text, settings_from

if TYPE_CHECKING:
    from device.audio.portaudio import PortAudioCard
    from device.config import Settings


def run(
    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="EV.jsonl", help="Everything that happens, one JSON object a line."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    persona: Annotated[
        str | None, typer.Option("--persona", metavar="P", help="Who the assistant is, in place of the configured one.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="M", help="open, wake, push-to-talk, or several: as --set turn.listen=M."),
    ] = None,
    web: Annotated[
        bool,
        typer.Option("--web", help="Serve the page for a screen (http://127.0.0.1:8765): as --set web.enabled=true."),
    ] = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - its callback has obeyed
) -> None:
    """The assistant on the sound card. Ctrl-C ends it.

    A card that is unplugged is waited for. Exit status 75: it hangs in its driver, start me again.

    With turn.listen = "push-to-talk" it listens while the space bar, or the button on gpio.push_to_talk_pin, is held;
    with "open" (the default) it listens all the time, and the space bar works too; with "wake" it waits for a wake word
    ("okay nabu"), and the space bar works too. The key m, or the button on gpio.mute_pin, mutes the microphone.
    Examples:

      nearfield run --mode push-to-talk
      nearfield run --mode wake --set wake.words=hey_jarvis
    """
    with Endings() as endings:  # what is imported and loaded takes seconds, in which the end may be asked for
        try:
            settings = settings_from(
                config,
                [
                    *(overrides or ()),
                    *([f"persona={persona}"] if persona else []),
                    *([f"turn.listen={mode}"] if mode else []),
                    *(["web.enabled=true"] if web else []),
                ],
            )
            _run(settings, events, endings)
        except EndedEarlyError as end:
            say(f"ended by {end.signal_name} before it listened")


def _run(settings: "Settings", events: Path | None, endings: Endings) -> None:
    """Until somebody ends it. Raises EndedEarlyError when that was before it began."""
    from device.appliance import Appliance  # noqa: PLC0415
    from device.assembly import load_models  # noqa: PLC0415
    from device.audio import priority  # noqa: PLC0415
    from device.audio.chatter import without_chatter  # noqa: PLC0415
    from device.audio.devices import rescan  # noqa: PLC0415
    from device.audio.keeper import KeepPolicy, KeptCard, wait_for_card  # noqa: PLC0415
    from device.audio.reopen import SameCard  # noqa: PLC0415
    from device.cli.captions import Captions  # noqa: PLC0415
    from device.cli.card_report import trouble  # noqa: PLC0415
    from device.cli.event_log import EventLog  # noqa: PLC0415
    from device.cli.hands import Hands  # noqa: PLC0415
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415
    from device.dialogue.events import Event  # noqa: PLC0415
    from device.outside import Outside  # noqa: PLC0415
    from device.persona import load_persona, settings_for  # noqa: PLC0415

    audio = settings.audio
    who = load_persona(settings.persona)
    settings = settings_for(who, settings)

    def listed_anew() -> "PortAudioCard":
        rescan()
        return open_sound_card(settings)

    opened = _card_if_there(settings)  # first: without a card there is nothing to load models for
    _note(priority.why_not())
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(EventLog(events, keep=True)) if events is not None else None

        def publish(event: Event) -> None:
            if log is not None:  # first: a terminal that is gone raises
                log.write(event)
            captions.show(event)
            hands.show(event)

        models = load_models(settings, who)  # while a card is waited for, too: that time is not lost
        endings.check()
        stack.enter_context(without_chatter())
        patience = KeepPolicy(start_within_s=audio.wait_for_card_s)
        first = opened or wait_for_card(listed_anew, audio.wait_for_card_s)
        if first is not opened:
            _note(first.missing)
        card = KeptCard(first, SameCard(audio.input, audio.output, first, partial(open_sound_card, settings)), patience)
        stack.callback(lambda: print_trouble(trouble(card.stats())))
        hands = Hands(settings, card)
        captions = Captions(f"{who.name} is listening on {card.name}. Ctrl-C ends.")
        with endings.held():
            appliance = stack.enter_context(
                Appliance(
                    settings,
                    who,
                    models,
                    card,
                    on_event=publish,
                    with_earcons=True,
                    resume=True,
                    controls=hands.controls,
                )
            )
        if log is not None and not appliance.resumed:
            log.start_anew()
        stack.enter_context(endings.by(appliance.assistant.stop, begun=lambda: captions.begun))
        stack.enter_context(hands.on(appliance.assistant))
        stack.enter_context(Outside(settings, appliance.desk))
        appliance.run()


def _card_if_there(settings: "Settings") -> "PortAudioCard | None":
    """None: it is to be waited for. Raises AudioError."""
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415
    from device.errors import AudioError  # noqa: PLC0415

    try:
        opened = open_sound_card(settings)
    except AudioError as error:
        if not settings.audio.wait_for_card_s:
            raise
        say(f"waiting for the sound card: {error.message}", error.hint)
        return None
    _note(opened.missing)
    return opened


def _note(what: str) -> None:
    """What is not as it could be, and no error."""
    if what:
        print_text(f"nearfield: {what}")


def print_trouble(text: str) -> None:
    """A line at the end; the terminal may have hung up by then."""
    if text:
        with contextlib.suppress(OSError):
            print_text(text)
