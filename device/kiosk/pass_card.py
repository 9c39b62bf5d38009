"""Who has logged in: a cookie that only the holder of the token can have been given. Sans-IO.

    cards = PassCards("the token")
    cookie = cards.issue(now_s)
    cards.valid(cookie, now_s)          # True, for 30 days
    cards.is_token("a guess")           # False, in constant time

The cookie is signed, not stored: a restart logs nobody out, and a new token everybody (RFC 2104, HMAC-SHA-256).
"""

import hashlib
import hmac
import secrets

LASTS_S = 30 * 86_400
LEAST_CHARS = 16  #: a shorter token could be guessed


class PassCards:
    """`token`: the secret. Any thread."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._key = hashlib.sha256(b"nearfield web session\0" + self._token).digest()

    def is_token(self, text: str) -> bool:
        """Compared in a time that tells nothing, of its length neither."""
        ours, theirs = (hashlib.sha256(each).digest() for each in (self._token, text.encode("utf-8", "replace")))
        return hmac.compare_digest(ours, theirs)

    def issue(self, now_s: float) -> str:
        """`now_s`: Unix seconds."""
        told = f"{int(now_s) + LASTS_S}.{secrets.token_hex(8)}"
        return f"{told}.{self._sign(told)}"

    def valid(self, cookie: str, now_s: float) -> bool:
        """Was it issued here, and does it still last?"""
        told, _, signature = cookie.rpartition(".")
        if not told or not signature.isascii() or not hmac.compare_digest(self._sign(told), signature):
            return False
        until = told.partition(".")[0]
        return until.isascii() and until.isdigit() and len(until) < 13 and now_s < int(until)

    def _sign(self, told: str) -> str:
        return hmac.new(self._key, told.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
