"""`models.sources.fetch_url` against a real web server that misbehaves."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from web_site import Site

from models.catalog import UrlInput
from models.errors import ModelFetchError
from models.sources import ATTEMPTS, fetch_url

CONTENT = os.urandom(300_000)
Serve = Callable[[Site], Site]


def item(site: Site, **changes: object) -> UrlInput:
    facts = {"name": "m.gguf", "url": site.url, "bytes": len(CONTENT), "sha256": Site(CONTENT).sha256}
    return UrlInput.model_validate(facts | changes)


def only_file(directory: Path) -> bytes:
    assert [path.name for path in directory.iterdir()] == ["m.gguf"]
    return (directory / "m.gguf").read_bytes()


def test_fetches_and_tells_how_far_it_is(serve: Serve, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fetch_url(item(serve(Site(CONTENT))), tmp_path, lambda *told: seen.append(told))
    assert only_file(tmp_path) == CONTENT
    assert seen[-1] == ("m.gguf", len(CONTENT), len(CONTENT))


def test_follows_a_redirect(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT))
    fetch_url(item(site, url=site.url.replace("/file", "/moved")), tmp_path)
    assert only_file(tmp_path) == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, drop_after=[100_000, 50_000]))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert [request.get("range") for request in site.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert site.requests[1]["if-range"] == '"v1"'


def test_the_next_call_resumes_what_the_last_one_left(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf.part").write_bytes(CONTENT[:123])
    (tmp_path / "m.gguf.part.etag").write_text('"v1"')
    site = serve(Site(CONTENT))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert site.requests[0]["range"] == "bytes=123-"


def test_a_part_of_another_version_is_fetched_anew(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf.part").write_bytes(b"x" * 500)
    (tmp_path / "m.gguf.part.etag").write_text('"v0"')
    fetch_url(item(serve(Site(CONTENT))), tmp_path)
    assert only_file(tmp_path) == CONTENT


def test_a_server_without_ranges_starts_over(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, ranges=False, etag=None, drop_after=[100_000]))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert len(site.requests) == 2


def test_a_part_as_long_as_the_file_needs_no_request(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf.part").write_bytes(CONTENT)
    site = serve(Site(CONTENT))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert site.requests == []


def test_a_whole_file_is_not_fetched_again(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(CONTENT)
    site = serve(Site(CONTENT, status=500))
    fetch_url(item(site), tmp_path)
    assert site.requests == []


def test_a_size_that_nobody_knows_is_no_obstacle(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, drop_after=[7]))
    fetch_url(item(site, bytes=None), tmp_path)
    assert only_file(tmp_path) == CONTENT


def test_altered_content_is_refused_and_its_part_removed(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(bytes(len(CONTENT))))
    with pytest.raises(ModelFetchError, match="sha256"):
        fetch_url(item(site), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_too_much_is_cut_off(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match="more than"):
        fetch_url(item(serve(Site(CONTENT + b"!"))), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refusal_is_reported_with_its_address(serve: Serve, tmp_path: Path, status: int) -> None:
    site = serve(Site(CONTENT, status=status))
    with pytest.raises(ModelFetchError, match=f"{site.url}: {status}"):
        fetch_url(item(site), tmp_path)


def test_a_refusal_keeps_the_part(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf.part").write_bytes(CONTENT[:123])
    with pytest.raises(ModelFetchError, match="503"):
        fetch_url(item(serve(Site(CONTENT, status=503))), tmp_path)
    assert (tmp_path / "m.gguf.part").read_bytes() == CONTENT[:123]


def test_a_connection_that_breaks_every_time_gives_up_and_keeps_the_part(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, drop_after=[1000] * 50))
    with pytest.raises(ModelFetchError, match=site.url):
        fetch_url(item(site), tmp_path)
    part = (tmp_path / "m.gguf.part").read_bytes()
    assert 0 < len(part) < len(CONTENT)
    assert CONTENT.startswith(part)


def test_a_part_that_is_rejected_at_the_last_attempt(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, drop_after=[1000] * (ATTEMPTS - 1), no_rest=ATTEMPTS - 1))
    with pytest.raises(ModelFetchError, match=f"{site.url}: .*no rest"):
        fetch_url(item(site), tmp_path)
    assert len(site.requests) == ATTEMPTS
    assert list(tmp_path.iterdir()) == [], "the next call begins anew"


def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    gone = UrlInput(name="m.gguf", url="http://127.0.0.1:9/file", bytes=5, sha256="0" * 64)
    with pytest.raises(ModelFetchError, match=r"127\.0\.0\.1:9"):
        fetch_url(gone, tmp_path)


@pytest.mark.parametrize("part", [CONTENT[:1000] + bytes(5000), bytes(len(CONTENT)), CONTENT + b"!"])
def test_a_part_that_a_power_cut_spoilt_is_not_the_servers_fault(serve: Serve, tmp_path: Path, part: bytes) -> None:
    """It has holes, or is of another version: everything is fetched anew at once."""
    (tmp_path / "m.gguf.part").write_bytes(part)
    (tmp_path / "m.gguf.part.etag").write_text('"v1"')
    fetch_url(item(serve(Site(CONTENT))), tmp_path)
    assert only_file(tmp_path) == CONTENT


def test_a_server_that_sends_something_else_behind_a_part_is_asked_once_more_only(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "m.gguf.part").write_bytes(CONTENT[:1000])
    site = serve(Site(bytes(len(CONTENT))))
    with pytest.raises(ModelFetchError, match="sha256"):
        fetch_url(item(site), tmp_path)
    assert [request.get("range") for request in site.requests] == ["bytes=1000-", None]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("etag", [b"", b"\0\0\0\0", b"\xff\xfe"])
def test_a_spoilt_note_of_the_version_costs_nothing(serve: Serve, tmp_path: Path, etag: bytes) -> None:
    (tmp_path / "m.gguf.part").write_bytes(CONTENT[:1000])
    (tmp_path / "m.gguf.part.etag").write_bytes(etag)
    site = serve(Site(CONTENT))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert "if-range" not in site.requests[0]


def test_a_connection_whose_end_is_all_that_tells_the_length_is_taken_up_too(serve: Serve, tmp_path: Path) -> None:
    site = serve(Site(CONTENT, length=False, drop_after=[100_000]))
    fetch_url(item(site), tmp_path)
    assert only_file(tmp_path) == CONTENT
    assert [request.get("range") for request in site.requests] == [None, "bytes=100000-"]


def test_a_body_that_is_not_packed_as_the_server_says_is_reported(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match=r"127\.0\.0\.1"):
        fetch_url(item(serve(Site(CONTENT, encoding="gzip"))), tmp_path)


@pytest.mark.parametrize("url", ["https://[::1/m.gguf", f"https://{'a' * 64}.example/m.gguf", "http://xn--a.example/"])
def test_an_address_that_cannot_be_one_is_reported(tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelFetchError, match=re.escape(url)):
        fetch_url(UrlInput(name="m.gguf", url=url, bytes=5, sha256="0" * 64), tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "proxy"),
        ("HTTP_PROXY", "strange://127.0.0.1:9", "proxy"),
        ("HTTP_PROXY", "http://127.0.0.1:port", "proxy"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "certificates"),
    ],
)
def test_an_environment_that_leads_nowhere_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """The file of certificates is not the disk of the models, and neither is a traceback."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ModelFetchError, match=says):
        fetch_url(UrlInput(name="m.gguf", url="http://127.0.0.1:9/file", bytes=5, sha256="0" * 64), tmp_path)
