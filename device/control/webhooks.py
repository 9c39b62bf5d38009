"""Tells an address on the network what happens, beside the conversation (docs/control.md).

    with Webhook("nas", settings.webhooks["nas"], desk): ...      # session_start ... session_end

Nothing waits for it: what happens goes into a bounded queue, of which a thread sends one message after the other. An
address that is away costs its own messages, one line in the log when it goes and one when it is back.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from device.config.control import WebhookSettings
from device.control.desk import ControlDesk
from device.control.feed import Subscription, TooManyError
from device.control.webhook_messages import Message, Tries, key_of, message_of, signed
from device.errors import NearfieldError
from device.secret_file import read_secret
from device.version import software_version

_log = logging.getLogger(__name__)

MOST_WAITING = 200
CLOSE_S = 2.0  #: so long the last messages may take when it ends


class Webhook:
    """Use as a context manager. Entering raises NearfieldError: the secret cannot be used."""

    def __init__(self, name: str, hook: WebhookSettings, desk: ControlDesk) -> None:
        self._name = name
        self._hook = hook
        self._desk = desk
        self._key: bytes | None = None
        self._waiting: deque[Message] = deque()
        self._subscription: Subscription | None = None
        self._news = threading.Event()
        self._closing = threading.Event()
        self._give_up_s: float | None = None
        self.trouble = ""  #: why the last try failed; "": it did not
        self.lost = 0  #: messages that did not arrive
        self.sent = 0
        self._thread = threading.Thread(target=self._run, name=f"nearfield-webhook-{name}", daemon=True)

    def __enter__(self) -> Self:
        if self._hook.secret_file is not None:
            self._key = key_of(read_secret(self._hook.secret_file))
        try:
            self._subscription = self._desk.feed.subscribe(self._news.set, only=self._hook.events)
        except TooManyError as error:
            raise NearfieldError(str(error), hint="name fewer webhooks") from error
        self._put(self._session("session_start"))
        self._news.set()
        self._desk.add_status(lambda: {"webhooks": {self._name: self._status()}})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._subscription is not None:
            self._subscription.close()
        self._give_up_s = time.monotonic() + CLOSE_S
        self._closing.set()
        self._news.set()
        self._thread.join(CLOSE_S + 1.0)  # longer than one try only if it hangs: a daemon

    def _status(self) -> dict[str, Any]:
        return {"sent": self.sent, "lost": self.lost, "waiting": len(self._waiting), "trouble": self.trouble}

    def _session(self, kind: str) -> Mapping[str, Any]:
        status = self._desk.status(words=False)
        about: dict[str, Any] = {key: status[key] for key in ("session", "persona") if key in status}
        return {"type": kind, "version": software_version(), **about}

    # ------------------------------------------------------------ the thread

    def _put(self, item: Mapping[str, Any]) -> None:
        message = message_of(self._hook, item, datetime.now(UTC), uuid.uuid4().hex)
        if message is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(message)

    def _take_news(self) -> None:
        if self._subscription is not None:
            for item in self._subscription.take():
                self._put(item)

    def _run(self) -> None:
        try:
            # no proxies of the environment: what is told goes to the address that was named, and nowhere else
            with httpx.Client(timeout=self._hook.timeout_s, follow_redirects=False, trust_env=False) as client:
                self._serve(client)
        except Exception:  # noqa: BLE001 - a thread that ends without a word would be a hook that is silent
            _log.exception("webhook %s: nothing is told any more", self._name)

    def _serve(self, client: httpx.Client) -> None:
        while not self._closing.is_set():
            self._news.wait()
            self._news.clear()
            self._take_news()
            while self._waiting and not self._closing.is_set():
                self._deliver(client, self._waiting.popleft())
                self._take_news()
        self._take_news()
        self._put(self._session("session_end"))
        while self._waiting and self._left_s() > 0:
            self._deliver(client, self._waiting.popleft())
        self.lost += len(self._waiting)

    def _left_s(self) -> float:
        """Of the time that the end may take."""
        return self._hook.timeout_s if self._give_up_s is None else self._give_up_s - time.monotonic()

    def _deliver(self, client: httpx.Client, message: Message) -> None:
        """Until it has arrived or is given up."""
        tries = Tries(self._hook.retries)
        while True:
            status, why = self._try(client, message)
            if not why:
                self._arrived()
                return
            self._failed(why)
            wait_s = tries.after(status)
            if wait_s is None or self._waits_in_vain(wait_s):
                self.lost += 1
                return

    def _waits_in_vain(self, wait_s: float) -> bool:
        """True: it ends meanwhile. What happens until then is taken in: the feed keeps only so much."""
        end_s = time.monotonic() + wait_s
        while (left_s := end_s - time.monotonic()) > 0:
            if self._closing.is_set():
                return True
            self._news.wait(left_s)
            self._news.clear()
            self._take_news()
        return False

    def _try(self, client: httpx.Client, message: Message) -> tuple[int | None, str]:
        """Status, and what went wrong ("": nothing). The body of the answer is not read."""
        try:
            headers = signed(message, self._key, datetime.now(UTC))
            timeout_s = max(0.1, min(self._hook.timeout_s, self._left_s()))
            with client.stream(
                "POST", self._hook.url, content=message.body, headers=headers, timeout=timeout_s
            ) as response:
                status = response.status_code
        except Exception as error:  # noqa: BLE001 - httpx has more kinds than HTTPError; none may end the thread
            return None, type(error).__name__
        return status, "" if 200 <= status < 300 else f"answers with {status}"

    def _arrived(self) -> None:
        self.sent += 1
        if self.trouble:
            _log.warning("webhook %s is back", self._name)
        self.trouble = ""

    def _failed(self, why: str) -> None:
        if not self.trouble:
            _log.warning("webhook %s: %s", self._name, why)  # not its address: that may be a secret itself
        self.trouble = why
