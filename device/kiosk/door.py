"""Who is let in: the rules for every request, HTTP and WebSocket alike. Sans-IO.

    door = Door(settings, cards)
    door.refusal(asked, now_s, wall_s)      # None: come in; Refusal(403, "...")

The rules, in their order: how often may a client knock; is it our name that was called (a page of a stranger whose name
was made to mean this machine calls another one: DNS rebinding); did a page of ours send it (a browser says whose page
asks; who is no browser says so with the header X-Nearfield, which no page of strangers can send); is it known.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from device.config.web import WebSettings
from device.kiosk.limits import Limits, client_key
from device.kiosk.pass_card import PassCards

OWN_HEADER = "x-nearfield"
#: To be had by everybody: nothing in them is anybody's.
OPEN_PATHS = ("/login", "/healthz", "/api/login")
OPEN_FOLDER = "/static/"

REQUESTS_PER_S, REQUESTS_BURST = 20.0, 80.0
TRIES_PER_S, TRIES_BURST = 1 / 12, 5.0  #: of wrong tokens, a client
ALL_TRIES_PER_S, ALL_TRIES_BURST = 1.0, 60.0  #: ... all clients together


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `headers`: names in lower case."""

    kind: Literal["http", "websocket"]
    method: str
    path: str
    client: str
    scheme: str  #: as it came in: http, https, ws, wss
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str = ""  #: the value of ours


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    message: str
    login: bool = False  #: to be sent to the page that asks for the token


_TOO_MANY_TRIES = Refusal(429, "too many tries; wait a minute")


class Door:
    """`cards` None: no token is asked for. Not thread-safe: one event loop."""

    def __init__(self, settings: WebSettings, cards: PassCards | None, host_name: str | None = None) -> None:
        own = (host_name or socket.gethostname()).lower()
        self._origins = frozenset(settings.used_origins)
        others = {urlsplit(origin).hostname or "" for origin in settings.used_origins}
        self._names = {"localhost", own, f"{own}.local", *others}
        self._cards = cards
        self._requests = Limits(REQUESTS_PER_S, REQUESTS_BURST)
        self._tries = Limits(TRIES_PER_S, TRIES_BURST)
        self._all_tries = Limits(ALL_TRIES_PER_S, ALL_TRIES_BURST)

    def refusal(self, asked: Asked, now_s: float, wall_s: float) -> Refusal | None:
        """None: it may come in. `now_s`: monotonic; `wall_s`: Unix seconds."""
        if not self._requests.allow(client_key(asked.client), now_s):
            return Refusal(429, "too many requests; wait a little")
        if not self._our_name(asked.headers.get("host", "")):
            return Refusal(421, "this name is not known here; name it in web.origins")
        if not self._from_us(asked):
            return Refusal(403, "it was not a page of this device that asked")
        if self._cards is None or asked.path in OPEN_PATHS or asked.path.startswith(OPEN_FOLDER):
            return None
        return self._unknown(asked, self._cards, now_s, wall_s)

    def log_in(self, client: str, token: str, now_s: float, wall_s: float) -> str | Refusal:
        """The cookie, or why not."""
        if self._cards is None:
            return Refusal(404, "no token is asked for here")
        if not self._may_try(client, now_s):
            return _TOO_MANY_TRIES
        if self._cards.is_token(token):
            return self._cards.issue(wall_s)
        self._count_guess(client, now_s)
        return Refusal(401, "that is not the token")

    def _may_try(self, client: str, now_s: float) -> bool:
        """Takes nothing: whoever has used up its own tries must not use up those of all together."""
        return self._tries.has_room(client_key(client), now_s) and self._all_tries.has_room("all", now_s)

    def _count_guess(self, client: str, now_s: float) -> None:
        self._tries.allow(client_key(client), now_s)
        self._all_tries.allow("all", now_s)

    def _our_name(self, host: str) -> bool:
        """An address cannot be made to mean something else, a name can."""
        if set(host) & set("@/\\?#"):  # parts of an address that no browser sends here
            return False
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True

    def _from_us(self, asked: Asked) -> bool:
        origin = asked.headers.get("origin")
        site = asked.headers.get("sec-fetch-site", "none")
        if origin is not None:
            scheme = "https" if asked.scheme in ("https", "wss") else "http"
            host = asked.headers.get("host", "").lower()
            return origin in self._origins or origin == f"{scheme}://{host}"
        if asked.kind == "websocket" or asked.method not in ("GET", "HEAD"):
            return OWN_HEADER in asked.headers and site in ("none", "same-origin")
        # a link on another page may lead to ours; nothing of ours may be a part of another page
        leads_here = asked.headers.get("sec-fetch-mode") == "navigate" and not asked.path.startswith("/api/")
        return site in ("none", "same-origin") or leads_here

    def _unknown(self, asked: Asked, cards: PassCards, now_s: float, wall_s: float) -> Refusal | None:
        if asked.cookie and cards.valid(asked.cookie, wall_s):
            return None
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not self._may_try(asked.client, now_s):
                return _TOO_MANY_TRIES
            if cards.is_token(token.strip()):
                return None
            self._count_guess(asked.client, now_s)
        wants_page = asked.kind == "http" and asked.path == "/"
        return Refusal(401, "log in first", login=wants_page)
