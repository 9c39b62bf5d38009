"""What is told to an address on the network: which words, signed how, and what comes of an address that is away."""

import base64
import hashlib
import hmac
import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from desk_kit import FakeDesk
from pydantic import ValidationError

from device.config.control import USUAL_EVENTS, WebhookSettings
from device.control import webhook_messages, webhooks
from device.control.webhook_messages import SAID, TOLD, Tries, key_of, message_of, signed
from device.control.webhooks import Webhook
from device.dialogue import events as ev
from device.errors import NearfieldError
from device.outside import Outside

NOW = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)
Item = dict[str, Any]


@dataclass
class Receiver:
    url: str = ""
    answers: list[int] = field(default_factory=list)  # of the next tries; then 204
    tries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[Item]:
        return [json.loads(body) for _, body in self.tries]

    def wait_for(self, count: int) -> list[Item]:
        until(lambda: len(self.tries) >= count)
        return self.bodies()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.tries.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(made.answers.pop(0) if made.answers else 204)
            self.send_header("location", made.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/hook/secret-path"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_messages, "FIRST_RETRY_S", 0.01)


def hook_of(url: str = "https://nas.example/hook", **keys: object) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": url, **keys})


def test_a_session_is_told_from_its_beginning_to_its_end(receiver: Receiver) -> None:
    desk = FakeDesk()
    desk.add_status(lambda: {"session": 7, "persona": "store"})
    with Webhook("nas", hook_of(receiver.url), desk):
        receiver.wait_for(1)
        desk.on_event(ev.StateChange(16_000, 3, "thinking"))
        desk.on_event(ev.Partial(17_000, 3, "my secret"))
        desk.on_event(ev.Mute(18_000, 3, True))
        bodies = receiver.wait_for(3)
        until(lambda: desk.status(words=False)["webhooks"]["nas"]["sent"] == 3)
    bodies = receiver.wait_for(4)
    assert [body["type"] for body in bodies] == [
        "nearfield.session_start", "nearfield.state", "nearfield.mute", "nearfield.session_end"
    ]  # fmt: skip
    assert bodies[0]["data"].items() >= {"session": 7, "persona": "store"}.items()
    assert bodies[1]["data"] == {"turn": 3, "state": "thinking"}
    assert bodies[2]["data"] == {"turn": 3, "muted": True}
    assert len({headers["webhook-id"] for headers, _ in receiver.tries}) == 4
    assert not any("webhook-signature" in headers for headers, _ in receiver.tries)
    assert not desk.feed.watched


EVERYTHING: list[ev.Event] = [
    ev.Commit(1, 1, "my secret", "complete"),
    ev.PlayoutEnd(1, 1, "your secret", "your"),
    ev.RingStart(1, 1, "secret timer", "Your secret timer is done."),
    ev.RingEnd(1, 1, "secret timer", "stopped"),
    ev.CardLost(1, 1, "unplugged"),
    ev.CardBack(1, 1, 12.5),
    ev.MicTrouble(1, 1, "silent", False, "it is silent"),
    ev.Degraded(1, 1, 1, ("partials",), "heat"),
    ev.Failure(1, 1, "llm", "it is broken"),
    ev.StateChange(1, 1, "idle"),
    ev.Mute(1, 1, False),
]


def test_words_are_told_only_to_who_may_have_them() -> None:
    items: list[Item] = [event.to_json() for event in EVERYTHING]
    for words in (False, True):
        hook = hook_of(events=list(TOLD), transcripts=words)
        messages = [message_of(hook, item, NOW, "1") for item in items]
        text = b"".join(message.body for message in messages if message is not None)
        assert all(messages)
        assert (b"secret" in text) is words
        assert (b"my secret" in text) is words
    assert message_of(hook_of(), EVERYTHING[0].to_json(), NOW, "1") is None, "nobody asked for it"


def test_every_event_that_can_be_named_has_its_fields() -> None:
    names = set(WebhookSettings.model_fields["events"].annotation.__args__[0].__args__)  # type: ignore[union-attr]
    assert names == set(TOLD)
    assert set(SAID) <= names
    assert set(USUAL_EVENTS) <= names - set(SAID)


def test_the_signature_is_that_of_standard_webhooks(receiver: Receiver, tmp_path: Path) -> None:
    # the example of the specification's reference library (standard-webhooks, libraries/python)
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = webhook_messages.Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    headers = signed(message, key, datetime.fromtimestamp(1614265330, UTC))
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    secret = tmp_path / "secret"
    secret.write_text("plain words\n")
    secret.chmod(0o600)
    with Webhook("nas", hook_of(receiver.url, secret_file=secret), FakeDesk()):
        receiver.wait_for(1)
    headers, body = receiver.tries[0]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(b"plain words", content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


@pytest.mark.usefixtures("quick")
def test_an_address_that_fails_is_tried_again_with_the_same_id(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [503, 429, 200, 404, 302]
    desk = FakeDesk()
    with Webhook("nas", hook_of(receiver.url, retries=3), desk):
        receiver.wait_for(3)
        desk.on_event(ev.Mute(1, 1, True))
        receiver.wait_for(4)
        desk.on_event(ev.Mute(1, 1, False))
        receiver.wait_for(5)
        until(lambda: desk.status()["webhooks"]["nas"]["lost"] == 2)
        assert desk.status()["webhooks"]["nas"]["trouble"] == "answers with 302"
    ids = [headers["webhook-id"] for headers, _ in receiver.tries]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 4
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "webhook nas: answers with 503", "webhook nas is back", "webhook nas: answers with 404", "webhook nas is back"
    ]  # fmt: skip
    assert "secret-path" not in caplog.text


def test_an_address_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_WAITING", 5)
    desk = FakeDesk()
    hook = Webhook("gone", hook_of("http://127.0.0.1:9/"), desk)
    with hook:
        until(lambda: bool(hook.trouble))
        for n in range(1000):
            desk.on_event(ev.Mute(n, 1, bool(n % 2)))
        until(lambda: hook.lost > 0)
        assert desk.status()["webhooks"]["gone"]["waiting"] <= 5
    assert hook.sent == 0


def test_how_long_is_waited() -> None:
    tries = Tries(8)
    assert [tries.after(None) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, None]
    assert [Tries(5).after(status) for status in (400, 401, 404, 410, 301)] == [None] * 5
    assert [Tries(1).after(status) for status in (408, 425, 429, 500, 503)] == [1.0] * 5


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "http://nas.local/hook"}, {"url": ""}, {"url": "ftp://x/"}, {"url": "https://me:word@x/"},
        {"url": "https://x/", "events": []}, {"url": "https://x/", "events": ["partial"]}, {},
    ],
)  # fmt: skip
def test_what_is_not_private_or_makes_no_sense_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate(keys)
    assert WebhookSettings(url="http://nas.local/hook", insecure=True).insecure


def test_a_secret_that_others_may_read_keeps_the_hook_out_and_nothing_else(tmp_path: Path) -> None:
    from device.config import Settings  # noqa: PLC0415

    secret = tmp_path / "secret"
    secret.write_text("whsec_%%%\n")
    secret.chmod(0o644)
    settings = Settings.model_validate(
        {
            "webhooks": {"nas": {"url": "http://127.0.0.1:9/", "secret_file": secret}},
            "control": {"socket": tmp_path / "c.sock"},
        }
    )
    desk = FakeDesk()
    with Outside(settings, desk):
        assert "others may read" in desk.status()["outside"]["webhook nas"]
        assert (tmp_path / "c.sock").exists()
    with pytest.raises(NearfieldError, match="not base64"):
        key_of("whsec_%%%")
