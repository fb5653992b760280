"""The servers a policy names, checked for trust and with the keys they may be given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.client.backend import Backend
from core.errors import UntrustedEndpoint
from core.settings import trust
from core.stages import CLOUD, PRIMARY, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.settings import Settings


def primary(settings: Settings) -> Backend:
    """The ``[reflex]`` server.

    Raises:
        UntrustedEndpoint: the project's file chose a server off this machine.
    """
    reflex = settings.reflex
    _check(settings, reflex.endpoint, "reflex", "endpoint")
    return Backend(PRIMARY, Mode.REFLEX, reflex.endpoint, reflex.model, reflex.timeout_ms)


def local(settings: Settings, name: str) -> Backend:
    """A server of ``[reflex.backends]`` by name; raises as ``primary``."""
    backend = settings.reflex.backends[name]
    _check(settings, backend.endpoint, "reflex", "backends", name, "endpoint")
    timeout_ms = backend.timeout_ms or settings.reflex.timeout_ms
    return Backend(name, Mode.REFLEX, backend.endpoint, backend.model, timeout_ms)


def cloud(settings: Settings, environ: Mapping[str, str] | None = None) -> Backend:
    """The ``[cloud]`` server, with its key if it may have it; raises as ``primary``."""
    cloud = settings.cloud
    _check(settings, cloud.endpoint, "cloud", "endpoint")
    if cloud.auth == "caller":
        return _for_callers(settings)
    may_have_it = trust.may_send_key(
        cloud.endpoint, cloud.api_key_env, named_by_user=settings.source.trusted
    )
    key = (os.environ if environ is None else environ).get(cloud.api_key_env) or None
    if key and not may_have_it:
        key = None
        if settings.names("cloud", "api_key_env"):
            raise UntrustedEndpoint(
                f"{settings.origin('cloud', 'api_key_env')}: cloud.api_key_env: a project's file "
                f"may not send ${cloud.api_key_env} to {cloud.endpoint}",
                remedy=trust.remedy(cloud.endpoint),
            )
    return Backend(
        CLOUD, Mode.CLOUD, cloud.endpoint, cloud.model, cloud.timeout_ms, key, api=cloud.api
    )


def all_backends(
    settings: Settings, environ: Mapping[str, str] | None = None
) -> dict[str, Backend]:
    """Every configured server by name; raises as ``primary`` if any may not be contacted."""
    servers = [primary(settings), cloud(settings, environ)]
    servers += [local(settings, name) for name in settings.reflex.backends]
    return {server.name: server for server in servers}


def _for_callers(settings: Settings) -> Backend:
    """The cloud as it is asked in its callers' names, without a key of ours."""
    cloud = settings.cloud
    if not trust.may_send_credential(cloud.endpoint, named_by_user=settings.source.trusted):
        is_private = cloud.endpoint.startswith("https:")
        raise UntrustedEndpoint(
            f"{settings.origin('cloud', 'auth')}: cloud.auth: an agent's own credential may not be "
            f"sent to {cloud.endpoint}",
            remedy=trust.remedy(cloud.endpoint) if is_private else "It goes over https:// only.",
        )
    return Backend(
        CLOUD,
        Mode.CLOUD,
        cloud.endpoint,
        cloud.model,
        cloud.timeout_ms,
        api=cloud.api,
        auth=cloud.auth,
    )


def _check(settings: Settings, endpoint: str, *path: str) -> None:
    trust.check(
        endpoint,
        named_by_user=settings.source.trusted,
        where=f"{settings.origin(*path)}: {'.'.join(path)}",
    )
