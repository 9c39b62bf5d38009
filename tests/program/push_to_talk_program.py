"""The appliance on the virtual card, with the talk keys of `nearfield run`, driven by lines from a socket.

    python push_to_talk_program.py FD EVENTS.jsonl turn.listen=push-to-talk ...

Lines: `say FILE.wav`; `pin NUMBER LEVEL` and `pin NUMBER open` (the pretended GPIO chip of tests/gpio/fake);
`report FILE.json` (levels of pins). The end of the socket ends the program.
"""

import json
import socket
import sys
import threading
from pathlib import Path

from device.appliance import Appliance
from device.assembly import load_models
from device.audio.files import load_audio
from device.audio.virtual import VirtualCard
from device.cli.boundary import guarded
from device.cli.event_log import EventLog
from device.cli.hands import Hands
from device.config import load_settings
from device.persona import load_persona


def obey(line: str, card: VirtualCard) -> None:
    match line.split():
        case ["say", path]:
            card.say(load_audio(Path(path)))
        case ["report", path]:
            import lgpio  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

            pins = {number: pin.level for number, pin in lgpio.pins.items() if pin.mode}
            Path(path).write_text(json.dumps({"pins": pins}), "utf-8")
        case ["pin", number, level]:
            import lgpio  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - only there when it is wanted

            lgpio.drive(int(number), None if level == "open" else int(level))
        case _:
            raise ValueError(line)


def main(fd: str, events: str, *keys: str) -> None:
    settings = load_settings(None, keys)
    persona = load_persona(settings.persona)
    card = VirtualCard()
    hands = Hands(settings, card)
    control = socket.socket(fileno=int(fd))
    with (
        EventLog(Path(events)) as log,
        Appliance(
            settings,
            persona,
            load_models(settings, persona),
            card,
            on_event=lambda event: (log.write(event), hands.show(event)),
            with_earcons=True,
            controls=hands.controls,
        ) as appliance,
        hands.on(appliance.assistant),
    ):

        def listen() -> None:
            try:
                for line in control.makefile():
                    obey(line, card)
            finally:
                appliance.assistant.stop()

        threading.Thread(target=listen, daemon=True).start()
        appliance.run()


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(*sys.argv[1:])))
