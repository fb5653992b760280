"""Every failure this package raises, with what to do about it.

ReflexError
├── ConfigError                    a stage0.toml that cannot be used
│   ├── UntrustedEndpoint          named by a project's file, not trusted by the user
│   └── NoHome                     no home directory for what is to be kept there
├── WrongEventLoop                 an Implementer was used from a second event loop
├── UnsafeFile                     a link, a device or too large, where a state file is expected
├── NoBackend                      no backend is allowed to answer
├── BackendError                   one attempt at one backend failed
│   ├── ConnectFailed              refused, unresolvable, TLS, reset before a reply
│   ├── AttemptTimeout             the attempt's wall-clock deadline passed
│   ├── StatusError                an error status, in the header or inside a 200 stream
│   │   ├── BadRequest             400, 409, 413, 422 and other 4xx: the request is at fault
│   │   │   ├── MalformedRequest   it cannot be sent to anyone: its schema, or no JSON
│   │   │   └── TooLong            the prompt is longer than the server's context
│   │   ├── Misconfigured          401, 403, 404: the configuration is at fault
│   │   ├── RateLimited            429: later, perhaps
│   │   └── ServerError            5xx and 408
│   │       └── Busy               503: the queue is full, or it is loading
│   ├── ProtocolError              not an OpenAI-compatible reply (HTML, redirect, bad JSON)
│   │   └── LimitExceeded          a line or body longer than we read
│   ├── IncompleteReply            the stream broke off, or ended without finish_reason
│   │   └── OnlyReasoning          it ended, and all of it was reasoning
│   ├── CutReply                   finish_reason other than stop or tool_calls
│   │   └── CutByCaller            by the caller's own limit, and so of no use
│   └── NotCompliant               not the JSON that the schema asks for, or a bad tool call
│       └── UnparsedCall           a tool call that the server did not take out of the text
├── CapsuleError                   the evidence could not be written or read
│   ├── CapsuleCorrupt             the hash chain does not hold
│   ├── NotReplayable              no such call, or its reply was not kept
│   ├── UnknownCall                no such answered call, to say something about
│   └── CapsulePoisoned            an earlier sync failed; this writer stopped
├── ExportError                    a collector did not take what was shipped
├── EngineError                    the embedded engine or the stand-in did not start
│   └── UnusableModel              the file named is no model that it can serve
└── HarnessError                   a suite, patch, sandbox or report is at fault
    ├── SuiteError
    ├── EditRejected
    │   └── EditUnchanged
    ├── SandboxError
    ├── ReportError
    └── WorkerError                a bakeoff's worker cannot take part
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Counting(StrEnum):
    """What a failed attempt does to the backend's failure count."""

    COUNTED = "counted"
    OPENS = "opens"
    NOT_COUNTED = "not_counted"


class ReflexError(Exception):
    """Base of all; ``message`` says what happened, ``remedy`` what to do (may be empty)."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigError(ReflexError):
    """A configuration that cannot be used; ``str()`` names file, line and key where known."""

    code = "config"
    exit_code = 2


class UntrustedEndpoint(ConfigError):
    """An endpoint off loopback, named by a project's file and not trusted by the user."""

    code = "untrusted_endpoint"


class NoHome(ConfigError, OSError):
    """The user has no home directory, and something of his is to be kept or read there."""

    code = "no_home"


class NoBackend(ReflexError):
    """Reflex may not answer, and no other backend is allowed to."""

    code = "no_backend"


class WrongEventLoop(ReflexError):
    """An Implementer was used from a second event loop."""

    code = "wrong_event_loop"


class UnsafeFile(ReflexError, OSError):
    """A link, a device, or a file over its limit where a state file is expected."""

    code = "unsafe_file"


class BackendError(ReflexError):
    """One attempt at one backend failed; ``ttft_ms`` is set when content had begun to arrive.

    ``partial`` is the client's ``Reply`` where one came to its end and was not right: cut, or not
    the JSON asked for. ``own_words`` is the message without anything that the server said,
    which may be the prompt or the reply; by default the whole message. ``schema_sent`` and
    ``asked_stream`` are as in the client's ``Reply``, as is ``choices``.
    """

    code = "backend"
    counting: ClassVar[Counting] = Counting.COUNTED

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        ttft_ms: float | None = None,
        own_words: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.ttft_ms = ttft_ms
        self.own_words = message if own_words is None else own_words
        self.partial: Any = None
        self.schema_sent: str | None = None
        self.asked_stream: bool | None = None
        self.choices: tuple[Any, ...] = ()


class ConnectFailed(BackendError):
    """No reply at all; ``kind`` is ``refused dns tls reset network`` or ``proxy``."""

    code = "connect_failed"

    def __init__(self, message: str, *, kind: str = "network", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind


class AttemptTimeout(BackendError):
    """The attempt's deadline, from connect to last byte, passed."""

    code = "timeout"


class StatusError(BackendError):
    """The server answered with an error; ``status`` is the HTTP status or the stream's code.

    ``server_code``, ``server_type`` and ``param`` are the server's own names for what is wrong,
    such as ``context_length_exceeded``; None where it gave none.
    ``from_server`` is false where the client itself refused to send the request.
    """

    code = "status"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        remedy: str = "",
        retry_after_s: float | None = None,
        own_words: str | None = None,
        server_code: str | None = None,
        server_type: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, own_words=own_words)
        self.status = status
        self.retry_after_s = retry_after_s
        # Only what a server answered has words that are not ours.
        self.from_server = own_words is not None
        self.server_code = server_code
        self.server_type = server_type
        self.param = param


class BadRequest(StatusError):
    """The server refuses this request; another attempt would be refused as well."""

    code = "bad_request"
    counting = Counting.NOT_COUNTED


class MalformedRequest(BadRequest):
    """The request itself is at fault: a schema that cannot be used, or what is not JSON."""

    code = "malformed_request"


class TooLong(BadRequest):
    """The prompt, with what it asks for, is longer than the server's context."""

    code = "too_long"


class Misconfigured(StatusError):
    """401, 403 or 404: the key, the model's name or the path is wrong."""

    code = "misconfigured"
    counting = Counting.OPENS


class RateLimited(StatusError):
    """429; ``retry_after_s`` holds the server's wish, capped."""

    code = "rate_limited"
    counting = Counting.NOT_COUNTED


class ServerError(StatusError):
    """5xx, or 408: the server gave up waiting."""

    code = "server_error"


class Busy(ServerError):
    """503: the server's queue is full, or it is still loading; another backend may be free."""

    code = "busy"
    counting = Counting.NOT_COUNTED


class ProtocolError(BackendError):
    """What arrived is not an OpenAI-compatible reply."""

    code = "protocol"


class LimitExceeded(ProtocolError):
    """A line over 1 MiB or a decoded body over 8 MiB."""

    code = "limit"


class IncompleteReply(BackendError):
    """The stream ended before the reply did."""

    code = "incomplete"


class OnlyReasoning(IncompleteReply):
    """The reply came to its end, and all of it was reasoning."""

    code = "only_reasoning"


class CutReply(BackendError):
    """The model stopped for another reason than being done; see ``finish_reason``."""

    code = "cut"

    def __init__(
        self, message: str, *, finish_reason: str, remedy: str = "", own_words: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy, own_words=own_words)
        self.finish_reason = finish_reason


class CutByCaller(CutReply):
    """The caller's own limit cut it, and a part is of no use: half a JSON object, half a call."""

    code = "cut_by_caller"
    counting = Counting.NOT_COUNTED


class NotCompliant(BackendError):
    """The reply is complete but not what was asked for: the schema's JSON, a sound tool call.

    ``text`` is the reply as it came, empty where its tool calls are at fault.
    """

    code = "not_compliant"

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        remedy: str = "",
        own_words: str = "the reply is not the JSON asked for",
    ) -> None:
        super().__init__(message, remedy=remedy, own_words=own_words)
        self.text = text


class UnparsedCall(NotCompliant):
    """The reply's text is a tool call: the server has no parser for its model's form of one."""

    code = "unparsed_call"


class CapsuleError(ReflexError):
    """The capsule could not be written or read."""

    code = "capsule"


class CapsuleCorrupt(CapsuleError):
    """A record is not what was written; ``segment`` and ``line`` (from 1) say where."""

    code = "capsule_corrupt"

    def __init__(self, message: str, *, segment: str, line: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.segment = segment
        self.line = line


class NotReplayable(CapsuleError):
    """A call that the capsule does not hold, or of which it did not keep what is asked for."""

    code = "not_replayable"
    exit_code = 2


class UnknownCall(CapsuleError):
    """An outcome of a call that the capsule does not hold, or that was never answered."""

    code = "unknown_call"
    exit_code = 2


class CapsulePoisoned(CapsuleError):
    """An earlier sync failed, so nothing this writer says can be trusted to be durable."""

    code = "capsule_poisoned"


class ExportError(ReflexError):
    """A collector cannot be reached, or refuses what is shipped to it."""

    code = "export"


class EngineError(ReflexError):
    """The embedded engine or the scripted stand-in did not start."""

    code = "engine"


class UnusableModel(EngineError):
    """A model file that was named is absent, unreadable or of another format."""

    code = "unusable_model"
    exit_code = 2


class HarnessError(ReflexError):
    """A suite, patch, sandbox or report is at fault."""

    code = "harness"
    exit_code = 2


class SuiteError(HarnessError):
    """A suite or task that cannot be used."""

    code = "suite"


class EditRejected(HarnessError):
    """An edit that may not or cannot be applied; ``str()`` is fed back to the model."""

    code = "edit"


class EditUnchanged(EditRejected):
    """Edits that leave every file as it was."""

    code = "unchanged"


class SandboxError(HarnessError):
    """No sandbox passes its self-test, or one could not be started."""

    code = "sandbox"


class ReportError(HarnessError):
    """A bakeoff report that cannot be read or written."""

    code = "report"


class WorkerError(HarnessError):
    """A bakeoff's worker would make other trials than the run's, or was lost."""

    code = "worker"
