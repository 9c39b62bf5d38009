"""How quick and how light the page is: first paint, how late a caption is, what it costs while nothing goes on.

    nearfield bench kiosk [--times 5] [--captions 100] [--idle-s 20] [--json]

The real server, in a process of its own, over a desk without an assistant; the real page in Debian's Chromium, without
a screen and without a graphics processor. First paint: of a browser that has nothing of the page (first contentful
paint, Paint Timing). Caption: from the event being published to the frame in which its text is in the document, both
by the wall clock of this machine. Idle: processor time of the server and of all of the browser's processes over
--idle-s seconds with the page open, the levels of the microphone being published ten times a second as in a run; in
percent of one core. Exit status 1: a goal is missed (1 s, 150 ms at p95, 2 %).
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from bench.kiosk_browser import browser, missing, wait
from bench.kiosk_desk import QUESTION
from bench.options import Parser, count
from device.cli.boundary import guarded
from device.errors import NearfieldError

GOALS = {"first_paint_ms": 1_000.0, "caption_p95_ms": 150.0, "idle_percent": 2.0}
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

#: Notes when the text of a caption is there for the next frame.
_WATCH = """() => {
    window.seen = [];
    const stable = document.getElementById("stable");
    new MutationObserver(() => {
        const text = stable.textContent;
        requestAnimationFrame(() => window.seen.push([text, performance.timeOrigin + performance.now()]));
    }).observe(stable, { childList: true, characterData: true, subtree: true });
}"""

#: The server: levels ten times a second; a line on its input is a caption; a line back says when it was published.
_SERVER = """
import json, sys, threading, time
from bench.kiosk_desk import pretended_desk
from device.config.web import WebSettings
from device.dialogue import events as ev
from device.kiosk.server import KioskServer

desk = pretended_desk()
over = threading.Event()

def levels():
    while not over.wait(0.1):
        if desk.feed.watched:
            desk.feed.publish({"type": "levels", "mic_db": -52.0, "far_db": -90.0})

with KioskServer(WebSettings(port=0), desk) as server:
    threading.Thread(target=levels, daemon=True).start()
    print(server.address, flush=True)
    for line in sys.stdin:
        at_ms = time.time() * 1000
        desk.on_event(ev.Partial(0, 1, line.strip(), line.strip()))
        print(at_ms, flush=True)
over.set()
"""


def main() -> int:
    parser = Parser(__doc__)
    parser.add_argument("--times", type=count, default=5, metavar="N", help="pages that are opened (5)")
    parser.add_argument("--captions", type=count, default=100, metavar="N", help="captions that are published (100)")
    parser.add_argument("--idle-s", type=count, default=20, metavar="S", help="so long nothing goes on (20)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    args = parser.parse_args()
    if why := missing():
        raise NearfieldError(why, hint="pip install playwright; apt-get install chromium")
    figures = _measure(args.times, args.captions, args.idle_s)
    missed = [name for name, goal in GOALS.items() if figures[name] > goal]
    if args.json:
        print(json.dumps({**figures, "missed": missed}))
    else:
        print(f"first paint          {figures['first_paint_ms']:7.0f} ms (the slowest of {args.times})")
        print(
            f"caption              {figures['caption_p50_ms']:7.1f} ms p50, {figures['caption_p95_ms']:.1f} p95, "
            f"{figures['caption_max_ms']:.1f} at most ({args.captions})"
        )
        print(
            f"idle, of one core    {figures['idle_percent']:7.2f} %: server {figures['idle_server_percent']:.2f}, "
            f"browser {figures['idle_browser_percent']:.2f} ({args.idle_s} s)"
        )
        for name in missed:
            print(f"missed: {name} {figures[name]:.1f}, goal {GOALS[name]:.0f}")
    return bool(missed)


def _measure(times: int, captions: int, idle_s: int) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        with browser() as chromium:
            paints = [_first_paint(chromium, address) for _ in range(times)]
            page = _opened(chromium, address)
            late_ms = _captions(page, server, captions)
            page.close()
            page = _opened(chromium, address)
            idle_server, idle_browser = _idle(server.pid, idle_s)
    finally:
        server.stdin.close()
        server.wait(10)
    p50, p95 = np.percentile(late_ms, (50, 95))
    return {
        "first_paint_ms": max(paints),
        "caption_p50_ms": round(float(p50), 2),
        "caption_p95_ms": round(float(p95), 2),
        "caption_max_ms": round(max(late_ms), 2),
        "idle_server_percent": idle_server,
        "idle_browser_percent": idle_browser,
        "idle_percent": idle_server + idle_browser,
    }


def _opened(chromium: Any, address: str) -> Any:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    wait(page, "document.body.dataset.look === 'idle'")
    return page


def _first_paint(chromium: Any, address: str) -> float:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(address)
    found = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    wait(page, f"{found} !== undefined")
    at_ms = float(page.evaluate(found))
    context.close()
    return at_ms


def _captions(page: Any, server: "subprocess.Popen[str]", number: int) -> list[float]:
    assert server.stdin is not None and server.stdout is not None
    page.evaluate(_WATCH)
    words = QUESTION.split()
    published: dict[str, float] = {}
    for index in range(number):
        text = f"{' '.join(words[: 1 + index % len(words)])} {index}"
        server.stdin.write(f"{text}\n")
        server.stdin.flush()
        published[text] = float(server.stdout.readline())
        time.sleep(0.13)  # falls on other moments of the frame each time
    wait(page, "number => window.seen.length >= number", number)
    seen = dict(reversed(page.evaluate("window.seen")))  # the first time of each
    return [seen[text] - at_ms for text, at_ms in published.items()]


def _idle(server: int, idle_s: int) -> tuple[float, float]:
    """Percent of one core: server, browser."""
    time.sleep(4)
    ours = _browser_processes()
    before = _cpu_s([server]), _cpu_s(ours)
    time.sleep(idle_s)
    after = _cpu_s([server]), _cpu_s(ours)
    return round(100 * (after[0] - before[0]) / idle_s, 2), round(100 * (after[1] - before[1]) / idle_s, 2)


def _fields(process: int) -> list[str]:
    """Of /proc/PID/stat, behind the name; [] it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_s(processes: list[int]) -> float:
    fields = [_fields(each) for each in processes]
    return sum(int(each[11]) + int(each[12]) for each in fields if each) / _TICKS_PER_S


def _browser_processes() -> list[int]:
    """Descendants of this process that are Chromium."""
    parents = {int(path.name): _fields(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    family = {os.getpid()}
    while more := {pid for pid, each in parents.items() if each and int(each[1]) in family} - family:
        family |= more
    return [pid for pid in family if "chrom" in _name(pid)]


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    raise SystemExit(guarded(main))
