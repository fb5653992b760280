"""What all tests share: real servers, and a home of their own."""

from __future__ import annotations

import gc
import os
import signal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from core.harness.sandbox import selftest
from core.router import remedies
from tests.support.sandbox.known import attack_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How long an example takes says more about the machine than about the code. Few examples a run,
# other ones each time: there are many runs.
settings.register_profile("everyday", deadline=None, max_examples=30)
settings.register_profile("torture", deadline=None, max_examples=500)
settings.load_profile("torture" if os.environ.get("REFLEX_TORTURE") else "everyday")

# Whoever starts the tests in the background has Ctrl-C ignored, or with nohup a terminal's end, and
# so would all they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

pytest_plugins = ["tests.support.fixtures_bakeoff", "tests.support.fixtures_engine"]

_LEFT_OUT = pytest.StashKey[int]()
_HOME_VARIABLES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that at the end no worker is left alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are CPUs: tests wait for servers and children nearly half of their time."""
    cpus = os.cpu_count() or 1
    return cpus + min(4, (cpus + 1) // 2)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the slow tests that ``make test`` leaves out; a worker tells it whoever started it."""
    config = items[0].config
    slow = sum(item.get_closest_marker("slow") is not None for item in items)
    config.stash[_LEFT_OUT] = config.stash.get(_LEFT_OUT, 0) + slow
    # The pictures of tests that are left out are not stale.
    config.option.warn_unused_snapshots = True
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = config.stash[_LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a worker has counted; each of them collects all tests."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was not run, and what runs it."""
    slow = config.stash.get(_LEFT_OUT, 0)
    if slow and config.getoption("markexpr"):
        terminalreporter.write_line(f"{slow} slow tests were left out; make test-all runs them too")


def pytest_collection_finish() -> None:
    """Collect garbage less often: what is imported and collected stays, and is a lot to look at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True, scope="session")
def _shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of whole modules make does not land in the user's own home either."""
    with pytest.MonkeyPatch.context() as patched:
        home = tmp_path_factory.mktemp("shared-home")
        for variable in _HOME_VARIABLES:
            patched.setenv(variable, str(home / variable.lower()))
        yield


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of homes, none of which is there before its test makes it."""
    homes = tmp_path_factory.mktemp("homes")
    return (homes / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own configuration, key or trust."""
    home = next(_homes)
    for variable in _HOME_VARIABLES:
        monkeypatch.setenv(variable, str(home / variable.lower()))
    for variable in ("SPECKIT_CONFIG", "REFLEX_TRUSTED_ENDPOINTS", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True)
def _attacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the sandbox holds takes longer to find out than most commands take; see sandbox/."""
    monkeypatch.setattr(selftest, "attack", attack_once)


@pytest.fixture(autouse=True)
def _with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice is the same on every machine; what is said without a GPU has tests of its own."""
    monkeypatch.setattr(remedies, "has_gpu", lambda: True)


@pytest.fixture
def torture() -> bool:
    """Whether the reliability tests run in their full form."""
    return bool(os.environ.get("REFLEX_TORTURE"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty repository, away from this one's configuration."""
    repository = tmp_path / "project"
    (repository / ".git").mkdir(parents=True)
    return repository
