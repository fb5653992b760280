"""One line of the log: how an event becomes bytes, and which bytes are believed.

A line is a JSON object whose last fields are ``seq``, ``time``, ``schema_version``, ``prev`` and
``hash``. ``hash`` covers the exact bytes before ``,"hash":``, so no canonical JSON is needed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json

from core.errors import CapsuleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.capsule.events import Event

SCHEMA_VERSION = 1
GENESIS = "sha256:" + "0" * 64
MAX_LINE_BYTES = 32 << 20
STAMP_BYTES = 512  # more than the fields need that the log adds

_HASH_FIELD = b',"hash":"'
_HASH_LENGTH = len(_HASH_FIELD) + len(GENESIS) + len(b'"}')
_parse = json.JSONDecoder().raw_decode
_STAMP = re.compile(
    rb',"seq":([1-9][0-9]{0,17}),"time":"([0-9TZ:.+-]{1,40})","schema_version":[0-9]{1,9},'
    rb'"prev":"(sha256:[0-9a-f]{64})","hash":"(sha256:[0-9a-f]{64})"\}'
)


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it lies in the log: ``line`` without its LF, at ``offset`` bytes of a segment.

    ``segment`` is the segment's number (``events-000001.jsonl`` is 1), ``time`` RFC 3339 in UTC.
    """

    seq: int
    time: str
    event_type: str
    prev: str
    hash: str
    segment: int
    offset: int
    line: bytes = field(repr=False)
    _body: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def body(self) -> Mapping[str, Any]:
        """Every field of the line, the log's own (``seq`` to ``hash``) included."""
        body = self._body
        if body is None:
            body = json.loads(self.line)
            object.__setattr__(self, "_body", body)
        return body


class Stamp(NamedTuple):
    """What the log itself wrote at the end of a line; not yet checked against the line."""

    seq: int
    time: str
    prev: str
    hash: str


def encode_fields(event: Event) -> bytes:
    """The event as JSON without its closing brace, ready for ``complete_line``.

    Lone surrogates become U+FFFD and non-finite numbers null, so that any reader can parse it.

    Raises:
        CapsuleError: it is no JSON (nested too deeply, say), or longer than a line may be.
    """
    try:
        fields = _straight(event)
    except (ValueError, TypeError, RecursionError):
        fields = _scrubbed(event)
    if len(fields) > MAX_LINE_BYTES - 1024:
        raise CapsuleError(
            f"a {event.event_type} of {len(fields)} bytes is longer than a record may be",
            remedy="Set capture_mode to none, or send less.",
        )
    return fields


def _straight(event: Event) -> bytes:
    # The model's own JSON writer, as bytes: model_dump_json() takes half as long again.
    fields: bytes = event.__pydantic_serializer__.to_json(event)
    return b'{"event_type":"%b",%b' % (event.event_type.encode(), fields[1:-1])


def _scrubbed(event: Event) -> bytes:
    try:
        # body() would refuse what is to be cleaned here.
        body = _clean({"event_type": event.event_type, **event.model_dump()})
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text[:-1].encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise CapsuleError(
            f"a {event.event_type} cannot be recorded: {type(error).__name__}",
            remedy="Its values must be JSON: strings, numbers, lists, objects; not too deep.",
        ) from error


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def complete_line(fields: bytes, seq: int, time: str, prev: str) -> tuple[bytes, str]:
    """The whole line with its LF, and its hash."""
    content = b'%b,"seq":%d,"time":"%b","schema_version":%d,"prev":"%b"' % (
        fields,
        seq,
        time.encode(),
        SCHEMA_VERSION,
        prev.encode(),
    )
    digest = "sha256:" + sha256(content).hexdigest()
    return b'%b,"hash":"%b"}\n' % (content, digest.encode()), digest


def stamp_of(line: bytes) -> Stamp | None:
    """The fields that the log added to a line (LF or not), or None where they are not to be found.

    Looked for from the end: a quote inside an event's text is escaped, so it cannot look like one.
    """
    line = line.removesuffix(b"\n")
    found = _STAMP.fullmatch(line, max(line.rfind(b',"seq":'), 0))
    if found is None:
        return None
    seq, time, prev, digest = found.groups()
    return Stamp(int(seq), time.decode(), prev.decode(), digest.decode())


def check_line(line: bytes) -> Stamp:
    """The line's stamp, once the line's bytes agree with its hash.

    Raises:
        ValueError: they do not; says how.
    """
    line = line.removesuffix(b"\n")
    stamp = stamp_of(line)
    if stamp is None:
        raise ValueError("it does not end like a record")
    if stamp.hash != "sha256:" + sha256(line[:-_HASH_LENGTH]).hexdigest():
        raise ValueError("its content does not agree with its hash")
    return stamp


def stamp_in(body: Mapping[str, Any], line: bytes) -> Stamp:
    """As ``check_line``, for a line with its LF that was parsed already: in half the time.

    Raises:
        ValueError: as ``check_line``.
    """
    get = body.get
    seq, time, prev, digest = get("seq"), get("time"), get("prev"), get("hash")
    if not (
        isinstance(seq, int)
        and isinstance(time, str)
        and isinstance(prev, str)
        and isinstance(digest, str)
        and line.endswith(b'%b%b"}\n' % (_HASH_FIELD, digest.encode()))
    ):
        raise ValueError("it does not end like a record")
    if digest != "sha256:" + sha256(line[: -_HASH_LENGTH - 1]).hexdigest():
        raise ValueError("its content does not agree with its hash")
    return Stamp(seq, time, prev, digest)


def is_next(line: bytes, prev: str) -> str | None:
    """The line's hash when the line with its LF is whole and follows on ``prev``, else None.

    Of a line that is a JSON object this says of ``prev`` and ``hash`` what ``stamp_in`` and the
    chain say, for the many lines that are sound.
    """
    digest = "sha256:" + sha256(line[: -_HASH_LENGTH - 1]).hexdigest()
    expected = b',"prev":"%b","hash":"%b"}\n' % (prev.encode(), digest.encode())
    return digest if line.endswith(expected) else None


def decode_line(line: bytes, segment: int, offset: int) -> Record:
    """A line, with or without its LF, as a Record.

    Raises:
        ValueError: it is not what a writer wrote; says how.
    """
    line = line.removesuffix(b"\n")
    stamp = check_line(line)
    body = _parsed(line)
    event_type = body.get("event_type")
    if not isinstance(event_type, str):
        raise ValueError("it names no event_type")  # noqa: TRY004  it is the file's content
    return Record(
        stamp.seq, stamp.time, event_type, stamp.prev, stamp.hash, segment, offset, line, body
    )


def _parsed(line: bytes) -> Any:
    """As ``json.loads``, in half the time where the line holds nothing odd."""
    try:
        return from_json(line, cache_strings="keys")
    except ValueError:
        pass  # a lone surrogate, deep nesting: the standard library has the say
    try:
        # As json.loads, which looks for other encodings and for blanks first.
        text = line.decode("utf-8", "surrogatepass")
        body, end = _parse(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if end != len(text):
        raise ValueError("more follows on its JSON object")
    return body


def is_garbled_end(line: bytes) -> bool:
    """Whether a last line without LF is a whole record with its LF overwritten, no torn write."""
    try:
        check_line(line[:-1])
    except ValueError:
        return False
    return True
