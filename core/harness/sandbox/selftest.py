"""Which sandbox holds on this machine: found out by attacking it, never assumed.

Whether user namespaces work, whether a security module forbids mounts, whether bubblewrap is new
enough: all of that shows in one answer, whether the attacks of ``inside/attacks.py`` get anything.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace

from core.errors import SandboxError
from core.harness.sandbox import tiers
from core.harness.sandbox.bait import LIMITS, Bait, answers
from core.harness.sandbox.box import Sandbox
from core.harness.sandbox.limits import Limits, Tier

# All in one process; they leave nothing behind that could disturb the next one.
QUIET = (
    *("normal_work", "tcp_loopback", "tcp_outward", "tcp_ipv6", "udp", "unix_socket"),
    *("abstract_socket", "vsock", "user_files", "secret_file", "traversal", "planted_symlink"),
    *("shipped_symlink", "old_root", "environment", "parent_environment", "host_processes"),
    *("signal_host", "trace_host", "outside_write", "original_workspace", "git_hook"),
    *("read_only_place", "standard_library", "root_directory", "devices", "mount", "become_root"),
    *("device_node", "key_ring", "host_name", "open_descriptors", "terminal", "control_groups"),
    *("memory_file", "semaphores", "shared_segment", "message_queue", "posix_queue"),
    *("extended_attributes", "shared_pages", "large_pipe", "large_buffer", "watches"),
    *("kernel_rings",),
)
# Each in a run of its own.
LOUD = ("daemon", "fork_bomb", "fill_disk", "empty_files", "socket_queues", "endless_loop")

_LOOP_S = 0.3
_SMALL_MB = 48


@dataclass(frozen=True, slots=True)
class Escape:
    """One attack: ``held`` when it got nothing, ``note`` what it got or what went wrong."""

    name: str
    held: bool
    note: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The tier chosen, the attacks on it, and in words why this one.

    With ``Tier.NONE`` the attacks are those on the last tier tried, if any.
    """

    tier: Tier
    escapes: tuple[Escape, ...]
    reason: str
    allow_unsandboxed: bool = False

    def sandbox(self, limits: Limits | None = None) -> Sandbox:
        """The sandbox of this tier; see ``Sandbox`` for what ``Tier.NONE`` means."""
        return Sandbox(self.tier, limits or Limits(), self.allow_unsandboxed)


async def choose_tier(*, allow_unsandboxed: bool = False) -> SelfTest:
    """Attack each tier there is, from the best to the least, and take the first that holds.

    Where none holds the answer is ``Tier.NONE``, whose sandbox refuses to run anything unless
    ``allow_unsandboxed``. Never raises.
    """
    reasons: list[str] = []
    escapes: tuple[Escape, ...] = ()
    for tier in available_tiers():
        escapes = await attack(tier)
        lost = [escape for escape in escapes if not escape.held]
        if not lost:
            said = f"{tier}: blocked all {len(escapes)} escape attempts"
            return SelfTest(tier, escapes, said, allow_unsandboxed)
        reasons.append(f"{tier}: {lost[0].name}: {lost[0].note}")
    reason = "; ".join(reasons) or "there is no bubblewrap, no namespaces and no sandbox-exec here"
    return SelfTest(
        Tier.NONE, escapes, f"no sandbox blocked every escape attempt: {reason}", allow_unsandboxed
    )


def available_tiers() -> list[Tier]:
    """The tiers worth trying here, the best first."""
    found = []
    if sys.platform == "linux":
        found += [Tier.BUBBLEWRAP] if tiers.find_bubblewrap() else []
        found += [Tier.NAMESPACES]
    if tiers.find_sandbox_exec():
        found += [Tier.SANDBOX_EXEC]
    return found


async def attack(tier: Tier) -> tuple[Escape, ...]:
    """Run every attack on a tier; about a third of a second. Never raises."""
    try:
        with Bait() as bait:
            quiet, loud = await asyncio.gather(
                _run_quiet(tier, bait),
                asyncio.gather(*(_run_loud(tier, bait, name) for name in LOUD)),
            )
            return (*quiet, *loud)
    except (SandboxError, OSError) as error:
        return (Escape("start", held=False, note=str(error)),)


async def _run_quiet(tier: Tier, bait: Bait) -> list[Escape]:
    got = await bait.run(tier, *QUIET)
    seen = bait.seen()
    return [
        Escape(name, held=got.get(name) == "" and not note, note=note or got.get(name, "no answer"))
        for name in QUIET
        for note in [seen.get(name, "")]
    ]


async def _run_loud(tier: Tier, bait: Bait, name: str) -> Escape:
    sandbox = Sandbox(tier, LIMITS, allow_unsandboxed=True)
    wall_s = _LOOP_S if name == "endless_loop" else LIMITS.wall_s
    memory_mb = _SMALL_MB if name == "socket_queues" else LIMITS.memory_mb
    limits = replace(LIMITS, wall_s=wall_s, memory_mb=memory_mb)
    code = ["-c", "while True: pass"] if name == "endless_loop" else ["attacks.py", name]
    argv = [sandbox.python, "-I", "-S", "-B", *code]
    ended = await sandbox.execute({"argv": argv}, bait.workspace, (), limits)
    got = answers(ended.stdout).get(name, "")
    if not ended.settled:
        got = "a process was left behind"
    elif name == "endless_loop" and ended.killed_by != "wall":
        got = f"it ended with {ended.killed_by or ended.exit_status}, not at its limit"
    return Escape(name, held=not got, note=got)
