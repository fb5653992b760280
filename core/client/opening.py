"""Which transport reaches an endpoint: our own, or httpx's where the environment names a proxy."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from core.client.transport import DirectTransport
from core.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


def open_transport(endpoint: str, now: Callable[[], float]) -> httpx.AsyncBaseTransport:
    """A transport without time limits of its own; ``now`` (seconds) stamps arrivals.

    On loopback the environment's proxies do not apply.
    """
    # Settings and their models load with it, which whoever asks has by now.
    from core.trust import is_loopback  # noqa: PLC0415

    parts = urlsplit(endpoint)
    proxies = {} if is_loopback(endpoint) else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
        return ProxyTransport(proxy if "://" in proxy else f"http://{proxy}")
    return DirectTransport(now)


class ProxyTransport(httpx.AsyncHTTPTransport):
    """Through a proxy. What httpx and httpcore would log of a reply a server may have chosen."""

    def __init__(self, proxy: str) -> None:
        super().__init__(proxy=proxy)
        # Its DEBUG lines hold the headers of replies, and there is no other way to leave them out.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, without the server's own words for its status."""
        response = await super().handle_async_request(request)
        response.extensions.pop("reason_phrase", None)
        return response


class HttpxHttp:
    """Asks any server, through the environment's proxy where it names one; see ``fetch.Http``."""

    def __init__(self, endpoint: str) -> None:
        transport = open_transport(endpoint, SystemClock().monotonic)
        self._client = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113  the caller has one deadline for all of it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def ask(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """The answer to ``GET url``, whatever its status; raises as the transport does."""
        # Built bare, so that nothing of the client's own (cookies, per-read timeouts) joins it.
        unlimited = {"timeout": httpx.Timeout(None).as_dict()}
        request = httpx.Request("GET", url, headers=headers, extensions=unlimited)
        response = await self._client.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
