"""MCP servers as skills: against a real server, in a process of its own, over stdio and over HTTP."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from device.config.home import McpSettings
from device.skills.mcp_bridge import McpBridge
from device.skills.skill import Context, Result, SkillError, SkillUnsureError

SERVER = Path(__file__).with_name("mcp_house_server.py")
Start = Callable[..., McpBridge]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A bridge to the house; its folder is `tmp_path`."""
    with contextlib.ExitStack() as stack:

        def begin(*, wait_s: float = 20.0, on_change: Callable[[], None] = lambda: None, **server: Any) -> McpBridge:
            if "url" not in server:
                server.setdefault("command", [sys.executable, str(SERVER), str(tmp_path)])
                server["env"] = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
            server.setdefault("allow", ["set_lamp", "temperature"])
            timeout_s = server.pop("connect_timeout_s", 20.0)
            settings = McpSettings.model_validate(
                {"check_s": 0.2, "connect_timeout_s": timeout_s, "servers": {"house": server}}
            )
            bridge = McpBridge(settings, on_change=on_change)
            stack.callback(bridge.close)
            bridge.start(wait_s)
            return bridge

        yield begin


def use(bridge: McpBridge, name: str, key: str = "1.2.0", **raw: Any) -> Result:
    """As the runner does it."""
    skill = next(skill for skill in bridge.skills if skill.name == name)
    model = skill.arguments.model_validate(raw)
    values = {field: getattr(model, field) for field in type(model).model_fields}
    result = skill.run(Context(datetime.now(UTC), key, None, None), **values)  # type: ignore[arg-type]
    assert isinstance(result, Result)
    return result


def wait_for(what: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_only_what_is_allowed_is_offered_and_it_asks_first(start: Start) -> None:
    bridge = start(allow=["set_lamp", "temperature", "burn_down"], read_only=["temperature", "burn_down"])
    skills = {skill.name: skill for skill in bridge.skills}
    assert list(skills) == ["house_set_lamp", "house_temperature", "house_burn_down"]  # and not house_secrets
    lamp, warmth, fire = skills.values()
    assert not lamp.read_only
    assert lamp.question({"room": "hall", "level": 5}) == "Shall I use set lamp of house, with room hall and level 5?"
    assert warmth.read_only
    assert warmth.question({}) == ""
    # the owner calls it read-only, the server says that it destroys: the stricter of the two holds
    assert not fire.read_only
    assert fire.question({}) == "Shall I use burn down of house?"
    assert lamp.schema["properties"]["room"]["enum"] == ["kitchen", "hall"]


def test_confirm_false_still_asks_before_what_the_server_calls_destructive(start: Start) -> None:
    bridge = start(allow=["set_lamp", "burn_down"], confirm=False)
    assert [skill.question({}) for skill in bridge.skills] == ["", "Shall I use burn down of house?"]


def test_a_call_has_its_key_with_it_and_gives_back_text_as_data(start: Start, tmp_path: Path) -> None:
    bridge = start()
    result = use(bridge, "house_set_lamp", key="session.7.0", room="kitchen", level="40")
    assert (tmp_path / "calls").read_text() == "kitchen 40 session.7.0\n"
    assert result.say == result.data["text"] == "The lamp in the kitchen is at 40 percent."
    use(bridge, "house_set_lamp", room="hall")  # what is left out stays the server's own
    assert (tmp_path / "calls").read_text().splitlines()[1].startswith("hall 100 ")


def test_a_tool_that_fails_says_so(start: Start) -> None:
    with pytest.raises(SkillError, match="did not work"):
        use(start(allow=["fails"]), "house_fails")


def test_a_long_result_is_cut_and_not_read_out(start: Start) -> None:
    result = use(start(allow=["long_story"]), "house_long_story")
    assert len(result.data["text"]) <= 2_000
    assert "structured" not in result.data
    assert "burn_down" not in result.say


def test_what_does_not_answer_in_time_is_unsure_and_the_rest_goes_on(start: Start) -> None:
    bridge = start(allow=["slow", "temperature"], timeout_s=0.3)
    with pytest.raises(SkillUnsureError, match="timed out"):
        use(bridge, "house_slow")
    assert bridge.skills  # it is slow, not away


def test_a_tool_that_comes_later_is_offered_when_it_is_there(start: Start) -> None:
    bridge = start(allow=["grow", "sprout"])
    assert [skill.name for skill in bridge.skills] == ["house_grow"]
    use(bridge, "house_grow")
    wait_for(lambda: len(bridge.skills) == 2)
    assert use(bridge, "house_sprout").say == "I am new."


def test_a_server_that_does_one_thing_at_a_time_is_not_away(start: Start) -> None:
    bridge = start(allow=["hog"], connect_timeout_s=2.0)  # which is how long a check may take
    assert use(bridge, "house_hog").say == "Sorry, I was busy."
    assert bridge.trouble == {"house": ""}


def test_no_more_than_four_at_once(start: Start) -> None:
    bridge = start(allow=["slow"], timeout_s=1.5)
    outcomes: list[str] = []

    def call() -> None:
        try:
            use(bridge, "house_slow")
        except (SkillError, SkillUnsureError) as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("busy" in outcome for outcome in outcomes) == 2
    assert sum("timed out" in outcome for outcome in outcomes) == 4


def test_a_server_that_dies_takes_its_tools_with_it_and_brings_them_back(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes: list[int] = []
    bridge = start(allow=["die", "temperature"], on_change=lambda: changes.append(1))
    stale = next(skill for skill in bridge.skills if skill.name == "house_temperature")
    (tmp_path / "broken").touch()
    with pytest.raises(SkillUnsureError, match="closed"):
        use(bridge, "house_die")
    wait_for(lambda: not bridge.skills)
    wait_for(lambda: "being painted" in bridge.trouble["house"])  # the last line that it wrote
    with pytest.raises(SkillError, match="cannot reach house"):
        stale.run(Context(datetime.now(UTC), "1.1.0", None, None))  # type: ignore[arg-type]
    (tmp_path / "broken").unlink()
    wait_for(lambda: bool(bridge.skills))
    assert use(bridge, "house_temperature").say == "It is 21 degrees."
    assert bridge.trouble == {"house": ""}
    assert len(changes) >= 3
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert not any("Traceback" in line for line in caplog.text.splitlines())
    assert any("is back" in line for line in lines)


def test_what_is_no_message_is_ignored_with_one_line(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "babble").touch()
    bridge = start()
    assert use(bridge, "house_temperature").say == "It is 21 degrees."
    assert caplog.text.count("no message of MCP") == 1
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ({"command": ["/no/such/program"]}, "no such file"),
        ({"command": [sys.executable, "-c", "pass"]}, "closed"),
        ({"command": [sys.executable, "-c", "import sys; sys.exit('I have no key')"]}, "I have no key"),
        ({"command": [sys.executable, "-c", "import time; time.sleep(60)"], "connect_timeout_s": 0.5}, "0.5 s"),
        ({"url": "http://127.0.0.1:9/mcp"}, "connection"),
    ],
)
def test_an_absent_server_is_one_line(
    start: Start, server: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = start(**server)
    assert bridge.skills == ()
    assert why in bridge.trouble["house"]
    assert caplog.text.count("not offered until it is back") == 1
    assert "Traceback" not in caplog.text


def test_start_does_not_wait_for_a_server_that_is_slow(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mute").touch()
    begun = time.monotonic()
    assert start(wait_s=0.0).skills == ()
    assert time.monotonic() - begun < 5


def test_over_http_with_a_token(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = tmp_path / "token"
    token.write_text("very-secret\n")
    token.chmod(0o600)
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(tmp_path), "--http", str(port)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            bridge = start(url=f"http://127.0.0.1:{port}/mcp", token_file=str(token), wait_s=0)
            wait_for(lambda: bool(bridge.skills))
            assert use(bridge, "house_set_lamp", room="hall", level=1).say == "The lamp in the hall is at 1 percent."
            process.kill()
            process.wait()
            wait_for(lambda: not bridge.skills)
            assert bridge.trouble["house"]
        finally:
            process.kill()


def test_a_token_that_others_may_read_is_not_sent(start: Start, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret\n")
    token.chmod(0o644)
    bridge = start(url="http://127.0.0.1:9/mcp", token_file=str(token))
    assert "others may read this secret" in bridge.trouble["house"]


def test_a_tool_that_is_not_there_is_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bridge = start(allow=["temperature", "teleport"])
    assert [skill.name for skill in bridge.skills] == ["house_temperature"]
    assert "has no tool 'teleport'" in caplog.text


def test_close_ends_the_process_and_the_thread(start: Start) -> None:
    bridge = start()
    skill = bridge.skills[0]
    bridge.close()
    assert not any(thread.name == "nearfield-mcp" for thread in threading.enumerate())
    assert bridge.skills == ()
    with pytest.raises(SkillError):
        skill.run(Context(datetime.now(UTC), "1.1.0", None, None), room="hall")  # type: ignore[arg-type]
