"""The support archive has what is needed, and neither secrets nor a word that was said."""

import itertools
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from healthy_device import NOW, HealthyDevice
from hypothesis import given
from hypothesis import strategies as st
from pretended_assistant import STATUS

from device.diagnostics.doctor.bundle import FOLDER, write_bundle
from device.diagnostics.doctor.logs import as_text, crashes
from device.diagnostics.doctor.report import as_json
from device.diagnostics.doctor.scrub import Scrub, quoted_cut
from device.errors import NearfieldError
from device.session.records import TurnCommitted, TurnFinished, TurnTraced
from device.session.store import SessionStore
from device.telemetry.marks import TraceMark, marks_to_json

SAID = "please transfer forty thousand zloty to grandmother"
ANSWERED = "I have noted the pineapple appointment."
SECRETS = ("hunter2-hunter2", "sk-live-0123456789", "mcp-token-xyzzy", "Bearer-abcdef")


def talked(device: HealthyDevice) -> None:
    store = SessionStore.open(device.database)
    with store.begin("assistant") as recorder:
        recorder.commit_turn(TurnCommitted(1, SAID, 0.9, 100, 200, 300, "complete"))
        recorder.finish_turn(TurnFinished(1, ANSWERED, ANSWERED, False, 400, 500))
        recorder.trace_turn(TurnTraced(1, marks_to_json([TraceMark("commit", 300), TraceMark("playout_start", 400)])))


def planted(device: HealthyDevice) -> None:
    """Secrets and words wherever they may end up."""
    password, key = device.folder / "password", device.folder / "key"
    password.write_text(SECRETS[0] + "\n", "utf-8")
    key.write_text(SECRETS[1] + "\n", "utf-8")
    password.chmod(0o600)
    key.chmod(0o644)  # wrong, so that a finding is about it
    device.configure(
        f'[mqtt]\nhost = "127.0.0.1"\nport = 9\nusername = "adalovelace"\npassword_file = "{password}"\n'
        f'[llm]\nserver = "http://127.0.0.1:9/v1"\nserver_key_file = "{key}"\n'
        f'[mcp.servers.home]\ncommand = ["true"]\nallow = ["x"]\nenv = {{TOKEN = "{SECRETS[2]}"}}\n'
    )
    talked(device)
    at = NOW.isoformat(timespec="seconds")
    trace = f'Traceback (most recent call last):\n  File "/opt/x/loop.py", line 7, in run\nValueError: {SAID}\n'
    (device.state_home / "nearfield.log").write_text(f'{at} nearfield say "{SAID}"\n{trace}', "utf-8")
    lines = [
        f"2027-03-04T17:00:00 pi nearfield[1]: You        {SAID}",
        f"2027-03-04T17:00:01 pi nearfield[1]: nearfield: warning: no answer to '{SAID}'",
        f"2027-03-04T17:00:02 pi nearfield[1]: nearfield: request failed, Authorization: Bearer {SECRETS[3]}",
        "2027-03-04T17:00:03 pi systemd[1]: Started nearfield.service.",
        f"2027-03-04T17:00:04 pi nearfield[1]: nearfield: heard {SAID.upper()}",
    ]
    device.commands["journalctl"] = "\n".join(lines)
    device.commands["dmesg"] = f"usb 1-1: reset\nconnect http://user:{SECRETS[0]}@broker\n"
    device.run_assistant(STATUS, saying={"text": ANSWERED}, ringing=SAID, token=SECRETS[2])
    device.microphone((np.ones(48_000) * 9000).astype(np.int16))


def packed(device: HealthyDevice, path: Path, **options: bool) -> dict[str, str]:
    findings = list(device.examine(quick=True).values())
    text = "\n".join(f"{f.what} {f.means} {f.mend}" for f in findings)
    names = write_bundle(path, device.probe(), as_json(findings, {}, 1.0), text, **options)
    with tarfile.open(path) as archive:
        found = {
            member.name.removeprefix(f"{FOLDER}/"): archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    assert list(found) == names
    return found


def grams(text: str) -> list[str]:
    """Any two words of it in a row."""
    words = text.lower().rstrip(".").split()
    return [" ".join(pair) for pair in itertools.pairwise(words)]


def test_neither_words_nor_secrets(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        planted(device)
        found = packed(device, tmp_path / "report.tar.gz")
    for name, text in found.items():
        leaked = [each for each in (*SECRETS, "adalovelace", *grams(SAID), *grams(ANSWERED)) if each in text.lower()]
        assert leaked == [], name
    assert "Started nearfield.service" in found["journal.txt"]  # and yet it is of use
    assert "usb 1-1" in found["dmesg.txt"]
    assert "ValueError" in found["log.txt"]
    assert "loop.py:7 in run" in found["log.txt"]
    assert "numpy==" in found["versions.txt"]
    assert "vcard" in found["cards.json"]
    assert json.loads(found["traces.json"])[0]["marks"]
    assert json.loads(found["config.json"])["settings"]["mqtt"]["port"] == 9
    assert json.loads(found["doctor.json"])["findings"]
    assert not any(name.endswith((".wav", ".flac")) for name in found)


def test_words_only_when_they_are_asked_for(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        planted(device)
        found = packed(device, tmp_path / "report.tar.gz", with_transcripts=True)
    assert json.loads(found["transcripts.json"])[0]["said"] == SAID
    assert not [name for name, text in found.items() for secret in SECRETS if secret in text]


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        packed(device, tmp_path / "report.tar.gz")
    assert (tmp_path / "report.tar.gz").stat().st_mode & 0o777 == 0o600


def test_a_broken_configuration_costs_nothing_else(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device:
        device.config.write_text("[turn\n", "utf-8")
        found = packed(device, tmp_path / "report.tar.gz")
    assert found["config.json"].startswith("this could not be read: ConfigError")
    assert found["versions.txt"].startswith("nearfield")


def test_a_record_of_another_user_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_settings: object) -> list[str]:
        raise PermissionError(13, "Permission denied", "/var/lib/nearfield/sessions.db")

    with HealthyDevice(tmp_path) as device:
        monkeypatch.setattr("device.diagnostics.doctor.bundle._said", closed)
        found = packed(device, tmp_path / "report.tar.gz")
    assert found["versions.txt"].startswith("nearfield")


@pytest.mark.parametrize("name", [".", "/"])
def test_a_path_that_names_no_file(tmp_path: Path, name: str) -> None:
    with HealthyDevice(tmp_path) as device, pytest.raises(NearfieldError, match="cannot be written") as caught:
        write_bundle(Path(name), device.probe(), {}, "")
    assert "name a file" in caught.value.hint


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with HealthyDevice(tmp_path) as device, pytest.raises(NearfieldError, match="cannot be written"):
        write_bundle(tmp_path / "absent" / "report.tar.gz", device.probe(), {}, "")
    assert not list(tmp_path.glob("*.tar.gz*"))


@given(st.text(), st.sampled_from(SECRETS), st.text())
def test_no_secret_survives_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    assert secret not in Scrub([secret]).text(before + secret + after)


@pytest.mark.parametrize(
    "text",
    [SAID, SAID.upper(), SAID.title() + "!", SAID.replace(" ", ", "), f'"{SAID}"', SAID.replace(" ", "\n")],
)
def test_words_are_found_in_other_clothes(text: str) -> None:
    assert Scrub(sentences=[SAID]).text(f"x {text} y").replace("\n", " ") in (
        "x [words] y",
        'x "[words]" y',
        "x [words]! y",
    )


def test_a_single_word_is_left() -> None:
    assert Scrub(sentences=["Stop."]).text("stop.c:12") == "stop.c:12"


def test_values_by_their_key() -> None:
    value: dict[str, Any] = {
        "api_key": "abc", "token_file": "/etc/t", "url": "https://hooks.example/T0/B1/secret", "n": [1, None, True],
        "env": {"A": "b"},
    }  # fmt: skip
    assert Scrub().value(value) == {
        "api_key": "[secret]", "token_file": "/etc/t", "url": "https://hooks.example/...", "n": [1, None, True],
        "env": {"A": "[secret]"},
    }  # fmt: skip


def test_secrets_among_the_arguments_of_a_program() -> None:
    command = ["npx", "bridge", "--api-key", "sk-77", "--token=tk-88", "-password", "p-99", "--key=k-11", "--verbose"]
    assert Scrub().value({"command": command, "args": ("--token",)}) == {
        "command": ["npx", "bridge", "--api-key", "[secret]", "--token=[secret]", "-password", "[secret]",
                    "--key=[secret]", "--verbose"],
        "args": ["--token"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["GET https://h.example/v1?access_token=abc9&x=1", "client_secret: abc9", "MQTT_PASSWORD=abc9 nearfield run",
     '{"refresh_token": "abc9"}', "{'api_key': 'abc9'}", "x-api-key: abc9"],
)  # fmt: skip
def test_secrets_by_longer_names(text: str) -> None:
    assert "abc9" not in Scrub().text(text)


def test_quotations_are_cut() -> None:
    assert quoted_cut(["no answer to 'what is it' and \"so on\""]) == ["no answer to '...' and '...'"]


@pytest.mark.parametrize(
    "line",
    ["the model didn't answer 'grandma is ill'", "heard 'that's grandma' twice", "say \"?\" to \"grandma\"",
     "no '' for 'grandma'", "it couldn't, and doesn't: 'grandma'", "a line that was cut 'my grandm",
     "users' words 'grandma'", "of ‘that’s grandma’ nothing"],
)  # fmt: skip
def test_apostrophes_do_not_turn_quotations_inside_out(line: str) -> None:
    (left,) = quoted_cut([line])
    assert "grandm" not in left
    assert left.split(maxsplit=1)[0] == line.split(maxsplit=1)[0]


def test_a_log_without_messages_or_arguments(tmp_path: Path) -> None:
    path = tmp_path / "nearfield.log"
    path.write_text(
        "2027-01-01T10:00:00+00:00 /usr/bin/nearfield say my dear aunt\n"
        "Traceback (most recent call last):\n"
        '  File "/a/b.py", line 3, in f\n    raise KeyError("my dear aunt")\n'
        "KeyError: 'my dear aunt'\n"
        "2027-01-02T10:00:00+00:00 /usr/bin/nearfield My aunt\n"
        "models.errors.ModelRunError: my dear aunt\n",
        "utf-8",
    )
    found = crashes(path)
    assert [(c.command, c.kind, c.frames) for c in found] == [
        ("say", "KeyError", ("b.py:3 in f",)),
        ("nearfield", "ModelRunError", ()),
    ]
    assert "aunt" not in as_text(found)


@given(st.binary(max_size=300))
def test_any_log_can_be_read(raw: bytes) -> None:
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - a folder a case

    with TemporaryDirectory() as folder:
        path = Path(folder) / "nearfield.log"
        path.write_bytes(b"2027-01-01T10:00:00+00:00 nearfield run\n" + raw)
        assert len(crashes(path)) >= 1
