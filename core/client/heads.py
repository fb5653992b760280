"""The next h11 event of an answer, read from its wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from core.client.wire import Wire


async def next_event(
    http: h11.Connection, wire: Wire
) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
    """What comes next of the answer that ``http`` waits for.

    Raises:
        OSError: the connection was reset, or closed before an answer.
        h11.RemoteProtocolError: it is no HTTP.
    """
    while (event := http.next_event()) is h11.NEED_DATA:
        data = await wire.read()
        if (
            not data
            and http.their_state is h11.SEND_RESPONSE
            # Cut in what began like an answer; an end after anything else h11 refuses itself.
            and b"HTTP/".startswith(http.trailing_data[0][:5])
        ):
            raise ConnectionResetError("closed before an answer")
        http.receive_data(data)
    return event
