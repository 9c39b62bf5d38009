"""Server-sent events, as far as a stream of a language model uses them: which data lines have come.

    stream = EventStream()
    for chunk in body: for data in stream.feed(chunk): ...

By the HTML standard, section 9.2.6: lines end in CR, LF or CR LF; a line "data: x" adds x; an empty line ends an event;
other fields and comments are passed over. Sans-IO, and bounded: a server cannot make it keep more than `MAX_BYTES`.
(httpx-sse keeps a line of any length.)
"""

import re
from collections.abc import Iterator

#: A chunk of an answer has some hundred bytes; a call of a tool, with all its arguments, a few thousand.
MAX_BYTES = 1 << 20

_LINE_END = re.compile(rb"\r\n|\r|\n")


class OverlongEventError(ValueError):
    """More than `MAX_BYTES` without the end of an event."""


class EventStream:
    """Fed with the bytes of a body in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of each event that is complete with `chunk`. Raises OverlongEventError."""
        if not chunk:
            return
        ends_in_cr = chunk.endswith(b"\r")
        if self._after_cr:  # its LF may have come with this chunk
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = ends_in_cr
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                data = b"\n".join(self._data)
                self._data.clear()
                self._size = 0
                yield data.decode("utf-8", errors="replace")
        if len(self._rest) + self._size > MAX_BYTES:
            raise OverlongEventError(f"an event of more than {MAX_BYTES} bytes")

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            if self._size > MAX_BYTES:
                raise OverlongEventError(f"an event of more than {MAX_BYTES} bytes")
