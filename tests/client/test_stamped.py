"""The kernel's time of arrival, and where there is none."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from core.client.wire import stamped_socket
from tests.support.patience import PATIENCE_S


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps")
def test_what_waited_in_the_kernel_has_that_age() -> None:
    """Bytes that nobody looked at for a while are dated back by as long, and not before sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener, stamped_socket("127.0.0.1") as ours:  # type: ignore[union-attr]
        ours.setblocking(True)  # noqa: FBT003
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
        with theirs:
            until = time.monotonic() + PATIENCE_S
            # Stamping begins a moment after the first socket asks for it.
            while not ours.age_s and time.monotonic() < until:
                sent = time.monotonic()
                theirs.send(b"abc")
                time.sleep(0.02)
                assert ours.recv(100) == b"abc"
                waited = time.monotonic() - sent
    assert 0.015 < ours.age_s <= waited


@pytest.mark.parametrize("host", ["localhost", "example.org", "", "256.1.1.1", "a\0b"])
def test_a_name_is_left_to_asyncio(host: str) -> None:
    """Which of its addresses to try, and how, is not for us to say."""
    assert stamped_socket(host) is None
