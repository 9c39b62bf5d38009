"""Draws docs/pictures/top.svg: `nearfield top` in 80x24, from a recorded evening.

    python docs/pictures/make_top.py

The evening is that of the tests (tests/diagnostics/top_scene.py); nothing runs but the screen.
"""

import asyncio
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"
sys.path[:0] = [str(HERE.parents[1]), str(TESTS), str(TESTS / "diagnostics")]

from top_scene import desk_of_an_evening, turn_events  # noqa: E402

from device.diagnostics.top.app import Top  # noqa: E402
from device.diagnostics.top.overview import Overview  # noqa: E402
from device.diagnostics.top.process import Usage  # noqa: E402

SPOKEN = "The capital of"


def evening() -> Overview:
    """In the middle of an answer, after a turn that was late."""
    desk, overview = desk_of_an_evening(), Overview()
    overview.on_connected()
    with desk.feed.subscribe() as feed:
        for turn in range(24, 28):
            for event in turn_events(turn, late_ms=(turn * 37) % 160):
                desk.on_event(event)
        for event in turn_events(28)[:-1]:
            desk.on_event(event)
        overview.on_item({"ok": True, **desk.status()})
        for item in feed.take():
            overview.on_item(json.loads(json.dumps(item)))
    overview.on_item({"type": "spoken", "heard": SPOKEN})
    overview.on_item({"type": "levels", "mic_db": -38.4, "far_db": -20.7})
    return overview


async def draw(path: Path) -> None:
    """The screen as SVG, in whatever fixed font there is."""
    app = Top([], overview=evening())
    app.show_usage(Usage(34.2, 431_300_000, 0.4))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        svg = app.export_screenshot(title="nearfield top")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # they would be fetched from the web
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(HERE / "top.svg"))
