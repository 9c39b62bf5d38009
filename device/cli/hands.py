"""All that hands do to `nearfield run`, and all that shines back: the front panel and the keys of the terminal.

hands = Hands(settings, card)
appliance = Appliance(settings, persona, models, card, on_event=hands.show, controls=hands.controls)
with hands.on(appliance.assistant): appliance.run()
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from device.card import Card
from device.cli.keyboard import TerminalKeys
from device.cli.options import print_text
from device.config import Settings
from device.controls import Controls
from device.dialogue import events as ev

if TYPE_CHECKING:
    from device.dialogue.loop import Assistant
    from device.gpio.panel import Panel


class Hands:
    """Mute and volume hold from here on, before the card runs: nothing is heard that should not be."""

    def __init__(self, settings: Settings, card: Card) -> None:
        self._gpio = settings.gpio
        self._card = card
        self.controls = Controls(card, settings.controls.file if settings.controls.keep else None)
        self._panel: Panel | None = None

    def show(self, event: ev.Event) -> None:
        """Everything that happens in the conversation."""
        if self._panel is None:
            return
        match event:
            case ev.StateChange():
                self._panel.state(event.state)
            case ev.Failure() | ev.NotHeard():
                self._panel.error()
            case _:
                pass

    @contextlib.contextmanager
    def on(self, assistant: "Assistant") -> Iterator[None]:
        """Buttons and keys work, lights shine. Raises ButtonError."""
        with contextlib.ExitStack() as stack:
            self._take_panel(stack, assistant)
            keys = TerminalKeys(assistant.press, assistant.release, self.controls.toggle_mute)
            if stack.enter_context(keys).active:
                print_text("Hold the space bar to talk. The key m mutes the microphone.")
            if self.controls.muted:
                print_text(
                    "The microphone is muted, as it was left. (Without a key or button: --set controls.keep=false)"
                )
            yield

    def _take_panel(self, stack: contextlib.ExitStack, assistant: "Assistant") -> None:
        if not self._gpio.pins() and self._gpio.ring == "none":
            return
        from device.gpio.panel import Panel, PanelCalls  # noqa: PLC0415 - most machines have none

        calls = PanelCalls(
            press=assistant.press,
            release=assistant.release,
            toggle=assistant.toggle,
            mute=self.controls.switch,
            toggle_mute=self.controls.toggle_mute,
            louder=self.controls.louder,
            softer=self.controls.softer,
        )
        stack.callback(setattr, self, "_panel", None)  # after it has been closed, and if it never opened
        self._panel = stack.enter_context(Panel(self._gpio, calls, is_muted=lambda: self._card.muted))
