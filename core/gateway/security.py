"""Who may ask: this machine, under its own name, no browser, with the token if there is one.

A web page that a user visits can make his browser talk to loopback. It cannot leave out ``Origin``,
and with a name that was rebound to 127.0.0.1 it cannot send another ``Host`` than that name. A
request that names two hosts, or gives its length in two ways, is refused too, and its connection
closed: a proxy may have read it otherwise.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.gateway.dialects.refusals import ErrorReply

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})
_ELSEWHERE = frozenset({"cross-site", "same-site"})


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule for one server: the address it is bound to, further names, and the token."""

    host: str
    names: tuple[str, ...] = ()
    token: bytes | None = None

    def check(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Let a request with these (lower-cased) headers pass.

        Raises:
            ErrorReply: 403 for a host or an origin that is not ours, 401 for the token, 400 for a
                request of two lengths.
        """
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._ours(host_of(hosts[0])):
            raise ErrorReply(
                403,
                "this server does not answer to that Host; see `code reflex serve --help`",
                code="host_not_allowed",
                headers={"connection": "close"},
            )
        for name, value in headers:
            if name == b"origin" or (
                name == b"sec-fetch-site" and value.decode("latin-1") in _ELSEWHERE
            ):
                raise ErrorReply(
                    403, "requests from browsers are refused", code="origin_not_allowed"
                )
        if _LENGTHS.issubset(name for name, _ in headers):
            raise ErrorReply(
                400,
                "the request has both Content-Length and Transfer-Encoding",
                code="invalid_request",
                headers={"connection": "close"},
            )
        if self.token is not None and not self._authorised(headers):
            raise ErrorReply(
                401,
                "the bearer token is missing or wrong",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer", "x-should-retry": "false"},
            )

    def without_token(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers without those that carry this server's own token: it goes nowhere else."""
        if self.token is None:
            return list(headers)
        return [(name, value) for name, value in headers if not self._carries(name, value)]

    def _carries(self, name: bytes, value: bytes) -> bool:
        if name not in (b"authorization", b"x-api-key") or self.token is None:
            return False
        return hmac.compare_digest(value.rpartition(b" ")[2].strip(), self.token)

    def _ours(self, host: str | None) -> bool:
        if host is None:
            return False
        if host in (*LOOPBACK, self.host.lower(), *self.names):
            return True
        # Bound to every address, whichever was dialled is ours. A rebound name is no address.
        return _is_wildcard(self.host) and _address(host) is not None

    def _authorised(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the token is a bearer's, or Anthropic's key; the other may be for the cloud."""
        given = [value for name, value in headers if name == b"authorization"]
        keys = [value for name, value in headers if name == b"x-api-key"]
        if len(given) > 1 or len(keys) > 1 or not (given or keys) or self.token is None:
            return False
        for value in given:
            scheme, _, token = value.partition(b" ")
            if scheme.lower() != b"bearer":
                return False
            keys.append(token)
        return any(hmac.compare_digest(key.strip(), self.token) for key in keys)


def host_of(value: bytes) -> str | None:
    """The host of a ``Host`` header without its port, lower-cased; None when it is none."""
    text = value.decode("latin-1").strip().lower()
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or _address(host) is None:
            return None
        colon, port = port[:1], port[1:]
    else:
        host, colon, port = text.partition(":")
    port_fits = port.isdecimal() if colon == ":" else not colon
    return host.removesuffix(".") if host and port_fits else None


def _is_wildcard(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
