"""What the header of an audio file promises, compared with what is there.

    promise = promised_seconds(open("a.wav", "rb"))
    if promise and promise.missing: ...          # the file was cut short

libsndfile reads a truncated WAV, AIFF, W64 or RF64 without a word, as far as it goes, and takes a truncated Ogg for an
empty one; so the lengths are compared here. FLAC and MP3 need no help: the decoder notices.
"""

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN_SIZE = 0x7FFF0000  #: sizes from here on are what programs write into a pipe, when they cannot know
_MAX_CHUNKS = 1000
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True, slots=True)
class Promise:
    """A length that a header states."""

    seconds: float | None  #: None when the header does not say how many seconds its bytes are
    missing: int  #: bytes promised but not there; 0 for a whole file


def promised_seconds(file: BinaryIO) -> Promise | None:
    """None when the format states no length, or not in a form known here. `file` must be seekable."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        return _wav(file, size, ">" if head[:4] == b"RIFX" else "<")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        promised = struct.unpack(">I", head[4:8])[0] + 8
        return None if promised >= _UNKNOWN_SIZE else Promise(None, max(0, promised - size))
    if head[:16] == _W64_RIFF and len(head) >= 24:
        promised = struct.unpack("<Q", head[16:24])[0]
        return None if promised >= 1 << 62 else Promise(None, max(0, promised - size))
    if head[:4] == b"OggS":
        return _ogg(file, size)
    return None


def _wav(file: BinaryIO, size: int, order: str) -> Promise | None:
    """Walk the chunks up to `data`. RF64 states its true size in a `ds64` chunk before it (EBU Tech 3306)."""
    at, bytes_a_second, long_size = 12, 0, 0
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return None
        name, length = header[:4], struct.unpack(order + "I", header[4:])[0]
        if name == b"ds64":
            long_size = struct.unpack("<Q", file.read(24).ljust(24, b"\0")[8:16])[0]
        elif name == b"fmt ":
            bytes_a_second = struct.unpack(order + "I", file.read(16).ljust(16, b"\0")[8:12])[0]
        elif name == b"data":
            promised = long_size if length == 0xFFFFFFFF and long_size else length
            if promised >= _UNKNOWN_SIZE and promised != long_size:
                return None
            seconds = promised / bytes_a_second if bytes_a_second else None
            return Promise(seconds, max(0, promised - max(0, size - at - 8)))
        at += 8 + length + (length & 1)
    return None


def _ogg(file: BinaryIO, size: int) -> Promise | None:
    """The last page must be whole: 27 bytes, then a table of segment lengths, then the segments (RFC 3533, 6)."""
    start = max(0, size - 2 * 65_307)  # a page is at most 65,307 bytes
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0:
        return None
    page = tail[at:]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return Promise(None, 1)
    table = page[27 : 27 + page[26]]
    return Promise(None, max(0, 27 + len(table) + sum(table) - len(page)))
