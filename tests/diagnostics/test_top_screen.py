"""`nearfield top` on a screen of 80x24, before a real control socket: what is shown, the keys, ends and returns."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_kit import FakeAssistant, FakeControls
from textual.pilot import Pilot
from top_scene import ANSWER, desk_of_an_evening, turn_events

from device.config.control import ControlSettings
from device.control.desk import ControlDesk
from device.control.socket_server import SocketServer
from device.diagnostics.top.app import Top, reachable, show
from device.diagnostics.top.link import NobodyThereError, connect


def screen(app: Top) -> list[str]:
    """What is on it, line by line."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


async def until(pilot: Pilot[None], true: Callable[[], bool], what: str) -> None:
    for _ in range(400):
        if true():
            return
        await pilot.pause(0.05)
    pytest.fail(f"it was never so: {what}\n" + "\n".join(screen(pilot.app)))  # type: ignore[arg-type]


def shows(app: Top, *words: str) -> Callable[[], bool]:
    return lambda: all(word in "\n".join(screen(app)) for word in words)


def socket_of(desk: ControlDesk, path: Path) -> SocketServer:
    return SocketServer(ControlSettings(socket=path), desk)


@pytest.mark.parametrize("size", [(80, 24), (132, 50)])
def test_all_panels_are_there_and_nothing_is_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    desk, path = desk_of_an_evening(), tmp_path / "s.sock"

    async def look() -> list[str]:
        app = Top([path])
        async with app.run_test(size=size) as pilot:
            await until(pilot, shows(app, "of the last 23 turns", "Turn 23"), "what was before it looked")
            for event in turn_events(24):
                desk.on_event(event)
            desk.feed.publish({"type": "levels", "mic_db": -31.2, "far_db": -90.0})
            await until(pilot, shows(app, "Turn 24", "-31.2 dBFS", "of the last 24 turns"), "the turn")
            return screen(app)

    with socket_of(desk, path):
        lines = asyncio.run(look())
    assert len(lines) == size[1]
    assert {len(line) for line in lines} == {size[0]}
    firsts = [line.split()[0] for line in lines if line.strip()]
    rows = ["microphone", "loudspeaker", "you", "it", "machine", "trouble", "Turn", "ms", "speech", "partials", "voice"]
    rows += ["end-point", "transcript", "thrown"]
    rows += ["meaning", "first", "skill", "first", "first", "playout", "TTFA"]
    assert [first for first in firsts if first in rows][: len(rows)] == rows
    assert lines[-1].split()[:2] == ["q", "quit"]
    assert ANSWER in "\n".join(lines)
    assert "58 °C" in "\n".join(lines)
    assert "1 xrun" in "\n".join(lines)


@pytest.mark.parametrize("size", [(80, 20), (60, 24), (40, 12), (80, 8)])
def test_on_a_smaller_screen_lines_are_cut_and_the_keys_stay(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "s.sock"

    async def look() -> list[str]:
        app = Top([path])
        async with app.run_test(size=size) as pilot:
            await until(pilot, shows(app, "SPEAKING"), "connected")
            return screen(app)

    with socket_of(desk_of_an_evening(), path):
        lines = asyncio.run(look())
    assert {len(line) for line in lines} == {size[0]}
    firsts = [(line.split() or [""])[0] for line in lines]
    assert firsts[:7] == ["SPEAKING", "microphone", "loudspeaker", "you", "it", "machine", "trouble"]
    assert lines[-1].split()[:2] == ["q", "quit"]


def test_a_mistake_of_its_own_is_raised_and_not_only_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("device.diagnostics.top.panels.machine", broken)
    with socket_of(desk_of_an_evening(), tmp_path / "s.sock"), pytest.raises(ZeroDivisionError, match="by nought"):
        show([tmp_path / "s.sock"], headless=True)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_one_that_hangs_is_told_and_is_not_asked_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.diagnostics.top.app.STATUS_S", 0.02)
    asked: list[bytes] = []

    async def look() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                asked.append(line)
                if len(asked) == 1:
                    writer.write(b'{"ok": true, "session": 7, "state": "speaking"}\n')
            writer.close()

        path = tmp_path / "s.sock"
        async with await asyncio.start_unix_server(serve, str(path)):
            app = Top([path])
            async with app.run_test(size=(80, 24)) as pilot:
                await until(pilot, shows(app, "session 7"), "connected")
                await until(pilot, shows(app, "NO ANSWER"), "it hangs")
                await pilot.pause(0.5)

    asyncio.run(look())
    assert len(asked) <= 10


def test_keys_ask_the_assistant(tmp_path: Path) -> None:
    assistant, controls = FakeAssistant(), FakeControls(70)
    desk, path = ControlDesk(assistant, controls), tmp_path / "s.sock"

    async def press() -> int | None:
        app = Top([path])
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, shows(app, "vol 70 %"), "connected")
            await pilot.press("m")
            await until(pilot, shows(app, "MUTED"), "muted")
            await pilot.press("m")
            await until(pilot, lambda: not shows(app, "MUTED")(), "open again")
            await pilot.press("+")
            await until(pilot, shows(app, "vol 80 %"), "louder")
            await pilot.press("-", "s")
            await until(pilot, shows(app, "vol 70 %"), "softer")
            await until(pilot, lambda: "hush" in assistant.calls, "hush")
            await pilot.press("q")
        return app.return_code

    with socket_of(desk, path):
        assert asyncio.run(press()) == 0
    assert not controls.muted


def test_an_end_is_told_and_a_return_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"

    async def look() -> None:
        app = Top([path])
        async with app.run_test(size=(80, 24)) as pilot:
            with socket_of(desk_of_an_evening(), path):
                await until(pilot, shows(app, "session 7", "23 turns"), "connected")
            await until(pilot, shows(app, "it ended at", "NOT RUNNING"), "the end")
            later = ControlDesk(FakeAssistant(), FakeControls(70))
            later.add_status(lambda: {"session": 8, "persona": "mirror"})
            with socket_of(later, path):
                await until(pilot, shows(app, "session 8", "mirror", "started anew"), "the return")

    asyncio.run(look())


def test_without_an_assistant_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NobodyThereError, match="no assistant is running") as caught:
        reachable([tmp_path / "none.sock"])
    assert "nearfield run" in caught.value.hint
    (tmp_path / "dead.sock").write_text("")
    with pytest.raises(NobodyThereError):
        reachable([tmp_path / "dead.sock", tmp_path / ("x" * 200)])


def test_lines_that_are_no_objects_are_left_out(tmp_path: Path) -> None:
    async def look() -> list[object]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b'{"ok": true}\nnonsense\n[1]\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"type": "state"}\n')
            writer.close()

        path = tmp_path / "s.sock"
        async with await asyncio.start_unix_server(serve, str(path)), await connect([path]) as link:
            await link.ask({"do": "watch"})
            return [item async for item in link]

    assert asyncio.run(look()) == [{"ok": True}, {"type": "state"}]
