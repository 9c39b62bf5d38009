"""Who is let in, and who is not: every refusal of the page, over the real application."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from kiosk_door_kit import HOST, OURS, OWN, SOCKET, TOKEN, client, token_file
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.kiosk_desk import PretendedDesk, past_turns, pretended_desk
from device.config.web import WebSettings
from device.control.feed import MOST_ONLOOKERS
from device.errors import ConfigError, NearfieldError
from device.kiosk import onlooker
from device.kiosk.app import MOST_SOCKETS, make_app
from device.kiosk.door import REQUESTS_BURST, Asked, Door, Refusal
from device.kiosk.pass_card import PassCards


@pytest.fixture
def desk() -> PretendedDesk:
    return pretended_desk()


@pytest.fixture
def page(desk: PretendedDesk) -> Iterator[TestClient]:
    with client(desk) as test_client:
        yield test_client


def ws_refusal(page: TestClient, **headers: str) -> int:
    with pytest.raises(WebSocketDenialResponse) as caught, page.websocket_connect(SOCKET, headers=headers):
        pass
    return int(caught.value.status_code)


# --- names: DNS rebinding


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost", "localhost:9000", "[::1]:8765", "192.168.1.7:8765", "KITCHEN.local"]
)
def test_our_names_are_known(page: TestClient, host: str) -> None:
    assert page.get("/api/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8765",
        "",
        "[::1",
        "a@localhost",
        "localhost/x",
        "kitchen.evil",
    ],
)
def test_other_names_are_refused_whatever_is_asked(page: TestClient, host: str) -> None:
    for path in ("/", "/api/status", "/healthz", "/static/app.js", "/login"):
        assert page.get(path, headers={"host": host}).status_code == 421
    assert ws_refusal(page, host=host, origin=f"http://{host}") == 421


def test_a_name_of_web_origins_is_known(desk: PretendedDesk) -> None:
    with client(desk, origins="https://nearfield.lan") as page:
        assert page.get("/api/status", headers={"host": "nearfield.lan"}).status_code == 200
        other = {"host": "nearfield.lan", "origin": "https://nearfield.lan"}
        assert page.post("/api/wish", json={"do": "mute"}, headers=other).status_code == 200


# --- pages of strangers


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:8765", ""])
def test_pages_of_strangers_ask_in_vain(page: TestClient, desk: PretendedDesk, origin: str) -> None:
    headers = {"origin": origin, **OWN}
    assert page.post("/api/wish", json={"do": "mute"}, headers=headers).status_code == 403
    assert page.get("/api/status", headers=headers).status_code == 403
    assert ws_refusal(page, origin=origin) == 403
    assert not desk.controls.muted


def test_without_an_origin_only_who_says_so_may_change_anything(page: TestClient, desk: PretendedDesk) -> None:
    assert page.post("/api/wish", json={"do": "mute"}).status_code == 403  # a form of an old browser
    assert ws_refusal(page) == 403
    assert not desk.controls.muted
    assert page.post("/api/wish", json={"do": "mute"}, headers=OWN).status_code == 200
    assert (
        page.post("/api/wish", json={"do": "mute"}, headers={**OWN, "sec-fetch-site": "cross-site"}).status_code == 403
    )
    with page.websocket_connect(SOCKET, headers=OWN) as socket:
        assert socket.receive_json()["type"] == "status"
    assert desk.controls.muted


def test_what_is_ours_is_no_part_of_another_page_but_may_be_linked_to(page: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert page.get("/static/app.js", headers={**cross, "sec-fetch-mode": "no-cors"}).status_code == 403
    assert page.get("/api/status", headers={**cross, "sec-fetch-mode": "navigate"}).status_code == 403
    assert page.get("/", headers={**cross, "sec-fetch-mode": "navigate"}).status_code == 200


# --- the token


def test_without_the_token_nothing_but_the_door(desk: PretendedDesk, tmp_path: Path) -> None:
    with client(desk, token_file=token_file(tmp_path)) as page:
        for path in ("/api/status", "/api/traces", "/metrics", "/nothing"):
            assert page.get(path).status_code == 401
        assert page.post("/api/wish", json={"do": "mute"}, headers=OURS).status_code == 401
        assert ws_refusal(page, **OURS) == 401
        assert page.get("/").headers["location"] == "/login"
        for path in ("/login", "/static/login.js", "/static/app.css", "/healthz"):
            assert page.get(path).status_code == 200
    assert not desk.controls.muted


def test_the_token_opens_as_bearer_and_as_cookie(desk: PretendedDesk, tmp_path: Path) -> None:
    with client(desk, token_file=token_file(tmp_path)) as page:
        assert page.get("/api/status", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        answer = page.post("/api/login", json={"token": TOKEN}, headers=OURS)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
        assert page.get("/api/status").status_code == 200
        with page.websocket_connect(SOCKET, headers=OURS) as socket:
            assert socket.receive_json()["type"] == "status"
        page.post("/api/logout", headers=OURS)
        assert page.get("/api/status").status_code == 401
        good = cookie.partition("=")[2].partition(";")[0]
        forged = f"{int(good.partition('.')[0]) + 1}{good[good.index('.') :]}"
        for bad in (forged, good[:-1], "x", "..", f"é{good}"):
            headers = {"cookie": f"nearfield={bad}".encode("latin-1")}
            assert page.get("/api/status", headers=headers).status_code == 401


def test_with_tls_the_cookie_is_sent_by_nothing_else(desk: PretendedDesk, tmp_path: Path) -> None:
    settings = {"token_file": token_file(tmp_path), "tls_cert": tmp_path / "c", "tls_key": tmp_path / "k"}
    with client(desk, base_url="https://127.0.0.1:8765", **settings) as page:
        answer = page.post("/api/login", json={"token": TOKEN}, headers={"origin": "https://127.0.0.1:8765"})
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["set-cookie"].startswith("__Host-nearfield=")


def test_guesses_are_counted_and_the_right_one_comes_too_late(
    desk: PretendedDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.kiosk.door.TRIES_PER_S", 0.0)
    with client(desk, token_file=token_file(tmp_path)) as page:
        guesses = [page.post("/api/login", json={"token": f"guess {n}"}, headers=OURS).status_code for n in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        assert page.post("/api/login", json={"token": TOKEN}, headers=OURS).status_code == 429
        assert page.get("/api/status", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 429
    with client(desk, token_file=token_file(tmp_path)) as page:
        bearer = [page.get("/api/status", headers={"authorization": f"Bearer {n}"}).status_code for n in range(6)]
        assert bearer == [401] * 5 + [429]


def test_one_who_has_tried_too_often_leaves_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TRIES_PER_S", 0.0), ("ALL_TRIES_PER_S", 0.0), ("ALL_TRIES_BURST", 8.0)):
        monkeypatch.setattr(f"device.kiosk.door.{name}", value)
    door = Door(WebSettings(), PassCards(TOKEN), "kitchen")
    tries = [door.log_in("10.0.0.1", "a guess", 0.0, 0.0) for _ in range(20)]
    assert [each.status for each in tries if isinstance(each, Refusal)] == [401] * 5 + [429] * 15
    assert isinstance(door.log_in("10.0.0.2", TOKEN, 0.0, 0.0), str)


@pytest.mark.parametrize("by", ["log in", "bearer"])
def test_guesses_of_all_together_are_counted_however_they_are_made(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ALL_TRIES_PER_S", 0.0), ("ALL_TRIES_BURST", 8.0)):
        monkeypatch.setattr(f"device.kiosk.door.{name}", value)
    door = Door(WebSettings(), PassCards(TOKEN), "kitchen")

    def bearer(client: str, token: str) -> Refusal | None:
        headers = {"host": "kitchen", "authorization": f"Bearer {token}"}
        return door.refusal(Asked("http", "GET", "/api/status", client, "http", headers), 0.0, 0.0)

    def guess(number: int) -> int:
        client = f"10.0.0.{number}"
        answer = door.log_in(client, "a guess", 0.0, 0.0) if by == "log in" else bearer(client, "a guess")
        assert isinstance(answer, Refusal)
        return answer.status

    for _ in range(20):  # who knows it uses nothing up
        assert bearer("10.0.1.1", TOKEN) is None
    assert [guess(number) for number in range(10)] == [401] * 8 + [429] * 2
    late = door.log_in("10.0.1.2", TOKEN, 0.0, 0.0)
    assert isinstance(late, Refusal) and late.status == 429
    assert bearer("10.0.1.3", TOKEN) == late


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 1}', b'{"token": null}', b'{"token"', b"\xff", b"[" * 5000])
def test_what_is_no_token_is_refused(desk: PretendedDesk, tmp_path: Path, body: bytes) -> None:
    with client(desk, token_file=token_file(tmp_path)) as page:
        headers = {**OURS, "content-type": "application/json"}
        assert page.post("/api/login", content=body, headers=headers).status_code == 400


def test_a_token_that_could_be_guessed_is_refused_at_the_start(desk: PretendedDesk, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="16 are needed"):
        make_app(desk, WebSettings(token_file=token_file(tmp_path, "short")))
    file = token_file(tmp_path)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        make_app(desk, WebSettings(token_file=file))


def test_other_routes_are_behind_the_same_door(desk: PretendedDesk, tmp_path: Path) -> None:
    more = [Route("/metrics", lambda _request: PlainTextResponse("up 1"))]
    app = make_app(desk, WebSettings(token_file=token_file(tmp_path)), extra_routes=more)
    with TestClient(app, base_url=HOST) as page:
        assert page.get("/metrics").status_code == 401
        assert page.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text == "up 1"


# --- what comes in


def test_bodies_are_wishes_and_nothing_else(page: TestClient, desk: PretendedDesk) -> None:
    def post(content: bytes, kind: str = "application/json") -> int:
        return page.post("/api/wish", content=content, headers={**OURS, "content-type": kind}).status_code

    assert post(b'{"do":"volume","percent":40}') == 200
    assert desk.controls.volume_percent == 40
    assert post(b'{"do":"volume","percent":10}', "text/plain") == 400  # what a form may send without being asked
    assert post(b'{"do":"volume","percent":10}', "application/x-www-form-urlencoded") == 400
    assert post(b'{"do":"volume","percent":400}') == 400
    assert post(b"x" * 9000) == 413
    assert post(b"[" * 7000) == 400
    assert post(b'{"do":"volume","percent":' + b"9" * 5000 + b"}") == 400
    assert post(b"\xff\xfe") == 400
    assert desk.controls.volume_percent == 40
    assert page.get("/api/wish").status_code == 405


def test_what_cannot_be_is_said(page: TestClient) -> None:
    answer = page.post("/api/wish", json={"do": "reload"}, headers=OURS)
    assert answer.status_code == 409
    assert answer.json() == {"error": "this one cannot begin anew", "hint": "end it and start it again"}


def test_who_asks_too_often_waits(page: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(monotonic=lambda: 5.0, time=lambda: 1_795_262_400.0)
    monkeypatch.setattr("device.kiosk.guard.time", now)  # so that a slow machine asks as often
    answers = [page.get("/healthz").status_code for _ in range(int(REQUESTS_BURST) + 20)]
    assert answers == [200] * int(REQUESTS_BURST) + [429] * 20
    now.monotonic = lambda: 6.0
    assert [page.get("/healthz").status_code for _ in range(21)] == [200] * 20 + [429]


def test_every_answer_tells_the_browser_what_it_may_not(page: TestClient) -> None:
    for path, status in (("/", 200), ("/static/app.js", 200), ("/api/status", 200), ("/nothing", 404)):
        answer = page.get(path)
        assert answer.status_code == status
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert page.get("/api/status").headers["cache-control"] == "no-store"


def test_nothing_but_the_files_of_the_page_is_served(page: TestClient) -> None:
    for name in ("..%2fapp.py", "../app.py", "%2e%2e/app.py", "index.html", "app.js%00", "x"):
        assert page.get(f"/static/{name}").status_code == 404
    first = page.get("/static/app.js")
    assert first.headers["content-type"].startswith("text/javascript")
    again = page.get("/static/app.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


def test_the_page_is_small_and_without_scripts_of_its_own() -> None:
    names = ("index.html", "login.html", "app.js", "talk.js", "turns.js", "login.js", "app.css", "icon.svg")
    folder = Path(onlooker.__file__).parent / "static"
    assert {file.name for file in folder.iterdir()} == set(names)
    assert sum((folder / name).stat().st_size for name in names) < 60_000
    for name in ("index.html", "login.html"):
        text = (folder / name).read_text()
        assert "<script>" not in text and "style=" not in text and "onclick" not in text
    for name in ("app.js", "turns.js", "talk.js", "login.js"):
        text = (folder / name).read_text()
        assert "innerHTML" not in text and "eval(" not in text and "insertAdjacentHTML" not in text


# --- what there is to be had


def test_status_and_turns(page: TestClient, desk: PretendedDesk) -> None:
    for event in past_turns(12):
        desk.on_event(event)
    assert page.get("/api/status").json()["turns"] == 12
    body = page.get("/api/traces").json()
    assert [turn["turn"] for turn in body["turns"]] == list(range(12, 4, -1))
    assert {"ttfa", "end_point", "first_clause"} <= {each["stage"] for each in body["stages"]}
    assert "crocodile" not in page.get("/api/traces").text
    left, right = body["window_ms"]
    assert left < 0 < right


def test_health_tells_of_a_lost_card_without_words(page: TestClient, desk: PretendedDesk) -> None:
    from device.dialogue import events as ev  # noqa: PLC0415

    assert page.get("/healthz").json() == {"ok": True, "trouble": []}
    desk.on_event(ev.CardLost(0, 0, "the secret name of a card"))
    answer = page.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "trouble": ["card"]})


# --- the socket


def test_a_socket_tells_and_obeys(page: TestClient, desk: PretendedDesk) -> None:
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        first = socket.receive_json()
        assert first["type"] == "status" and first["status"]["session"] == 41
        desk.feed.publish({"type": "state", "state": "listening"})
        assert socket.receive_json() == {"type": "state", "state": "listening"}
        socket.send_json({"do": "mute"})
        assert socket.receive_json() == {"type": "obeyed", "do": "mute", "muted": True, "volume_percent": 65}
        socket.send_json({"do": "status"})
        assert socket.receive_json()["status"]["muted"] is True
        for bad in ("", "[", "{}", '"x"', "null", '{"levels": 1}', "[" * 6000, '{"do":"mute","x":1}', "9" * 5000):
            socket.send_text(bad)
            assert socket.receive_json()["type"] == "refused"
        socket.send_bytes(b'{"do":"unmute"}')
        assert socket.receive_json()["type"] == "refused"
        socket.send_json({"do": "reload"})
        assert socket.receive_json()["hint"] == "end it and start it again"
    assert desk.controls.muted


def test_levels_are_told_while_something_is_heard_or_asked_for(page: TestClient, desk: PretendedDesk) -> None:
    level = {"type": "levels", "mic_db": -40.0, "far_db": -90.0}
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        socket.receive_json()
        desk.feed.publish(level)  # nothing goes on: nobody need see it
        desk.feed.publish({"type": "state", "state": "listening"})
        assert socket.receive_json()["type"] == "state"
        desk.feed.publish(level)
        assert socket.receive_json() == level
        desk.feed.publish({"type": "state", "state": "idle"})
        assert socket.receive_json()["type"] == "state"
        socket.send_json({"levels": True})
        assert socket.receive_json() == {"type": "obeyed", "levels": True}
        desk.feed.publish(level)
        assert socket.receive_json() == level


def test_who_goes_lets_go_of_the_talk_button(page: TestClient, desk: PretendedDesk) -> None:
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        socket.receive_json()
        socket.send_json({"do": "press"})
        assert socket.receive_json()["do"] == "press"
    with page.websocket_connect(SOCKET, headers=OURS) as other:  # who held nothing lets go of nothing
        other.receive_json()
    assert desk.assistant.calls == ["press", "release"]


def test_wishes_have_a_limit_and_letting_go_has_none(
    page: TestClient, desk: PretendedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onlooker, "WISHES_PER_S", 0.0)
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        socket.receive_json()
        for _ in range(80):
            socket.send_json({"do": "stop"})
        answers = [socket.receive_json() for _ in range(80)]
        assert answers[-1] == {"type": "refused", "message": "too many wishes; wait a little"}
        assert desk.assistant.calls == ["stop"] * 40
        socket.send_json({"do": "release"})
        while socket.receive_json().get("do") != "release":
            pass
    assert desk.assistant.calls[-1] == "release"


def test_sockets_are_bounded(page: TestClient, desk: PretendedDesk) -> None:
    assert MOST_SOCKETS < MOST_ONLOOKERS
    held = [page.websocket_connect(SOCKET, headers=OURS) for _ in range(MOST_SOCKETS)]
    for socket in held:
        socket.__enter__()
        socket.receive_json()
    assert ws_refusal(page, **OURS) == 503
    for socket in held:
        socket.__exit__(None, None, None)
    others = [desk.feed.subscribe() for _ in range(MOST_ONLOOKERS)]
    assert ws_refusal(page, **OURS) == 503
    for each in others:
        each.close()
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        assert socket.receive_json()["type"] == "status"


def test_a_page_that_lost_something_is_told_how_it_stands(page: TestClient, desk: PretendedDesk) -> None:
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        socket.receive_json()
        mine = desk.feed._onlookers[0]
        with mine._lock:  # the page's side stands still while 300 items come
            mine._waiting.extend({"type": "n", "n": number} for number in range(300))
            mine.lost += 44
        desk.feed.publish({"type": "n", "n": 300})
        kinds = [socket.receive_json()["type"] for _ in range(2)]
        assert kinds == ["several", "status"]


def test_a_desk_that_refuses_breaks_no_socket(page: TestClient, desk: PretendedDesk) -> None:
    def refuse() -> None:
        raise NearfieldError("no", hint="later")

    desk.assistant.hush = refuse  # type: ignore[method-assign]
    with page.websocket_connect(SOCKET, headers=OURS) as socket:
        socket.receive_json()
        socket.send_json({"do": "stop"})
        assert socket.receive_json() == {"type": "refused", "message": "no", "hint": "later"}
        socket.send_json({"do": "mute"})
        assert socket.receive_json()["type"] == "obeyed"
