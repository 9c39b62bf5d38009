"""A real browser without a screen, for tests, pictures and measurements of the page.

    with browser() as chromium: page = chromium.new_page(); page.goto(address)

Debian's chromium, driven by playwright; `missing()` says what of the two is not there.
"""

import importlib.util
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: What a kiosk needs none of, and what would make the measurements depend on the network.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --no-default-browser-check"
).split()


def missing() -> str:
    """What is not installed; "" nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if shutil.which("chromium") else "chromium is not installed (apt-get install chromium)"


def wait(page: Any, expression: str, arg: Any = None, within_s: float = 20.0) -> None:
    """Until a function of the page, or an expression, is true. (playwright's own way evaluates text, which the page
    forbids.) Raises TimeoutError.
    """
    end = time.monotonic() + within_s
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise TimeoutError(f"in vain: {expression}")
        page.wait_for_timeout(20)


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """A playwright `Browser`."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it is a tool of tests

    with sync_playwright() as tool:
        chromium = tool.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=[*FLAGS, *flags], timeout=60_000
        )
        try:
            yield chromium
        finally:
            chromium.close()
