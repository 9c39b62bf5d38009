"""The page in a real browser: what it shows, what it sends, and that everybody can use it (axe-core)."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kiosk_door_kit import TOKEN, token_file

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.kiosk_browser import browser, missing, wait
from bench.kiosk_desk import GERMAN, QUESTION, SCENES, PretendedDesk, past_turns, timer
from device.config.web import WebSettings
from device.dialogue import events as ev
from device.kiosk import app
from device.kiosk.server import KioskServer

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

#: Contrast is worked out on one colour: the glow behind all of it is taken away (it is 12 % of the state's colour).
_PLAIN_GROUND = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("body::before { display: none }");
    document.adoptedStyleSheets = [sheet];
}"""
LABELS = {
    "idle": "Ready",
    "attentive": "Go ahead",
    "listening": "Listening",
    "thinking": "Thinking",
    "speaking": "Speaking",
    "ringing": "Ringing",
    "muted": "Muted",
    "card": "Sound card lost",
}
SCREENS = ((1280, 800), (800, 480), (390, 844))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Any, server: KioskServer) -> Iterator[Any]:
    with contextlib.closing(chromium.new_page(viewport={"width": 1024, "height": 600})) as opened:
        opened.complaints = []
        opened.on(
            "console", lambda message: opened.complaints.append(message.text) if message.type == "error" else None
        )
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.goto(server.address)
        shows(opened, "#state", "Ready")
        yield opened


def shows(page: Any, selector: str, text: str) -> None:
    """Wait until it does."""
    wait(page, "([where, what]) => document.querySelector(where)?.textContent.trim() === what", [selector, text])


def until(what: Callable[[], bool], within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def keeping(into: list[Any]) -> Callable[[Any], None]:
    """For playwright, which takes no `into.append`: it marks what it is given."""

    def keep(each: Any) -> None:
        into.append(each)

    return keep


def play(desk: PretendedDesk, state: str) -> None:
    desk.controls.muted = state == "muted"
    for event in SCENES[state]:
        desk.on_event(event)


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - a tool of tests

    page.evaluate(_PLAIN_GROUND)
    said = Axe().run(page).response
    # a contrast that cannot be worked out is no contrast that was found good
    found = [*said["violations"], *(each for each in said["incomplete"] if each["id"] == "color-contrast")]
    return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]


def calm(desk: PretendedDesk) -> None:
    """After a scene, as if nothing had been."""
    desk.controls.muted = False
    for event in (ev.CardBack(0, 0, 1.0), ev.RingEnd(0, 0, "pasta timer", "stopped"), ev.Mute(0, 0, False)):
        desk.on_event(event)
    play(desk, "idle")


def test_every_state_is_told_in_words(page: Any, desk: PretendedDesk) -> None:
    for state, label in LABELS.items():
        play(desk, state)
        shows(page, "#state", label)
        assert page.evaluate("document.body.dataset.look") == state
        shows(page, "#told", label)  # to a screen reader
        calm(desk)
        shows(page, "#state", "Ready")
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(page: Any, desk: PretendedDesk, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    desk.timers = [timer(1, "pasta timer", 312, 600), timer(2, "7 AM alarm", 30_000, 0)]
    for state, label in LABELS.items():
        play(desk, state)
        shows(page, "#state", label)
        assert violations(page) == [], state
        calm(desk)
    for event in past_turns(8):
        desk.on_event(event)
    page.click("#tab-turns")
    page.wait_for_selector(".turn")
    assert violations(page) == []


def test_stable_and_unstable_words_are_told_apart_and_put_in_as_text(page: Any, desk: PretendedDesk) -> None:
    desk.on_event(ev.StateChange(0, 1, "listening"))
    desk.on_event(ev.SpeechStart(0, 1, 0))
    desk.on_event(ev.Partial(0, 1, GERMAN, GERMAN[:20]))
    shows(page, "#stable", GERMAN[:20].strip())
    shows(page, "#unstable", GERMAN[20:].strip())
    style = "element => { const s = getComputedStyle(element); return [s.fontStyle, s.textDecorationLine]; }"
    assert page.eval_on_selector("#stable", style) != page.eval_on_selector("#unstable", style)
    markup = "<img src=x onerror=\"document.title='mine'\"><b>bold</b>"
    desk.on_event(ev.Commit(0, 1, markup, "complete"))
    shows(page, "#stable", markup)
    assert page.evaluate("document.querySelectorAll('#stable *, #log *:not(p)').length") == 0
    assert page.title() == "Nearfield"


def test_the_answer_comes_word_by_word_and_ends_where_it_was_interrupted(page: Any, desk: PretendedDesk) -> None:
    desk.on_event(ev.Commit(0, 1, QUESTION, "complete"))
    desk.on_event(ev.Clause(0, 1, 0, "An alligator has a broad snout."))
    desk.on_event(ev.PlayoutStart(0, 1))
    for heard in ("An", "An alligator", "An alligator has"):
        desk.on_event(ev.Spoken(0, 1, heard))
        shows(page, "#heard", heard)
    desk.on_event(ev.Interrupted(0, 1, 0, "An alligator has a broad snout.", "An alligator has"))
    shows(page, "#mark", "interrupted")
    shows(page, "#heard", "An alligator has")
    assert "snout" not in page.inner_text("body")
    assert page.inner_text("#log").splitlines()[-1] == "Answer, interrupted: An alligator has"


def test_talk_is_held_by_pointer_and_by_key(page: Any, desk: PretendedDesk) -> None:
    calls = desk.assistant.calls
    page.hover("#talk")
    page.mouse.down()
    until(lambda: calls == ["press"])
    page.mouse.move(5, 5)  # a finger slips off: it still holds
    page.mouse.up()
    until(lambda: calls == ["press", "release"])
    page.evaluate("document.activeElement.blur()")
    page.keyboard.down("Space")
    page.keyboard.down("Space")  # the key repeats
    until(lambda: len(calls) == 3)
    page.keyboard.up("Space")
    until(lambda: calls[2:] == ["press", "release"])
    page.focus("#mute")
    page.keyboard.press("Space")  # here it is the button's
    until(lambda: desk.controls.muted)
    assert len(calls) == 4


def test_talk_is_let_go_when_the_page_is_left(page: Any, desk: PretendedDesk) -> None:
    calls = desk.assistant.calls
    page.hover("#talk")
    for number, left in enumerate(("blur", "pagehide"), start=1):
        page.mouse.down()
        until(lambda number=number: len(calls) == 2 * number - 1)
        page.evaluate("left => dispatchEvent(new Event(left))", left)
        until(lambda number=number: calls == ["press", "release"] * number)
        page.mouse.up()
        page.evaluate("1")
        assert len(calls) == 2 * number


def test_talk_is_let_go_when_the_page_is_closed(chromium: Any, server: KioskServer, desk: PretendedDesk) -> None:
    page = chromium.new_page()
    page.goto(server.address)
    shows(page, "#state", "Ready")
    page.hover("#talk")
    page.mouse.down()
    until(lambda: desk.assistant.calls == ["press"])
    page.close()
    until(lambda: desk.assistant.calls == ["press", "release"])


def test_mute_volume_and_stop(page: Any, desk: PretendedDesk) -> None:
    page.click("#mute")
    shows(page, "#state", "Muted")
    assert desk.controls.muted and page.inner_text("#mute") == "Unmute"
    page.click("#mute")
    shows(page, "#state", "Ready")
    page.click("#louder")
    shows(page, "#percent", "75")
    page.focus("#volume")
    page.keyboard.press("ArrowLeft")
    until(lambda: desk.controls.volume_percent == 74)
    page.click("#stop")
    page.keyboard.press("Escape")
    until(lambda: desk.assistant.calls == ["stop", "stop"])


def test_timers_count_down(page: Any, desk: PretendedDesk) -> None:
    desk.timers = [timer(1, "Ei für Jürgen", 61.5, 300), timer(2, "tea timer", 90, 90, running=False)]
    desk.on_event(ev.CallEnded(0, 1, 0, "set_timer", "done", "", ""))
    page.wait_for_selector("#timers li")
    assert page.inner_text("#timers li:nth-child(1) span") == "Ei für Jürgen"
    assert page.inner_text("#timers li:nth-child(2) strong") == "1:30 paused"
    first = page.inner_text("#timers li:nth-child(1) strong")
    wait(page, "first => document.querySelector('#timers strong').textContent !== first", first)
    desk.timers = []
    desk.on_event(ev.CallEnded(0, 1, 0, "cancel_timer", "done", "", ""))
    page.wait_for_selector("#timers li", state="detached")


def test_the_diagnostics_show_the_last_turns(page: Any, desk: PretendedDesk) -> None:
    for event in past_turns(9):
        desk.on_event(event)
    page.click("#tab-turns")
    page.wait_for_selector(".turn")
    assert page.locator(".turn").count() == 8
    assert page.inner_text(".turn caption").startswith("Turn 9: ")
    assert "TTFA" in page.inner_text(".stages")
    for event in past_turns(1, first=10):
        desk.on_event(event)
    shows(page, ".turn caption", "Turn 10: 339 ms to the first sound")
    desk.feed.publish({"type": "levels", "mic_db": -31.6, "far_db": -90.0})
    shows(page, "#mic-db", "-32 dB")
    page.keyboard.press("ArrowLeft")
    assert page.is_visible("#talk") and page.is_visible("#panel-talk")


def test_it_comes_back_by_itself_and_says_so(
    chromium: Any, desk: PretendedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KioskServer(WebSettings(port=0), desk) as first:
        port = int(first.address.rpartition(":")[2])
        page = chromium.new_page()
        page.goto(first.address)
        shows(page, "#state", "Ready")
        page.hover("#talk")
        page.mouse.down()
        until(lambda: desk.assistant.calls == ["press"])
    shows(page, "#state", "Disconnected")
    assert "rying again" in page.inner_text("#state-more")
    assert page.get_attribute("#talk", "data-held") is None
    assert page.get_attribute("#mute", "aria-disabled") == "true"
    assert violations(page) == []
    assert desk.assistant.calls == ["press", "release"]
    with KioskServer(WebSettings(port=port), desk):
        wait(page, "document.body.dataset.look === 'idle'")
        assert page.get_attribute("#mute", "aria-disabled") == "false"
        page.evaluate("window.mine = true")
        page.wait_for_timeout(100)
    monkeypatch.setitem(app._FILES, "index.html", (app._read("index.html")[0], '"another"'))
    with KioskServer(WebSettings(port=port), desk):
        with page.expect_navigation(timeout=20_000):  # the page is a new one: an update
            pass
        shows(page, "#state", "Ready")
        assert page.evaluate("window.mine") is None
    page.close()


@contextlib.contextmanager
def page_without_its_device(chromium: Any, desk: PretendedDesk) -> Iterator[tuple[Any, int]]:
    """A page that was shown, and the port on which its device was."""
    with contextlib.closing(chromium.new_page()) as page:
        with KioskServer(WebSettings(port=0), desk) as first:
            port = int(first.address.rpartition(":")[2])
            page.goto(first.address)
            shows(page, "#state", "Ready")
        shows(page, "#state", "Disconnected")
        yield page, port


def test_who_comes_back_and_looks_meanwhile_has_one_connection(chromium: Any, desk: PretendedDesk) -> None:
    sockets: list[Any] = []
    held: list[Any] = []
    with page_without_its_device(chromium, desk) as (page, port):
        page.route("**/api/status", keeping(held))  # the answer is on its way
        page.on("websocket", keeping(sockets))
        with KioskServer(WebSettings(port=port), desk):
            for _ in range(3):  # the screen is switched on, off and on
                page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            page.wait_for_timeout(300)
            for each in held:
                each.continue_()
            shows(page, "#state", "Ready")
            page.wait_for_timeout(300)
            assert len([each for each in sockets if not each.is_closed()]) == 1
            assert len(held) == 1


@pytest.mark.parametrize("never", ["/api/status", "/"])
def test_an_answer_that_never_comes_holds_nobody_up(chromium: Any, desk: PretendedDesk, never: str) -> None:
    held: list[Any] = []
    with page_without_its_device(chromium, desk) as (page, port):
        page.route(f"**:{port}{never}", keeping(held))
        with KioskServer(WebSettings(port=port), desk):
            shows(page, "#state", "Ready")
        assert held


def test_log_in(chromium: Any, desk: PretendedDesk, tmp_path: Path) -> None:
    settings = WebSettings(port=0, token_file=token_file(tmp_path))
    with KioskServer(settings, desk) as server, contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(server.address)
        assert page.url.endswith("/login")
        assert violations(page) == []
        page.fill("#token", "a wrong one")
        page.keyboard.press("Enter")
        shows(page, "#why", "Not let in: that is not the token.")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("#state")
        shows(page, "#state", "Ready")
        assert "nearfield" not in page.evaluate("document.cookie")


def test_it_fits_the_screen_and_the_finger(page: Any, desk: PretendedDesk) -> None:
    desk.timers = [timer(1, "pasta timer", 312, 600), timer(2, "7 AM alarm", 30_000, 0)]
    play(desk, "speaking")
    desk.on_event(ev.CallEnded(0, 30, 0, "set_timer", "done", "", ""))
    page.wait_for_selector("#timers li")
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, input, summary, select')].filter((e) => e.offsetParent)
                .filter((e) => e.getBoundingClientRect().height < 48 || e.getBoundingClientRect().width < 48)
                .map((e) => e.id)"""
        )
        outside = page.evaluate(
            """() => ['talk', 'stop', 'mute', 'volume', 'state', 'heard'].filter((id) => {
                const box = document.getElementById(id).getBoundingClientRect();
                return box.left < 0 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.height === 0;
            })"""
        )
        assert (width, small, outside) == (width, [], [])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
