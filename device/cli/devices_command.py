"""`nearfield devices`: which sound devices there are.

app.command("devices")(devices)
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from device.audio.devices import DeviceInfo, choose_pair, list_devices
from device.audio.negotiate import supported_rates

NONE_FOUND_HINT = "plug in a USB sound card or a sound HAT; 'cat /proc/asound/cards' shows what the kernel sees"


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """List the sound devices; number, name or USB id ("usb:0d8c:0014") goes into audio.input and audio.output.

    The rates are those at which a device opens now; a card that another program holds shows none.
    An empty list is a result too: exit status 0. 'nearfield run' is what fails without a card.
    """
    found = list_devices()
    rates = {device.index: supported_rates(device) for device in found}
    if as_json:
        print(json.dumps([{**asdict(device), "rates_hz": rates[device.index]} for device in found], indent=2))
    elif found:
        Console().print(_table(found, rates))
    else:
        print(f"no sound card found: {NONE_FOUND_HINT}")


def _table(found: list[DeviceInfo], rates: dict[int, list[int]]) -> Table:
    microphone, loudspeaker = choose_pair("auto", "auto", found)
    table = Table(title="Sound devices", caption='* used for "auto"', caption_justify="left")
    for heading in ("number", "name", "USB id", "system", "in", "out", "rates, kHz"):
        table.add_column(heading, justify="right" if heading in ("number", "in", "out") else "left")
    for device in found:
        table.add_row(
            str(device.index),
            device.name,
            device.usb_id,
            device.host_api,
            f"{device.input_channels}{'*' if device == microphone else ''}",
            f"{device.output_channels}{'*' if device == loudspeaker else ''}",
            " ".join(f"{rate / 1000:g}" for rate in rates[device.index]) or "busy",
        )
    return table
