"""The conversation as lines in a terminal.

captions = Captions("Ready."); assistant = Appliance(..., on_event=captions.show)

A service has no terminal: its standard output is the journal, which is kept, and read by others. There it tells what
happens and no word of what is said.
"""

import os
import sys
from collections.abc import Mapping

from device.cli.options import print_text
from device.dialogue import events as ev


class Captions:
    """Prints what was understood, what is said, and how long it took by the appliance's own clock."""

    def __init__(self, ready: str, *, words: bool = True) -> None:
        """`ready` is said before the first event: the card runs then, which is known no sooner.

        `words`: with what is said and heard.
        """
        self._ready = ready
        self._words = words
        self._speech_end: dict[int, int] = {}

    @property
    def begun(self) -> bool:
        """Has anything been shown?"""
        return not self._ready

    def show(self, event: ev.Event) -> None:
        if self._ready:
            print_text(self._ready)
            self._ready = ""
        if not self._words and isinstance(event, ev.Commit | ev.PlayoutEnd | ev.Interrupted):
            print_text(f"           ({event.type})")
            return
        match event:
            case ev.SpeechEnd():
                self._speech_end[event.turn] = event.offset_sample
            case ev.Commit():
                print_text(f"You        {event.text}")
            case ev.PlayoutStart() if event.turn in self._speech_end:
                waited_ms = ev.to_ms(event.sample - self._speech_end.pop(event.turn))
                print_text(f"           (answer {waited_ms:.0f} ms after the last voiced sample, DAC included)")
            case ev.PlayoutEnd():
                print_text(f"Nearfield  {event.heard}")
            case ev.Interrupted():
                print_text(f"Nearfield  {event.heard or '(nothing)'} [interrupted]")
            case ev.Mute():
                print_text("           (microphone muted)" if event.muted else "           (microphone open)")
            case ev.CardLost():
                print_text(f"           The sound card is lost: {event.message}")
            case ev.CardBack():
                print_text(f"           The sound card is back after {event.lost_ms / 1000:.1f} s.")
            case ev.Failure():
                print_text(f"           {event.stage} failed: {event.message}")
            case _ if told := _hearing(event):
                print_text(f"           {told}")


def _hearing(event: ev.Event) -> str:
    """Whether somebody who speaks is heard; "" for any other event."""
    match event:
        case ev.NotHeard():
            return "(nobody hears you: the sound card is away)"
        case ev.MicTrouble():
            return event.message
        case ev.Wake():
            return f"({event.word}, {event.probability:.2f})"
        case ev.WakeTimeout():
            return "(no longer listening)"
        case _:
            return ""


def into_a_journal(environ: Mapping[str, str] | None = None, descriptor: int | None = None) -> bool:
    """Is standard output the journal of systemd? (systemd.exec(5), $JOURNAL_STREAM: device and inode of the socket)"""
    stream = (os.environ if environ is None else environ).get("JOURNAL_STREAM", "")
    try:
        there = os.fstat(sys.stdout.fileno() if descriptor is None else descriptor)
    except (OSError, ValueError):  # closed; replaced by something that is no file
        return False
    return stream == f"{there.st_dev}:{there.st_ino}"
