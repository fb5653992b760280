"""One HTTP request to one server, and its reply, under one wall-clock deadline."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from core.client.backend import NativePiece
from core.client.body import BodyReader, decoder
from core.client.bounded import TookTooLong, parse_json, parse_json_now
from core.client.faults import (
    TRANSPORT_ERRORS,
    ServerFault,
    error_in,
    retry_after,
    status_error,
    transport_error,
)
from core.client.replies import Assembly
from core.client.several import SeveralAssembly
from core.errors import AttemptTimeout, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from core.client.apis import Api
    from core.client.backend import Backend
    from core.client.body import Decode
    from core.client.faults import Quote
    from core.client.replies import OnDelta
    from core.client.transport import Request, Response
    from core.clock import Clock
    from core.errors import StatusError

    Send = Callable[[Request], Awaitable[Response]]

_ERROR_BODY = 64 << 10
_ERROR_BODY_S = 0.5
_DRAIN_S = 0.02
_PIECE = 16 << 10
_TURN_S = 0.01
_LAST_STATUS = 599


class Exchange:
    """Sends one request and reads its answer into ``assembly``, of one reply or of ``count``.

    ``on_delta`` gets the reply's deltas, or with ``native`` its bytes, as ``NativePiece``.
    ``sent_at`` and ``last_at`` are the moments the request had left and the last byte of the reply
    arrived, in seconds of the clock.
    """

    def __init__(
        self,
        backend: Backend,
        send: Send,
        clock: Clock,
        quote: Quote,
        on_delta: OnDelta | None = None,
        *,
        api: Api | None = None,
        native: bool = False,
        count: int = 1,
    ) -> None:
        self._backend = backend
        self._on_bytes = on_delta if native else None
        self._send = send
        self._clock = clock
        self._quote = quote
        self._reader: BodyReader | None = None
        self.several = SeveralAssembly(backend, quote, count) if count > 1 else None
        self.only = Assembly(backend, quote, None if native else on_delta, api)
        self.sent_at = 0.0

    @property
    def assembly(self) -> Assembly | SeveralAssembly:
        """What has come, of the only reply or of the several that were asked for."""
        return self.several or self.only

    @property
    def last_at(self) -> float:
        """When the last byte of the reply arrived; before that, when the request had left."""
        return (self._reader.last_at if self._reader else None) or self.sent_at

    def since_sent_ms(self, moment: float | None) -> float | None:
        """Milliseconds from the request's leaving to ``moment``."""
        # In a busy process the note that the request has left may be later than the answer.
        return None if moment is None else max(0.0, moment - self.sent_at) * 1000

    async def run(
        self, request: Request, timeout_ms: float, *, left_ms: float | None = None
    ) -> None:
        """Send ``request`` and read the answer to its end.

        ``left_ms`` is what is left of ``timeout_ms`` where another attempt has used some of it.

        Raises:
            BackendError: anything but an answer that has ended; whether it is whole, the assembly
                judges.
        """
        response: Response | None = None
        deadline = asyncio.timeout((timeout_ms if left_ms is None else left_ms) / 1000)
        try:
            async with deadline:
                self.sent_at = self._clock.monotonic()
                response = await self._send(request)
                await self._receive(response)
        except TRANSPORT_ERRORS as error:
            if deadline.expired():
                raise self._late(timeout_ms) from None
            # Once the reply has said that it is finished, how its connection ends is no matter.
            if self.assembly.finish_reason is None:
                answered = response is not None
                raise transport_error(error, self._backend, answered=answered) from error
        finally:
            if response is not None:
                await self._part(response)

    async def _receive(self, response: Response) -> None:
        wire = response.wire
        if wire is not None:
            self.sent_at = wire.sent_at
        status = response.status
        decode = decoder(response.headers.get("content-encoding", ""))
        if status >= 400:  # noqa: PLR2004  the error statuses
            raise await self._refused(response, decode)
        if status >= 300:  # noqa: PLR2004  redirects
            raise self._redirected(response)
        content_type = response.headers.get("content-type", "")
        reader = BodyReader(content_type, self.assembly)
        self._reader = reader
        loop = asyncio.get_running_loop()
        turn_began = loop.time()
        async for raw in response.body:
            at = wire.arrived_at if wire is not None else self._clock.monotonic()
            for piece in _pieces(decode(raw)):
                if self._on_bytes is not None:
                    self._on_bytes(NativePiece(content_type, piece))
                reader.feed(piece, at)
                # What has arrived already can be much; others want their turn, and so does the
                # deadline.
                if loop.time() - turn_began > _TURN_S:
                    await asyncio.sleep(0)
                    turn_began = loop.time()
            if reader.done:
                return
        reader.end()
        if reader.whole is not None:
            self.assembly.body(await _parsed(reader.whole), self.last_at)

    async def _part(self, response: Response) -> None:
        """Close the response; a finished stream's last frame is taken, to keep the connection."""
        finished = self._reader is not None and self._reader.done
        try:
            if finished and response.wire is not None and not response.ended():
                with suppress(*TRANSPORT_ERRORS):
                    async with asyncio.timeout(_DRAIN_S):
                        async for _ in response.body:
                            pass
        finally:
            with suppress(*TRANSPORT_ERRORS):
                await response.close()

    async def _refused(self, response: Response, decode: Decode) -> StatusError:
        status = min(response.status, _LAST_STATUS)
        now = self._clock.now()
        return status_error(
            self._backend,
            status,
            _fault(await _beginning(response, decode)),
            self._quote,
            retry_after_s=retry_after(response.headers.get("retry-after"), now),
        )

    def _redirected(self, response: Response) -> ProtocolError:
        target = self._quote(response.headers.get("location", ""))
        own_words = f"{self._backend.name} at {self._backend.address} redirects"
        return ProtocolError(
            f"{own_words} to {target}" if target else own_words,
            own_words=own_words,
            remedy="Redirects are not followed: put the server's own address in the endpoint.",
        )

    def _late(self, timeout_ms: float) -> AttemptTimeout:
        seen = self.since_sent_ms(self.assembly.first_content_at)
        stage = "no content came" if seen is None else f"content came after {seen:.0f} ms"
        return AttemptTimeout(
            f"timed out: {self._backend.name} at {self._backend.address} did not finish within"
            f" {timeout_ms:.0f} ms; {stage}",
            remedy="Raise timeout_ms, ask for fewer tokens, or look at the server's load.",
        )


async def _beginning(response: Response, decode: Decode) -> bytes:
    """The first 64 KiB of an error's body, or what of it comes in half a second."""
    body = bytearray()
    with suppress(ProtocolError, *TRANSPORT_ERRORS):
        async with asyncio.timeout(_ERROR_BODY_S):
            async for raw in response.body:
                for piece in decode(raw):
                    body += piece
                    if len(body) > _ERROR_BODY:
                        return bytes(body)
    return bytes(body)


def _fault(body: bytes) -> ServerFault:
    """What an error's body says, in whichever engine's shape; a web page says nothing."""
    text = body.decode("utf-8", "replace").strip()
    try:
        payload = parse_json_now(text)
    except ValueError:
        return ServerFault(None, "" if text.startswith(("<", "{", "[")) else text)
    return error_in(payload) or ServerFault(None, "")


async def _parsed(body: bytes) -> Any:
    try:
        return await parse_json(body)
    except UnicodeDecodeError as error:
        raise ProtocolError("the server answered with JSON that is not UTF-8") from error
    except (ValueError, TookTooLong) as error:
        raise ProtocolError(
            "the server answered with something that is not JSON, or holds too many values"
        ) from error


def _pieces(decoded: Iterable[bytes]) -> Iterator[bytes]:
    for piece in decoded:
        for start in range(0, len(piece), _PIECE):
            yield piece[start : start + _PIECE]
