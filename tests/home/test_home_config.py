"""[mcp.servers.NAME] and [mqtt]: what is allowed, and how a mistake is told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from device.config import load_config
from device.config.describe import as_toml_with_origins
from device.config.load import InvalidConfigError
from device.errors import ConfigError
from device.secret_file import read_secret
from device.servers import api_key

GOOD = """
[mcp]
check_s = 5
[mcp.servers.house]
command = ["uvx", "house-server", "--quiet"]
env = { HOUSE_KEY = "a \\"quoted\\" key" }
allow = ["set_lamp", "temperature"]
read_only = ["temperature"]
[mcp.servers.far]
url = "https://tools.example/mcp"
confirm = false
[mqtt]
host = "homeassistant.local"
tls = true
"""


def test_servers_are_tables_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "nearfield.toml"
    file.write_text(GOOD)
    loaded = load_config(file, (), {})
    servers = loaded.settings.mcp.servers
    assert list(servers) == ["house", "far"]
    assert servers["house"].command == ("uvx", "house-server", "--quiet")
    assert servers["house"].confirm
    assert servers["house"].allow == ("set_lamp", "temperature")
    assert not servers["far"].confirm
    assert servers["far"].allow == ()
    assert loaded.settings.mqtt.used_port == 8883
    assert str(file) in loaded.origins["mcp.servers"]


def test_what_config_show_prints_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "nearfield.toml"
    file.write_text(GOOD)
    loaded = load_config(file, (), {})
    again = tmp_path / "again.toml"
    again.write_text(as_toml_with_origins(loaded.settings, loaded.origins))
    assert load_config(again, (), {}).settings == loaded.settings


def test_a_flag_may_bring_a_server() -> None:
    loaded = load_config(None, ['mcp.servers={x={command=["true"]}}', "mqtt.host=10.0.0.2"], {})
    assert loaded.settings.mcp.servers["x"].command == ("true",)
    assert loaded.settings.mqtt.used_port == 1883


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mcp.servers.x]\nallow = ['a']", "mcp.servers.x: it needs either command or url"),
        ("[mcp.servers.x]\ncommand = ['a']\nurl = 'http://b'", "it needs either command or url"),
        ("[mcp.servers.x]\nurl = 'ftp://b'", "mcp.servers.x: url must begin with http:// or https://"),
        ("[mcp.servers.x]\ncommand = ['a']\nalow = ['b']", "mcp.servers.x.alow: unknown key"),
        ("[mcp.servers.x]\ncommand = ['a']\ntimeout_s = 'soon'", "mcp.servers.x.timeout_s: 'soon' is not allowed"),
        ("[mcp.servers.x]\ncommand = ['a']\ntimeout_s = 601", "mcp.servers.x.timeout_s: 601 is not allowed"),
        ("[mcp.servers.x]\ncommand = ['a']\nread_only = ['b']", "read_only names 'b', which allow does not"),
        ("[mcp.servers.x]\ncommand = ['a']\ntoken_file = '/t'", "token_file belongs to a url"),
        ("[mcp.servers.x]\ncommand = 'a b'", "mcp.servers.x.command: 'a b' is not allowed"),
        ("[mcp.servers.x]\ncommand = []", "it needs either command or url"),
        ("[mcp.servers.'a b']\ncommand = ['a']", "the name 'a b' is not"),
        ("[mcp]\nservers = 3", "mcp.servers = 3 is not allowed"),
        ("[mqtt]\ntopic = 'a/#'", "mqtt.topic ('a/#') may hold"),
        ("[mqtt]\ndevice_id = 'a/b'", "mqtt.device_id ('a/b') may hold"),
        ("[mqtt]\npassword_file = '/p'", "mqtt.password_file needs mqtt.username"),
        ("[mqtt]\nca_file = '/p'", "mqtt.ca_file needs mqtt.tls"),
        ("[mqtt]\nport = 70000", "mqtt.port = 70000 is not allowed"),
    ],
)
def test_a_mistake_is_one_line_with_its_file(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "nearfield.toml"
    file.write_text(text)
    with pytest.raises(InvalidConfigError) as caught:
        load_config(file, (), {})
    [problem] = caught.value.problems
    assert problem.startswith(str(file))
    assert told in problem
    assert "\n" not in problem


def test_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  tulip \nand a note\n")
    file.chmod(0o600)
    assert read_secret(file) == "tulip"
    file.chmod(0o400)
    assert read_secret(file) == "tulip"
    file.chmod(0o604)
    with pytest.raises(ConfigError, match="others may read") as caught:
        read_secret(file)
    assert "tulip" not in str(caught.value)
    assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b"a\x00b\n", b"x" * 9_000])
def test_what_is_no_secret_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=str(file)):
        read_secret(file)


def test_a_secret_that_is_absent_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            read_secret(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [read_secret, api_key])
def test_a_pipe_that_nobody_writes_to_holds_nobody_up(read: Callable[[Path], str], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        read(pipe)
