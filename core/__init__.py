"""Reflex's headless core: client, router, evidence and harness; imports no user interface.

What an orchestrator needs is imported from here: ``Implementer`` answers a call from the local
model when it has earned that, else from the cloud; ``load_settings`` reads stage0.toml; every
failure is one of the exceptions below, all of which are ``ReflexError``. ``core.capsule`` has the
event log, ``core.harness`` the bakeoff. Arrows point one way: implement and gateway use harness,
patchloop, router, client, capsule, settings, in this order, and none of these the ones before it.

Names are loaded on first use, so that ``code reflex --help`` pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.errors import (
        AttemptTimeout,
        BackendError,
        BadRequest,
        Busy,
        CapsuleCorrupt,
        CapsuleError,
        CapsulePoisoned,
        ConfigError,
        ConnectFailed,
        Counting,
        CutByCaller,
        CutReply,
        EditRejected,
        EditUnchanged,
        EngineError,
        ExportError,
        HarnessError,
        IncompleteReply,
        LimitExceeded,
        MalformedRequest,
        Misconfigured,
        NoBackend,
        NoHome,
        NotCompliant,
        NotReplayable,
        OnlyReasoning,
        ProtocolError,
        RateLimited,
        ReflexError,
        ReportError,
        SandboxError,
        ServerError,
        StatusError,
        SuiteError,
        TooLong,
        UnknownCall,
        UnparsedCall,
        UnsafeFile,
        UntrustedEndpoint,
        UnusableModel,
        WorkerError,
        WrongEventLoop,
    )
    from core.router.implementer import Answer, Implementer
    from core.router.pipeline import PipelineRun
    from core.settings import load_settings
    from core.stages import Mode, Stage

_HOMES = {
    "Answer": "core.router.answer",
    "Implementer": "core.router.implementer",
    "Mode": "core.stages",
    "PipelineRun": "core.router.pipeline",
    "Stage": "core.stages",
    "load_settings": "core.settings",
}

__all__ = [
    "Answer",
    "AttemptTimeout",
    "BackendError",
    "BadRequest",
    "Busy",
    "CapsuleCorrupt",
    "CapsuleError",
    "CapsulePoisoned",
    "ConfigError",
    "ConnectFailed",
    "Counting",
    "CutByCaller",
    "CutReply",
    "EditRejected",
    "EditUnchanged",
    "EngineError",
    "ExportError",
    "HarnessError",
    "Implementer",
    "IncompleteReply",
    "LimitExceeded",
    "MalformedRequest",
    "Misconfigured",
    "Mode",
    "NoBackend",
    "NoHome",
    "NotCompliant",
    "NotReplayable",
    "OnlyReasoning",
    "PipelineRun",
    "ProtocolError",
    "RateLimited",
    "ReflexError",
    "ReportError",
    "SandboxError",
    "ServerError",
    "Stage",
    "StatusError",
    "SuiteError",
    "TooLong",
    "UnknownCall",
    "UnparsedCall",
    "UnsafeFile",
    "UntrustedEndpoint",
    "UnusableModel",
    "WorkerError",
    "WrongEventLoop",
    "load_settings",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "core.errors")), name)
