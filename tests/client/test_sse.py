"""The decoder of server-sent events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.body import MAX_LINE, SSEDecoder, SSEEvent
from core.errors import LimitExceeded, ProtocolError

LINE_ENDS = st.sampled_from(["\n", "\r", "\r\n"])
LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


def decoded(*pieces: bytes) -> list[SSEEvent]:
    """All events of a stream that comes in ``pieces``."""
    decoder = SSEDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[SSEEvent]]:
    """A stream written in any allowed way, with the events it holds."""
    written = draw(st.sampled_from(["", "\ufeff"]))
    events = []
    for _ in range(draw(st.integers(0, 4))):
        lines = draw(st.lists(LINES, min_size=1, max_size=3))
        name = draw(st.sampled_from(["", "error", "message"]))
        fields = [f"event:{draw(st.sampled_from(['', ' ']))}{name}"] if name else []
        # Without a space after the colon a value must not begin with one.
        fields += [f"data:{' ' if line[:1] in ('', ' ') else draw(SPACE)}{line}" for line in lines]
        fields.insert(draw(st.integers(0, len(fields))), draw(NOISE))
        # One line end an event: "\r" and then "\n" for a blank line would be a single one.
        end = draw(LINE_ENDS)
        written += "".join(field + end for field in fields if field) + end
        events.append((name, "\n".join(lines)))
    return written.encode(), events


SPACE = st.sampled_from(["", " "])
NOISE = st.sampled_from(["", ": ping", ":", "id: 1", "retry: 9", "unknown: x", "nonsense"])


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """``data`` in any pieces, empty ones too."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(st.data())
def test_any_writing_and_any_cuts(data: st.DataObject) -> None:
    """Line ends, comments, unknown fields, a BOM and cuts change nothing about the events."""
    written, events = data.draw(streams())
    assert decoded(*data.draw(cuts(written))) == events


@given(st.binary(max_size=200), st.data())
def test_any_bytes_in_any_cuts(written: bytes, data: st.DataObject) -> None:
    """Whatever the bytes, the cuts do not matter, and nothing but a ProtocolError is raised."""

    def ended(*pieces: bytes) -> object:
        try:
            return decoded(*pieces)
        except ProtocolError:
            return ProtocolError

    assert ended(*data.draw(cuts(written))) == ended(written)


@pytest.mark.parametrize(
    ("written", "events"),
    [
        (b"data: a\n\n", [("", "a")]),
        (b"data:a\r\rdata:  b\r\n\r\n", [("", "a"), ("", " b")]),
        (b"\xef\xbb\xbfdata: a\ndata\ndata: b\n\n", [("", "a\n\nb")]),
        (b"data: last", [("", "last")]),
        (b"data: last\n", [("", "last")]),
        (b"event: ping\n\ndata: a\n\n", [("", "a")]),
        (b'error: {"code": 500}\n\n', [("error", '{"code": 500}')]),
        (b"data: a\x0bb\x0cc\x1cd\n\n", [("", "a\x0bb\x0cc\x1cd")]),
        ("data: a\u2028b\x85c\n\n".encode(), [("", "a\u2028b\x85c")]),
        (b"data: cut \xe2\x82", []),
        (b"", []),
    ],
)
def test_examples(written: bytes, events: list[tuple[str, str]]) -> None:
    """Cases of the standard and of real servers."""
    assert decoded(written) == events


def test_not_utf8() -> None:
    """An event that is not UTF-8 is refused."""
    with pytest.raises(ProtocolError):
        decoded(b"data: \xff\n\n")


@pytest.mark.parametrize("size", [1 << 16, 3 << 20])
def test_long_line_is_refused(size: int) -> None:
    """A line over the limit is refused before its end has come, and when it comes at once."""
    decoder = SSEDecoder()
    for _ in range(MAX_LINE // size):
        decoder.feed(b"x" * size)
    with pytest.raises(LimitExceeded):
        decoder.feed(b"x" * size)
    with pytest.raises(LimitExceeded):
        SSEDecoder().feed(b"data: " + b"x" * MAX_LINE + b"\n\n")


def test_longest_line_in_single_bytes() -> None:
    """A million pieces of one line take time in proportion: this would else take hours."""
    decoder = SSEDecoder()
    for _ in range(MAX_LINE - 6):
        decoder.feed(b"x")
    assert decoder.feed(b"\ndata: a\n\n") == [("", "a")]
