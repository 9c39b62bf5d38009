"""HTTP for clients that may never come to the point: a request has so long to arrive.

    uvicorn.Config(app, http=PatientHttp, ...)

uvicorn waits for the head of a request as long as the connection lasts; a few dozen clients that say nothing would keep
everybody else out. What comes of a connection that has become a WebSocket is not its business.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S = 10.0  #: from the connection, or the answer before, to the end of the head


class PatientHttp(H11Protocol):
    """Closes a connection on which no request arrives in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self.loop.call_later(REQUEST_WITHIN_S, self._give_up, self.cycle)

    def _give_up(self, before: Any) -> None:
        ours = cast(Any, self.transport).get_protocol() is self  # else it is a WebSocket by now
        if ours and self.cycle is before and not self.transport.is_closing():
            self.transport.close()
