"""Which servers a project's file may make us contact, and which may be given a key.

A repository is untrusted input: its stage0.toml could name a server that collects prompts. Off
loopback a server is contacted only when the user has said so, and the check comes before any
connection.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import ConfigError, UntrustedEndpoint
from core.files import add_lines, read_state
from core.settings.find import user_config_dir
from core.settings.model import Cloud

if TYPE_CHECKING:
    from pathlib import Path


ENVIRONMENT = "REFLEX_TRUSTED_ENDPOINTS"
_DEFAULT = Cloud()
_MOST_BYTES = 1 << 20


def is_loopback(endpoint: str) -> bool:
    """Whether the URL's host is this machine; names other than ``localhost`` are not."""
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def origin(endpoint: str) -> str:
    """Scheme, host and port: what trust is given to."""
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").lower()
    return f"{parts.scheme.lower()}://{f'[{host}]' if ':' in host else host}:{port}"


def store() -> Path:
    """The user's own list of trusted origins, one a line."""
    return user_config_dir() / "trusted-endpoints"


def trusted() -> frozenset[str]:
    """Every origin the user trusts, from the list and ``$REFLEX_TRUSTED_ENDPOINTS``."""
    try:
        listed = _listed()
    except (OSError, UnicodeDecodeError):
        listed = []
    from_environment = os.environ.get(ENVIRONMENT, "").replace(",", " ").split()
    return frozenset(_origins([*listed, *from_environment]))


def _listed() -> list[str]:
    # A link of the user's own is fine: some keep their configuration elsewhere.
    return read_state(store().resolve(), limit=_MOST_BYTES).decode().splitlines()


def trust(endpoint: str) -> str:
    """Remember the endpoint's origin as trusted, and return it.

    Raises:
        ConfigError: it is no URL, or the list cannot be written.
    """
    found = _origins([endpoint])
    if not found:
        raise ConfigError(f"{endpoint!r} is not a URL such as https://llm.example.com/v1")
    path = store()  # NoHome says itself what to do
    try:
        add_lines(path.resolve(), found, limit=_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return found[0]


def may_contact(endpoint: str, *, named_by_user: bool) -> bool:
    """Whether a connection to ``endpoint`` is allowed at all."""
    return (
        named_by_user
        or is_loopback(endpoint)
        or origin(endpoint) == origin(_DEFAULT.endpoint)
        or origin(endpoint) in trusted()
    )


def remedy(endpoint: str) -> str:
    """What the user does to trust the server."""
    return f"If you trust that server: code reflex trust {origin(endpoint)}"


def check(endpoint: str, *, named_by_user: bool, where: str) -> None:
    """Raise UntrustedEndpoint unless ``endpoint`` may be contacted; ``where`` names its line."""
    if not may_contact(endpoint, named_by_user=named_by_user):
        raise UntrustedEndpoint(
            f"{where}: {endpoint} is not on this machine, and a project's file chose it",
            remedy=remedy(endpoint),
        )


def may_send_key(endpoint: str, key_env: str, *, named_by_user: bool) -> bool:
    """Whether the key in ``key_env`` may go to ``endpoint``.

    A project's file may name neither the server nor the variable on its own: only the pair of
    built-in defaults, or a server the user trusts.
    """
    if named_by_user or origin(endpoint) in trusted():
        return True
    defaults = origin(endpoint) == origin(_DEFAULT.endpoint)
    return defaults and key_env == _DEFAULT.api_key_env


def may_send_credential(endpoint: str, *, named_by_user: bool) -> bool:
    """Whether an agent's own credential may go to ``endpoint``: over TLS, to whom the user trusts.

    Not even the built-in cloud is, when a project's file says so: it is another vendor's key.
    """
    is_private = urlsplit(endpoint).scheme == "https"
    return is_private and (named_by_user or origin(endpoint) in trusted())


def _origins(endpoints: list[str]) -> list[str]:
    found = []
    for endpoint in endpoints:
        try:
            parts = urlsplit(endpoint.strip())
            if parts.scheme in {"http", "https"} and parts.hostname:
                found.append(origin(endpoint.strip()))
        except ValueError:
            continue
    return found
