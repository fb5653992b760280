"""Every attack on every tier gets nothing; without a sandbox the same attacks succeed."""

from __future__ import annotations

import asyncio
import sys
from functools import cache

import pytest

from core.harness.sandbox import Escape, Tier
from core.harness.sandbox.bait import Bait
from core.harness.sandbox.selftest import LOUD, QUIET, attack

# Left out: those that the process itself already fails at (no terminal, an empty environment),
# and those whose success would touch the machine that runs the tests.
SUCCEED_OUTSIDE = (
    *("tcp_loopback", "udp", "unix_socket", "secret_file", "traversal", "planted_symlink"),
    *("shipped_symlink", "old_root", "outside_write", "original_workspace", "git_hook"),
    *("read_only_place", "signal_host", "host_name"),
)
ON_LINUX = (
    *("abstract_socket", "parent_environment", "host_processes", "memory_file", "semaphores"),
    *("shared_segment", "message_queue", "shared_pages", "large_pipe", "large_buffer", "watches"),
)


@cache
def escapes(tier: Tier) -> dict[str, Escape]:
    """All attacks on a tier, made once."""
    return {each.name: each for each in asyncio.run(attack(tier))}


@pytest.mark.parametrize("name", [*QUIET, *LOUD])
def test_attack_gets_nothing(tier: Tier, name: str) -> None:
    """No attack gets hold of anything of the host's."""
    found = escapes(tier)[name]
    assert found.held, found.note


async def test_the_attacks_are_real() -> None:
    """Without a sandbox they do get what they want, so that holding means something."""
    names = SUCCEED_OUTSIDE + (ON_LINUX if sys.platform == "linux" else ())
    with Bait() as bait:
        got = await bait.run(Tier.NONE, *names)
        got |= {name: note for name, note in bait.seen().items() if name in names}
    assert {name for name in names if not got.get(name)} == set()


async def test_without_the_sandbox_the_attack_report_says_so() -> None:
    """The self-test's own verdict on no sandbox at all is that it does not hold."""
    with Bait() as bait:
        got = await bait.run(Tier.NONE, "secret_file", "normal_work")
    assert got["secret_file"] == "a secret"
    assert got["normal_work"] == ""
