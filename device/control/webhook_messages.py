"""What a webhook is sent, and when it is tried again. Sans-IO.

    message = message_of(hook, {"type": "state", "t_ms": 93.0, "turn": 1, "state": "listening"}, now, number)
    headers = signed(message, key, at)               # Standard Webhooks 1.0.0: webhook-id, -timestamp, -signature
    wait_s = Tries(retries=5).after(503)             # 1.0; None: it is given up, or has arrived

Of each event exactly the fields of `TOLD` are sent: what a later version adds stays here until it is named.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from device.config.control import WebhookSettings
from device.errors import ConfigError

#: Of each event what tells nothing of what was said.
TOLD: Mapping[str, tuple[str, ...]] = {
    "state": ("state",),
    "mute": ("muted",),
    "volume": ("percent",),
    "card_lost": ("message",),
    "card_back": ("lost_ms",),
    "mic_trouble": ("kind", "over", "message"),
    "degraded": ("level", "without", "reason"),
    "error": ("stage", "message"),
    "ring_start": (),
    "ring_end": ("reason",),
    "commit": ("reason",),
    "playout_end": (),
    "session_start": ("session", "persona", "version"),
    "session_end": ("session", "persona", "version"),
}
#: ... and what is words, for `transcripts = true`. "error" has none: an error must not repeat what was said.
SAID: Mapping[str, tuple[str, ...]] = {
    "ring_start": ("name", "text"),
    "ring_end": ("name",),
    "commit": ("text",),
    "playout_end": ("generated", "heard"),
}
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 60.0
_PREFIX = "whsec_"  # of a secret in base64 (Standard Webhooks, "Signature scheme")
_LATER = {408, 425, 429}  # of the client's errors those that are none of the message


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same for every try: by it a receiver knows what it has had already."""

    id: str
    body: bytes


def message_of(hook: WebhookSettings, item: Mapping[str, Any], now: datetime, number: str) -> Message | None:
    """None: this hook is not told of it. `number`: of this message, no other may have it."""
    kind = str(item.get("type", ""))
    if kind not in hook.events:
        return None
    fields = [*TOLD[kind], *(SAID.get(kind, ()) if hook.transcripts else ())]
    data = {key: item[key] for key in ("turn", *fields) if key in item}
    body = {
        "type": f"nearfield.{kind}",
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": data,
    }
    return Message(f"msg_{number}", json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace"))


def key_of(secret: str) -> bytes:
    """Raises ConfigError: it says that it is base64, and is not."""
    if not secret.startswith(_PREFIX):
        return secret.encode("utf-8")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise ConfigError(
            f"a webhook's secret begins with {_PREFIX} and is not base64 behind it", hint="copy it once more"
        ) from None


def signed(message: Message, key: bytes | None, at: datetime) -> dict[str, str]:
    """The headers; without a key no signature. `at`: of this try."""
    timestamp = str(int(at.timestamp()))
    headers = {"content-type": "application/json", "webhook-id": message.id, "webhook-timestamp": timestamp}
    if key is not None:
        content = f"{message.id}.{timestamp}.".encode() + message.body
        signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")
        headers["webhook-signature"] = f"v1,{signature}"
    return headers


class Tries:
    """Of one message."""

    def __init__(self, retries: int) -> None:
        self._left = retries
        self._wait_s = FIRST_RETRY_S

    def after(self, status: int | None) -> float | None:
        """So long to wait for the next try; None: no more. `status`: of the answer; None: there was none."""
        if status is not None and not (status >= 500 or status in _LATER):
            return None
        if self._left == 0:
            return None
        self._left -= 1
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, LONGEST_RETRY_S)
        return wait_s
