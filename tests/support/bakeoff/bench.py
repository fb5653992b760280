"""``code reflex bakeoff`` over two stand-ins, at a small suite."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.standin.answers import suite_answerer
from core.standin.script import Script
from tests.support.bakeoff.arena import LITTLE, make_suite
from tests.support.command import reflex as command
from tests.support.consent import OWN_SUITE, consent
from tests.support.standin import standin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess

CODE = Path(sys.executable).with_name("code")
# In the order that seed 1 gives.
BAKEOFF = ("bakeoff", "--suite", "suite", "--seed", "1")
PATIENCE_S = 60


@dataclass(frozen=True)
class Bench:
    """A workspace over two stand-ins."""

    root: Path

    @property
    def eval(self) -> Path:
        """Where reports lie."""
        return self.root / ".speckit" / "eval"

    def run(self, *arguments: str) -> CompletedProcess[str]:
        """A bakeoff to its end, within this process."""
        return command(self.root, *BAKEOFF, *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a process, both of its streams pipes."""
        return subprocess.Popen(
            [CODE, "reflex", *BAKEOFF, *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_some_trials_are_done(self, count: int) -> Path:
        """Wait for the journal to hold so many; returns it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for journal in self.eval.glob("*.journal.jsonl"):
                if journal.read_bytes().count(b"\n") > count:
                    return journal
            time.sleep(0.02)
        pytest.fail("no trial ended")


@contextmanager
def bench(project: Path, *, reflex: float, ttft_ms: float = 0, tasks: int = 5) -> Iterator[Bench]:
    """Reflex solves this share of the times it is asked, the cloud all."""
    suite = str(make_suite(project / "suite", tasks))
    script = Script(ttft_ms=ttft_ms, tokens_per_s=0, owned_by="test")
    with (
        standin(
            replace(script, model="a"), [suite_answerer(suite, success_rate=reflex, seed=0)]
        ) as a,
        standin(replace(script, model="b"), [suite_answerer(suite, success_rate=1, seed=0)]) as b,
    ):
        (project / "stage0.toml").write_text(
            f'[reflex]\nendpoint = "{a.endpoint}"\nmodel = "a"\n{OWN_SUITE}'
            f'[cloud]\nendpoint = "{b.endpoint}"\nmodel = "b"\n{LITTLE}',
            encoding="utf-8",
        )
        consent(project)
        yield Bench(project)
