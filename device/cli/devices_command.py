"""`nearfield devices`: which sound devices there are.

app.command("devices")(devices)
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from device.audio.devices import DeviceInfo, list_devices

NONE_FOUND_HINT = "plug in a USB sound card or a sound HAT; 'cat /proc/asound/cards' shows what the kernel sees"


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """List the sound devices; the number or a part of the name goes into audio.input and audio.output.

    An empty list is a result too: exit status 0. 'nearfield run' is what fails without a card.
    """
    found = list_devices()
    if as_json:
        print(json.dumps([asdict(device) for device in found], indent=2))
    elif found:
        Console().print(_table(found))
    else:
        print(f"no sound card found: {NONE_FOUND_HINT}")


def _table(found: list[DeviceInfo]) -> Table:
    table = Table(title="Sound devices", caption='* used for "auto"', caption_justify="left")
    for heading in ("number", "name", "system", "in", "out", "rate, Hz"):
        table.add_column(heading, justify="left" if heading in ("name", "system") else "right")
    for device in found:
        table.add_row(
            str(device.index),
            device.name,
            device.host_api,
            f"{device.input_channels}{'*' if device.default_input else ''}",
            f"{device.output_channels}{'*' if device.default_output else ''}",
            str(device.default_rate_hz),
        )
    return table
