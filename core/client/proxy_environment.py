"""The proxies that the environment names; what is wrong with one is said with its variable.

A proxy that cannot be used is a failure of each call (``ConnectFailed`` of kind ``proxy``), never
of whoever opens a client: another backend may be on this machine, where no proxy applies.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import ssl
from collections.abc import AsyncIterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import h11

from core.client.transport import DirectTransport, Response
from core.errors import ConnectFailed
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import httpx

    from core.client.transport import Request, Transport

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PROXY_AUTHENTICATION = 407
# An address or a network; a port follows brackets, or what has no other colon.
_ENTRY = re.compile(
    r"\[(?P<own>[0-9A-Fa-f:./]+)\](?::(?P<port>[0-9]{1,5}))?|(?P<other>[0-9A-Fa-f:./]+)", re.ASCII
)


def open_transport(endpoint: str, now: Callable[[], float]) -> Transport:
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
class ProxySetting:
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


def proxy_for(endpoint: str) -> ProxySetting | None:
    """The proxy that the environment names for ``endpoint``."""
    from urllib.request import getproxies, proxy_bypass  # not for servers on this machine

    parts = urlsplit(endpoint)
    proxies = getproxies()
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for scheme in (parts.scheme, "all"):
        if url := proxies.get(scheme):
            # Python reads names, with a port or without; other tools addresses and networks too.
            if proxy_bypass(f"{host}:{port}") or _is_excepted(host, port, proxies.get("no", "")):
                return None
            return ProxySetting(url if "://" in url else f"http://{url}", _variable(scheme))
    return None


def _is_excepted(host: str, port: int, listed: str) -> bool:
    """Whether an entry of NO_PROXY is the address ``host`` or its network: ``[::1]:80``, ``::/8``.

    What is no address is not looked at.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    for entry in listed.split(","):
        given = _ENTRY.fullmatch(entry.strip())
        if given is None or (given["port"] and int(given["port"]) != port):
            continue
        try:
            network = ipaddress.ip_network(given["own"] or given["other"], strict=False)
        except ValueError:
            continue
        if address in network:
            return True
    return False


def _variable(scheme: str) -> str:
    name = f"{scheme}_proxy"
    found = next((one for one in (name, name.upper()) if os.environ.get(one)), None)
    return found or "the system's network settings"


class ProxyTransport:
    """Through a proxy, by httpx, whose exceptions and log lines stay in here."""

    def __init__(self, proxy: ProxySetting) -> None:
        import httpx  # few need it, and it takes longer to load than a health check

        self._proxy = proxy
        scheme = proxy.url.partition("://")[0].lower()
        if scheme not in _SCHEMES:
            raise proxy.failure(f"has the scheme {plain(scheme, 40)}://, which is not supported")
        try:
            urlsplit(proxy.url).port  # noqa: B018  raises when it is none
            self._http = httpx.AsyncHTTPTransport(proxy=proxy.url)
        except ImportError as error:
            raise proxy.failure("needs the package socksio: pip install 'httpx[socks]'") from error
        except (ValueError, httpx.InvalidURL) as error:
            raise proxy.failure("is not a usable URL, such as http://host:3128") from error
        # Its DEBUG lines hold the headers of replies, and there is no other way to leave them out.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def send(self, request: Request) -> Response:
        """Send it through the proxy; raises ConnectFailed where that is at fault."""
        import httpx

        unlimited = {"timeout": httpx.Timeout(None).as_dict()}
        asked = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body or None,
            extensions=unlimited,
        )
        with self._translated():
            answer = await self._http.handle_async_request(asked)
        if answer.status_code == _PROXY_AUTHENTICATION:
            await answer.aclose()
            raise self._proxy.failure("asks for a user and password")
        return Response(answer.status_code, answer.headers, self._body(answer), answer.aclose)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _body(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        stream = answer.stream
        assert isinstance(stream, AsyncIterable)
        with self._translated():
            async for piece in stream:
                yield piece

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what ``DirectTransport`` would, for the same fault."""
        import httpx

        try:
            yield
        except (httpx.ProxyError, httpx.ConnectError) as error:
            if isinstance(tls := _cause(error, ssl.SSLError), ssl.SSLError):
                raise tls from None
            refused = isinstance(error, httpx.ProxyError)
            raise self._proxy.failure(
                "refused to connect to the server" if refused else "cannot be reached"
            ) from error
        except httpx.RemoteProtocolError as error:
            raise h11.RemoteProtocolError(str(error)) from error
        except httpx.InvalidURL as error:
            raise OSError(str(error)) from error
        except httpx.HTTPError as error:
            raise ConnectionResetError(str(error)) from error


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


class _Failing:
    """Fails each request for the same reason."""

    def __init__(self, error: ConnectFailed) -> None:
        self._message, self._remedy = error.message, error.remedy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def send(self, _: Request) -> Response:
        """Raise the reason."""
        raise ConnectFailed(self._message, kind="proxy", remedy=self._remedy)

    async def aclose(self) -> None:
        """Nothing is open."""
