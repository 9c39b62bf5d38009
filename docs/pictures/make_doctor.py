"""Draws docs/pictures/doctor.svg: what `nearfield doctor` shows on a device with three faults.

    python docs/pictures/make_doctor.py

The device is the pretended one of tests/diagnostics/healthy_device.py; the lines are the command's own.
"""

import io
import platform
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests/diagnostics"))

from faulty_device import FAULTS  # isort: skip
from healthy_device import HealthyDevice  # isort: skip

from rich.console import Console  # isort: skip
from rich.terminal_theme import MONOKAI  # isort: skip

from device.diagnostics.doctor.report import print_finding, summary

SHOWN = ("weak power supply, before", "muted in the mixer", "never calibrated")
WIDTH = 104
SECONDS = 9.4  # as on two x86-64 cores; of the pretended device it would be no figure


def main() -> None:
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder, HealthyDevice(Path(folder)) as device:
        for fault in FAULTS:
            if fault.name in SHOWN:
                fault.plant(device)
        with mock.patch.object(platform, "machine", return_value="aarch64"), mock.patch("os.cpu_count", return_value=4):
            findings = list(device.examine().values())
        console.print("[bold]$ nearfield doctor[/bold]")
        for finding in findings:
            print_finding(console, finding)
        console.print(summary(findings, SECONDS), highlight=False)
        svg = console.export_svg(title="ssh pi@nearfield", theme=MONOKAI, unique_id="doctor")
        svg = svg.replace(folder, "/etc/nearfield")
    # no fonts from elsewhere: whoever looks at it may have no network
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (Path(__file__).parent / "doctor.svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
