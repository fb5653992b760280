"""The proxies that the environment names, and what is wrong with one, told with its variable.

A proxy that cannot be used is a failure of each call (``ConnectFailed`` of kind ``proxy``), never
of whoever opens a client: another backend may be on this machine, where no proxy applies.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from core.client.transport import DirectTransport
from core.errors import ConnectFailed
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PROXY_AUTHENTICATION = 407


def open_transport(endpoint: str, now: Callable[[], float]) -> httpx.AsyncBaseTransport:
    """A way to ``endpoint`` without time limits of its own; ``now`` (seconds) stamps arrivals.

    Straight, or through the proxy that the environment names; on loopback none applies.
    """
    # Settings and their models load with it, which whoever asks has by now.
    from core.settings.trust import is_loopback

    proxy = None if is_loopback(endpoint) else proxy_for(endpoint)
    if proxy is None:
        return DirectTransport(now)
    try:
        return ProxyTransport(proxy)
    except ConnectFailed as error:
        return _Failing(error)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL, and the variable (or system setting) that names it."""

    url: str
    named_by: str

    @property
    def shown(self) -> str:
        """As a person may read it: the URL without credentials, and where it comes from."""
        scheme, _, rest = self.url.partition("://")
        place = rest.rpartition("@")[2].partition("/")[0]
        return f"the proxy {plain(f'{scheme}://{place}', 200)} ({self.named_by})"

    def failure(self, what: str) -> ConnectFailed:
        """The error for a proxy of which ``what`` holds."""
        return ConnectFailed(
            f"{self.shown} {what}",
            kind="proxy",
            remedy=f"Correct or unset {self.named_by}, or add the server's host to NO_PROXY.",
        )


def proxy_for(endpoint: str) -> Proxy | None:
    """The proxy that the environment names for ``endpoint``."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    for scheme in (parts.scheme, "all"):
        if url := proxies.get(scheme):
            if proxy_bypass(parts.hostname or ""):
                return None
            return Proxy(url if "://" in url else f"http://{url}", _variable(scheme))
    return None


def _variable(scheme: str) -> str:
    name = f"{scheme}_proxy"
    found = next((one for one in (name, name.upper()) if os.environ.get(one)), None)
    return found or "the system's network settings"


class ProxyTransport(httpx.AsyncHTTPTransport):
    """Through a proxy. What httpx and httpcore would log of a reply a server may have chosen."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        scheme = proxy.url.partition("://")[0].lower()
        if scheme not in _SCHEMES:
            raise proxy.failure(f"has the scheme {plain(scheme, 40)}://, which is not supported")
        try:
            urlsplit(proxy.url).port  # noqa: B018  raises when it is none
            super().__init__(proxy=proxy.url)
        except ImportError as error:
            raise proxy.failure("needs the package socksio: pip install 'httpx[socks]'") from error
        except (ValueError, httpx.InvalidURL) as error:
            raise proxy.failure("is not a usable URL, such as http://host:3128") from error
        # Its DEBUG lines hold the headers of replies, and there is no other way to leave them out.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, without the server's own words for its status."""
        try:
            response = await super().handle_async_request(request)
        except httpx.ProxyError as error:
            raise self._proxy.failure("refused to connect to the server") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._proxy.failure("cannot be reached, or cannot reach the server") from error
        if response.status_code == _PROXY_AUTHENTICATION:
            await response.aclose()
            raise self._proxy.failure("asks for a user and password")
        response.extensions.pop("reason_phrase", None)
        return response


class _Failing(httpx.AsyncBaseTransport):
    """Fails each request for the same reason."""

    def __init__(self, error: ConnectFailed) -> None:
        self._message, self._remedy = error.message, error.remedy

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        raise ConnectFailed(self._message, kind="proxy", remedy=self._remedy)
