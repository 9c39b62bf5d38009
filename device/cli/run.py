"""`nearfield run`: the appliance on the sound card."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from device.cli.boundary import say
from device.cli.endings import EndedEarlyError, Endings
from device.cli.options import ConfigOption, SetOption, VerboseOption, print_text, settings_from

if TYPE_CHECKING:
    from device.appliance import Appliance
    from device.audio.keeper import KeptCard
    from device.audio.portaudio import PortAudioCard
    from device.config import Settings
    from device.dialogue.loop import Models
    from device.persona import Persona

#: From the moment that the card is there until it is heard: far more than that takes.
_BEGIN_WITHIN_S = 60


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

    A card that is unplugged is waited for. Exit status 75: it hangs in its driver, or a model does; start me again.

    With turn.listen = "push-to-talk" it listens while the space bar, or the button on gpio.push_to_talk_pin, is held;
    with "open" (the default) it listens all the time, and the space bar works too; with "wake" it waits for a wake word
    ("okay nabu"), and the space bar works too. The key m, or the button on gpio.mute_pin, mutes the microphone.
    Examples:

      nearfield run --mode push-to-talk
      nearfield run --mode wake --set wake.words=hey_jarvis
    """
    with Endings() as endings:  # what is imported and loaded takes seconds, in which the end may be asked for
        flags = [
            *(overrides or ()),
            *([f"persona={persona}"] if persona else []),
            *([f"turn.listen={mode}"] if mode else []),
            *(["web.enabled=true"] if web else []),
        ]
        read = partial(settings_from, config, flags)
        try:
            settings = read()
            anew = _run(settings, events, endings, read)
        except EndedEarlyError as end:
            say(f"ended by {end.signal_name} before it listened")
            return
    if anew:
        from device.control.reload import exec_again  # noqa: PLC0415

        exec_again()


def _run(settings: "Settings", events: Path | None, endings: Endings, read: "Callable[[], Settings]") -> bool:
    """Until somebody ends it; True: it is to begin anew. Raises EndedEarlyError when that was before it began.

    `read` gives the settings as they are by then.
    """
    from device.appliance import Appliance  # noqa: PLC0415
    from device.audio import priority  # noqa: PLC0415
    from device.audio.chatter import without_chatter  # noqa: PLC0415
    from device.audio.devices import rescan  # noqa: PLC0415
    from device.audio.keeper import KeepPolicy, KeptCard  # noqa: PLC0415
    from device.audio.reopen import SameCard  # noqa: PLC0415
    from device.cli.captions import Captions, into_a_journal  # noqa: PLC0415
    from device.cli.card_report import trouble  # noqa: PLC0415
    from device.cli.event_log import EventLog  # noqa: PLC0415
    from device.cli.hands import Hands  # noqa: PLC0415
    from device.cli.sound_card import open_sound_card  # noqa: PLC0415
    from device.dialogue.events import Event  # noqa: PLC0415
    from device.persona import load_persona, settings_for  # noqa: PLC0415

    anew = _Anew(read)
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

        models = _loaded(settings, who)  # while a card is waited for, too: that time is not lost
        endings.check()
        stack.enter_context(without_chatter())
        patience = KeepPolicy(start_within_s=audio.wait_for_card_s)
        stack.enter_context(anew.at_hang_up(endings))
        first = opened or anew.unless_asked_for(listed_anew, audio.wait_for_card_s)
        if first is None:
            return True
        card = KeptCard(first, SameCard(audio.input, audio.output, first, partial(open_sound_card, settings)), patience)
        stack.callback(lambda: print_trouble(trouble(card.stats())))
        hands = Hands(settings, card)
        captions = Captions(f"{who.name} is listening on {card.name}. Ctrl-C ends.", words=not into_a_journal())
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
        stack.enter_context(_asked_from_outside(settings, appliance, anew))
        stack.enter_context(_supervised(appliance, card))
        appliance.run()
    return appliance.begins_anew and not endings.asked


class _Anew:
    """It can be asked to begin anew: as soon as a card is waited for, which may take a day. Any thread."""

    def __init__(self, read: "Callable[[], Settings]") -> None:
        from device.control.reload import Reload  # noqa: PLC0415
        from device.notify import ServiceManager  # noqa: PLC0415

        self._read = read
        self._asked = threading.Event()
        self._appliance: Appliance | None = None
        self.reload = Reload(self._check, self._end, begins=ServiceManager.from_environment().reloading)

    def at_hang_up(self, endings: Endings) -> contextlib.AbstractContextManager[None]:
        """Within, SIGHUP asks a service for it."""
        from device.control.reload import is_service  # noqa: PLC0415

        return endings.hang_up_means(self.reload.in_background) if is_service() else contextlib.nullcontext()

    def unless_asked_for(self, open_card: "Callable[[], PortAudioCard]", within_s: float) -> "PortAudioCard | None":
        """The card, as soon as it is there; None: asked to begin anew meanwhile. Raises AudioError after `within_s`."""
        from device.audio.keeper import WaitEndedError, wait_for_card  # noqa: PLC0415

        try:
            card = wait_for_card(open_card, within_s, ended=self._asked.is_set)
        except WaitEndedError:
            return None
        _note(card.missing)
        return card

    def by(self, appliance: "Appliance") -> None:
        """From here on it is this one that ends, and may be asked; what was asked a moment before holds for it too."""
        appliance.desk.reload_by(self.reload)
        self._appliance = appliance
        if self._asked.is_set():
            appliance.begin_anew()

    def _check(self) -> None:
        """Could it begin with the configuration as it is by now? Raises NearfieldError, ModelError."""
        from device.control.reload import check_startable  # noqa: PLC0415

        check_startable(self._read(), self._appliance.complaints if self._appliance is not None else ())

    def _end(self) -> None:
        self._asked.set()  # first: `by` looks behind setting the appliance
        if self._appliance is not None:
            self._appliance.begin_anew()


@contextlib.contextmanager
def _asked_from_outside(settings: "Settings", appliance: "Appliance", anew: _Anew) -> Iterator[None]:
    """Within, the ways in that are configured are open, and it can be asked to begin anew."""
    from device.outside import Outside  # noqa: PLC0415

    anew.by(appliance)
    with Outside(settings, appliance.desk):
        yield


def _loaded(settings: "Settings", who: "Persona") -> "Models":
    """The models; a service manager is told what takes so long. Raises ModelError."""
    from device.assembly import load_models  # noqa: PLC0415
    from device.notify import ServiceManager  # noqa: PLC0415

    service = ServiceManager.from_environment()
    service.status("loads its models")
    models = load_models(settings, who)
    # a card that was there at the first look may be busy by now, and is waited for as well
    service.wait_longer(settings.audio.wait_for_card_s + _BEGIN_WITHIN_S, "opens the sound card")
    return models


def _supervised(appliance: "Appliance", card: "KeptCard") -> contextlib.AbstractContextManager[object]:
    """For a service manager, if there is one: ready when it listens, alive while nothing hangs."""
    from device.notify import ServiceManager  # noqa: PLC0415
    from device.supervised import Supervised  # noqa: PLC0415

    service = ServiceManager.from_environment()
    return Supervised(
        service,
        appliance.assistant,
        card,
        headline=appliance.desk.headline,
        goes_on=lambda: appliance.begins_anew,
    )


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
    """What is not as it could be, and no error: on the screen, but a service has a journal and no screen."""
    if what:
        if "NOTIFY_SOCKET" in os.environ:
            say(what)
        else:
            print_text(f"nearfield: {what}")


def print_trouble(text: str) -> None:
    """A line at the end; the terminal may have hung up by then."""
    if text:
        with contextlib.suppress(OSError):
            print_text(text)
