"""Draws the pictures of docs/kiosk.md: the real page in a real browser, over scenes that are made up.

python docs/pictures/make_kiosk.py [FOLDER]        # as the page is today; docs/pictures without FOLDER
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.kiosk_browser import browser, wait
from bench.kiosk_desk import SCENES, PretendedDesk, past_turns, pretended_desk, timer
from device.config.web import WebSettings
from device.dialogue import events as ev
from device.kiosk.server import KioskServer

HERE = Path(__file__).resolve().parent
WIDE, TALL, PANEL, PHONE = (1280, 800), (1280, 1180), (800, 480), (390, 844)
TIMERS = [timer(1, "pasta timer", 312, 600), timer(2, "7 AM alarm", 30_120, 0)]
#: name of the picture -> scene, colours, screen
PICTURES: dict[str, tuple[str, str, tuple[int, int]]] = {
    "kiosk-idle-dark": ("idle", "dark", WIDE),
    "kiosk-idle-light": ("idle", "light", WIDE),
    "kiosk-listening-dark": ("listening", "dark", WIDE),
    "kiosk-thinking-dark": ("thinking", "dark", WIDE),
    "kiosk-speaking-dark": ("speaking", "dark", WIDE),
    "kiosk-speaking-light": ("speaking", "light", WIDE),
    "kiosk-ringing-dark": ("ringing", "dark", WIDE),
    "kiosk-muted-light": ("muted", "light", WIDE),
    "kiosk-card-light": ("card", "light", WIDE),
    "kiosk-disconnected-dark": ("disconnected", "dark", WIDE),
    "kiosk-panel-listening": ("listening", "dark", PANEL),
    "kiosk-panel-idle": ("idle", "light", PANEL),
    "kiosk-phone-speaking": ("speaking", "light", PHONE),
    "kiosk-turns-dark": ("turns", "dark", TALL),
    "kiosk-turns-light": ("turns", "light", TALL),
}


def draw(chromium: Any, folder: Path, name: str) -> None:
    scene, colours, (width, height) = PICTURES[name]
    desk = pretended_desk()
    desk.timers = TIMERS if scene in ("idle", "speaking", "turns") else []
    desk.controls.muted = scene == "muted"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=colours, reduced_motion="reduce", locale="en-GB"
    )
    page = context.new_page()
    page.clock.install(time="2026-11-21T18:42:10")
    with KioskServer(WebSettings(port=0), desk) as server:
        page.goto(server.address)
        wait(page, "document.getElementById('state').textContent === 'Ready' || document.body.dataset.look === 'muted'")
        if scene == "turns":
            _turns(page, desk)
            page.screenshot(path=folder / f"{name}.png")
        elif scene != "disconnected":
            for event in SCENES[scene]:
                desk.on_event(event)
            wait(page, "scene => document.body.dataset.look === scene", scene)
            desk.feed.publish({"type": "levels", "mic_db": -31.0, "far_db": -34.0})
            page.clock.run_for(400)
            page.evaluate("new Promise((done) => requestAnimationFrame(done))")
            page.wait_for_timeout(150)
            page.screenshot(path=folder / f"{name}.png")
    if scene == "disconnected":
        wait(page, "document.body.dataset.look === 'disconnected'")
        page.screenshot(path=folder / f"{name}.png")
    context.close()


def _turns(page: Any, desk: PretendedDesk) -> None:
    for event in [*past_turns(24), ev.StateChange(0, 24, "idle")]:
        desk.on_event(event)
    page.click("#tab-turns")
    page.clock.run_for(500)
    page.wait_for_selector(".turn")
    page.clock.run_for(500)
    desk.feed.publish({"type": "levels", "mic_db": -47.0, "far_db": -90.0})
    wait(page, "document.getElementById('mic-db').textContent === '-47 dB'")


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for name in PICTURES:
            draw(chromium, folder, name)
    _shrink(folder)
    return 0


def _shrink(folder: Path) -> None:
    """A palette is enough for a page, and a quarter of the bytes; without Pillow they stay as they are."""
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError:
        return
    for name in PICTURES:
        file = folder / f"{name}.png"
        with Image.open(file) as picture:
            small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE, kmeans=1)
        small.save(file, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
