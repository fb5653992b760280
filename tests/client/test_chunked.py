"""HTTP's chunked framing: whatever the cuts, the same content; whatever is wrong, an error."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.transport import ChunkedBody

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


def framed(pieces: list[bytes], ending: bytes = b"0\r\n\r\n") -> bytes:
    """The pieces as chunks, extensions and blanks among them, and the end."""
    forms = (b"%x\r\n%b\r\n", b"%X;a=1\r\n%b\r\n", b"0%x \r\n%b\r\n")
    chunks = [forms[n % 3] % (len(piece), piece) for n, piece in enumerate(pieces)]
    return b"".join(chunks) + ending


def fed(body: ChunkedBody, data: bytes, size: int) -> bytes:
    """What comes out when ``data`` arrives ``size`` bytes at a time."""
    return b"".join(body.feed(data[at : at + size]) for at in range(0, len(data), size))


@given(PIECES, st.integers(1, 50), st.sampled_from([b"0\r\n\r\n", b"0\r\na: b\r\nc: d\r\n\r\n"]))
def test_content_is_the_same_however_it_is_cut(
    pieces: list[bytes], size: int, ending: bytes
) -> None:
    """Bytes come out as they went in, and the end is seen exactly at the end."""
    body = ChunkedBody()
    wire = framed(pieces, ending)
    assert fed(body, wire[:-1], size) == b"".join(pieces)
    assert not body.done
    assert body.feed(wire[-1:]) == b""
    assert (body.done, body.excess) == (True, b"")


@given(PIECES, st.integers(1, 50))
def test_it_agrees_with_h11(pieces: list[bytes], size: int) -> None:
    """The parser that it stands in for reads the same content out of the same bytes."""
    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    theirs.send(h11.EndOfMessage())
    theirs.receive_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    theirs.next_event()
    wire = framed(pieces)
    theirs.receive_data(wire)
    expected = b""
    while type(event := theirs.next_event()) is h11.Data:
        expected += event.data
    assert fed(ChunkedBody(), wire, size) == expected


def test_bytes_after_the_end_are_told() -> None:
    """A server that says more than its answer cannot be asked again over this connection."""
    body = ChunkedBody()
    assert body.feed(framed([b"ab"]) + b"HTTP/1.1") == b"ab"
    assert body.excess == b"HTTP/1.1"


@pytest.mark.parametrize(
    "wrong",
    [
        b"zz\r\n",
        b"-1\r\na",
        b"+1\r\na",
        b"1_0\r\n",
        b"\r\n",
        b"0x1\r\na\r\n",
        b"1\r\nabc\r\n",
        b"1\r\na\rb",
        b"1" * 5000,
        b"1;" + b"x" * 5000,
        b"ffffffffffffffff\r\n",
        b"0\r\n" + b"a: b\r\n" * 3_000,
    ],
)
@pytest.mark.parametrize("size", [1, 7, 200_000])
def test_what_is_no_chunk_is_refused(wrong: bytes, size: int) -> None:
    """No size that is none, no chunk longer than it says, and no line or trailer without end."""
    with pytest.raises(h11.RemoteProtocolError):
        fed(ChunkedBody(), wrong, size)


@pytest.mark.parametrize("cut", [b"", b"3", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r\n0\r\n"])
def test_a_cut_body_says_so(cut: bytes) -> None:
    """The connection's end in the middle is an error, in h11's words for it."""
    body = ChunkedBody()
    if cut:
        body.feed(cut)
    with pytest.raises(h11.RemoteProtocolError, match="peer closed connection"):
        body.feed(b"")
