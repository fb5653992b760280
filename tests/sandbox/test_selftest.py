"""The tier is the one that holds, not the one that is installed."""

from __future__ import annotations

import errno
import sys
import tempfile
from pathlib import Path

import pytest

from core.errors import SandboxError
from core.harness.sandbox import SelfTest, Tier, bait, choose_tier
from core.harness.sandbox.selftest import attack, available_tiers
from core.harness.sandbox.tiers import find_bubblewrap, profile

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux namespaces")

# Passes its arguments on to the real one, without or with something.
WEAKENED = """#!/bin/sh
for each; do
    shift
    case "$each" in
        {drop}) ;;
        --remount-ro) set -- "$@" {add} "$each" ;;
        *) set -- "$@" "$each" ;;
    esac
done
exec {real} "$@"
"""


def install(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program named ``bwrap`` first on the path."""
    program = directory / "bwrap"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


async def test_the_best_tier_that_holds(tier: Tier) -> None:
    """The choice is the first of the available tiers that holds, with every attack listed."""
    chosen = await choose_tier()
    assert chosen.tier in available_tiers()
    assert len(chosen.escapes) >= 25
    assert all(escape.held for escape in chosen.escapes)
    assert chosen.sandbox().tier is chosen.tier
    assert str(chosen.tier) in chosen.reason


@pytest.mark.slow
@linux_only
async def test_a_bubblewrap_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bubblewrap that fails is passed over for the next tier, or for none, with its words."""
    install(tmp_path, "#!/bin/sh\necho 'bwrap: No permissions' >&2; exit 1\n", monkeypatch)
    chosen = await choose_tier()
    assert chosen.tier is not Tier.BUBBLEWRAP
    if chosen.tier is Tier.NONE:
        assert "No permissions" in chosen.reason


@pytest.mark.parametrize(
    ("drop", "add", "lost"),
    [
        ("--unshare-net", "--share-net", "tcp_loopback"),
        ("nothing", "--bind {tmp} {tmp}", "secret_file"),
        ("nothing", "--bind {tmp} {tmp}", "outside_write"),
        ("nothing", "--bind {tmp} {tmp}", "unix_socket"),
        ("nothing", "--dev-bind /dev /dev", "devices"),
    ],
)
async def test_a_bubblewrap_that_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop: str, add: str, lost: str
) -> None:
    """One that leaves a door open is found out by the attack on that door, and not chosen."""
    real = find_bubblewrap()
    if real is None or Tier.BUBBLEWRAP is not (await choose_tier()).tier:
        pytest.skip("needs a bubblewrap that holds")
    added = add.format(tmp=tempfile.gettempdir())
    install(tmp_path, WEAKENED.format(drop=drop, add=added, real=real), monkeypatch)
    held = {escape.name: escape.held for escape in await attack(Tier.BUBBLEWRAP)}
    assert held[lost] is False
    assert (await choose_tier()).tier is not Tier.BUBBLEWRAP


async def test_where_nothing_holds(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> None:
    """Without a tier the answer is none; its sandbox refuses unless it was allowed."""
    monkeypatch.setattr("core.harness.sandbox.selftest.available_tiers", list)
    refused = await choose_tier()
    assert refused.tier is Tier.NONE
    assert refused.reason.startswith("no sandbox blocked every escape attempt")
    with pytest.raises(SandboxError):
        await refused.sandbox().run(["true"], workspace=workspace)
    allowed = await choose_tier(allow_unsandboxed=True)
    assert allowed.tier is Tier.NONE
    result = await allowed.sandbox().run(["true"], workspace=workspace)
    assert result.exit_status == 0


@pytest.mark.slow
async def test_allowing_it_does_not_choose_it(tier: Tier) -> None:
    """A sandbox that holds is used also by those who would do without."""
    chosen = await choose_tier(allow_unsandboxed=True)
    assert chosen.tier is not Tier.NONE


def test_seatbelt_profile_names_what_may_be_read_and_written() -> None:
    """The macOS profile denies by default, forks nothing, and quotes the paths it is given."""
    text = profile(["/opt/py thon"], ["/opt/py thon/site"], '/private/tmp/a"b')
    assert text.startswith("(version 1)\n(deny default)\n")
    assert "process-fork" not in text
    assert "network" not in text
    assert '(subpath "/opt/py thon")' in text
    assert '(deny file-read* (subpath "/opt/py thon/site"))' in text
    assert '(allow file-write* (subpath "/private/tmp/a\\"b"))' in text
    assert text.count("(") == text.count(")")


def test_self_test_is_a_value() -> None:
    """It can be made by hand, for a status display or a test."""
    assert SelfTest(Tier.NONE, (), "none").sandbox().allow_unsandboxed is False


async def test_what_fails_while_bait_is_laid_is_said_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not as a fault of ours: a machine short of descriptors, or of room, has no sandbox now."""

    def short(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(bait.Bait, "_open_sockets", short)
    chosen = await choose_tier()
    assert chosen.tier is Tier.NONE
    assert "Too many open files" in chosen.reason


def test_bait_that_somebody_removed_is_no_fault() -> None:
    """A user tidies up while it lies there."""
    with bait.Bait() as laid:
        planted = laid.facts["user_files"]
        assert planted
        for name in planted:
            Path(name).unlink()
