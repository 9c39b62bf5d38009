"""Where a bundle lies: a folder, or a web server.

    source = open_source("https://example.org/nearfield/stable/")
    source.small("manifest.json", limit_bytes=1 << 20)
    source.fetch(file, folder, tell)         # into folder / file.name, whole and with its sha256, or not at all

What is read is bounded by what the manifest promises; a download that broke off goes on where it stopped.
"""

import hashlib
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from device.config.loopback import is_loopback
from device.errors import UpdateError, UsageError
from device.update.manifest import BundleFile
from models.catalog import UrlInput
from models.errors import ModelFetchError
from models.sources import CHUNK_BYTES, TIMEOUT, Progress, fetch_url, no_progress, sha256_of


class Source(Protocol):
    """A bundle that lies somewhere."""

    def small(self, name: str, limit_bytes: int) -> bytes:
        """A whole file. Raises UpdateError: it is not there, or longer than `limit_bytes`."""

    def fetch(self, file: BundleFile, folder: Path, tell: Progress = no_progress) -> None:
        """Put `file` into `folder`. Raises UpdateError: absent, other bytes than promised; OSError: no room."""


def open_source(text: str) -> Source:
    """A folder, file://, https://, or http:// on this machine. Raises UsageError."""
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return FolderSource(Path(unquote(parts.path)))
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        if not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"{text}: is not the address of a folder", hint="such as https://example.org/nearfield/")
        return WebSource(text)
    if parts.scheme == "http":
        raise UsageError(f"{text}: is not encrypted", hint="use https://, or http:// to this machine itself")
    if "://" in text:
        raise UsageError(f"{text}: cannot be fetched from", hint="name a folder or an https:// address")
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{text}: there is no such folder", hint="name the folder that has manifest.json in it")
    return FolderSource(folder)


class FolderSource:
    """A bundle in a folder: a memory stick, a share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def small(self, name: str, limit_bytes: int) -> bytes:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                raw = file.read(limit_bytes + 1)
        except OSError as error:
            raise _absent(path, error) from error
        return _bounded(raw, limit_bytes, str(path))

    def fetch(self, file: BundleFile, folder: Path, tell: Progress = no_progress) -> None:
        target, part = folder / file.name, folder / f"{file.name}.part"
        if _has(target, file):
            return
        path, digest, done = self._folder / file.name, hashlib.sha256(), 0
        try:
            source = path.open("rb") if not path.is_fifo() else None
        except OSError as error:
            raise _absent(path, error) from error
        if source is None:
            raise _altered(str(path))
        with source, part.open("wb") as out:
            while done <= file.bytes and (chunk := source.read(CHUNK_BYTES)):
                digest.update(chunk)
                out.write(chunk)
                done += len(chunk)
                tell(file.name, done, file.bytes)
        if done != file.bytes or digest.hexdigest() != file.sha256:
            part.unlink()
            raise _altered(str(path))
        part.replace(target)


class WebSource:
    """A bundle on a web server."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/") + "/"

    def small(self, name: str, limit_bytes: int) -> bytes:
        url = self._base + name
        raw = b""
        try:
            with (
                httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client,
                client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
            ):
                if response.is_error:
                    raise UpdateError(f"{url}: {response.status_code} {response.reason_phrase}", hint=_NO_BUNDLE)
                for chunk in response.iter_bytes():
                    raw += chunk
                    if len(raw) > limit_bytes:
                        break
        except httpx.HTTPError as error:
            raise UpdateError(f"{url}: {error or type(error).__name__}", hint=_NO_NETWORK) from error
        return _bounded(raw, limit_bytes, url)

    def fetch(self, file: BundleFile, folder: Path, tell: Progress = no_progress) -> None:
        if file.bytes == 0:  # a download of nothing is not promised in the form that fetch_url knows
            (folder / file.name).write_bytes(b"")
            return
        item = UrlInput(name=file.name, url=self._base + file.name, bytes=file.bytes, sha256=file.sha256)
        try:
            fetch_url(item, folder, tell)
        except ModelFetchError as error:
            reason = error.message.replace("the catalogue promises", "its manifest says")
            raise UpdateError(
                f"the release cannot be fetched: {reason}",
                hint="nothing was changed; the same command goes on where it stopped",
            ) from error


_NO_BUNDLE = "is there a bundle (manifest.json) at this address?"
_NO_NETWORK = "is the network there? The same command goes on where it stopped"


def _has(path: Path, file: BundleFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and sha256_of(path) == file.sha256


def _bounded(raw: bytes, limit_bytes: int, where: str) -> bytes:
    if len(raw) > limit_bytes:
        raise UpdateError(f"{where}: is longer than {limit_bytes} bytes", hint="this is no bundle of Nearfield")
    return raw


def _absent(path: Path, error: OSError) -> UpdateError:
    reason = (error.strerror or str(error)).lower()
    return UpdateError(f"{path}: cannot be read ({reason})", hint="is the bundle whole? It has a signed manifest.json")


def _altered(where: str) -> UpdateError:
    return UpdateError(
        f"{where}: was altered or is damaged (its sha256 is not that of the manifest)",
        hint="nothing was changed; fetch the release anew from its publisher",
    )
