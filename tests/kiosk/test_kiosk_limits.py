"""How much one client may ask, and whose cookie it is: plain objects, no clock."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config.web import WebSettings
from device.kiosk.door import Asked, Door
from device.kiosk.limits import Limits, TokenBucket, client_key
from device.kiosk.pass_card import LASTS_S, PassCards


def test_a_bucket_fills_again() -> None:
    bucket = TokenBucket(per_s=2.0, burst=3.0, level=3.0, at_s=10.0)
    assert [bucket.allow(10.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.allow(10.4)
    assert bucket.has(10.5) and bucket.allow(10.5)
    assert not bucket.has(10.5)
    assert not bucket.allow(9.0)  # a clock that goes back gives nothing


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 3)), max_size=40))
def test_never_more_than_its_rate_and_its_burst(steps: list[tuple[float, float]]) -> None:
    bucket = TokenBucket(per_s=2.0, burst=5.0, level=5.0, at_s=0.0)
    now_s = newest_s = taken = 0.0
    for step_s, cost in steps:
        now_s += step_s
        newest_s = max(newest_s, now_s)
        taken += cost if bucket.allow(now_s, cost) else 0.0
        assert taken <= 5.0 + 2.0 * newest_s + 1e-6


def test_clients_are_counted_apart_and_bounded() -> None:
    limits = Limits(per_s=1.0, burst=1.0, most_clients=3)
    assert limits.allow("a", 0.0)
    assert not limits.allow("a", 0.0)
    assert limits.allow("b", 0.0)
    for number in range(100):
        limits.allow(str(number), 0.0)
    assert len(limits) == 3


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_who_counts_as_one(address: str, key: str) -> None:
    assert client_key(address) == key


def test_a_cookie_lasts_thirty_days_and_no_longer() -> None:
    cards = PassCards("a token of enough length")
    cookie = cards.issue(1_000.0)
    assert cards.valid(cookie, 1_000.0 + LASTS_S - 1)
    assert not cards.valid(cookie, 1_000.0 + LASTS_S)
    assert not PassCards("another token, as long").valid(cookie, 1_000.0)
    assert cards.issue(1_000.0) != cookie


@given(st.text(max_size=120))
def test_whatever_comes_as_a_cookie_is_refused(text: str) -> None:
    cards = PassCards("a token of enough length")
    assert not cards.valid(text, 0.0)
    assert not cards.is_token(text)


@given(st.integers(0, 90), st.characters())
def test_a_cookie_that_was_changed_is_refused(where: int, other: str) -> None:
    cards = PassCards("a token of enough length")
    cookie = cards.issue(1_000.0)
    where %= len(cookie)
    changed = cookie[:where] + other + cookie[where + 1 :]
    assert cards.valid(changed, 1_000.0) == (changed == cookie)


_ANY = st.text(max_size=40)


@given(
    host=_ANY | st.sampled_from(["localhost", "127.0.0.1:8765"]),
    origin=st.none() | _ANY | st.just("http://localhost"),
    more=st.dictionaries(st.sampled_from(["authorization", "sec-fetch-site", "sec-fetch-mode", "x-nearfield"]), _ANY),
    kind=st.sampled_from(["http", "websocket"]),
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "X"]),
    path=st.sampled_from(["/", "/api/status", "/api/wish", "/api/ws", "/metrics", "/STATIC/x", "//login", "/login/"]),
    client=_ANY,
    cookie=_ANY,
)
def test_whatever_is_asked_without_the_token_is_refused(
    host: str, origin: str | None, more: dict[str, str], kind: Literal["http", "websocket"], method: str, path: str,
    client: str, cookie: str,
) -> None:  # fmt: skip
    door = Door(WebSettings(), PassCards("a token of enough length"), "kitchen")
    headers = {"host": host, **more, **({} if origin is None else {"origin": origin})}
    refusal = door.refusal(Asked(kind, method, path, client, "http", headers, cookie), 0.0, 0.0)
    assert refusal is not None
    assert refusal.status in (401, 403, 421, 429)
