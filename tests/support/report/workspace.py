"""A project whose configuration, suite and report agree, as after a bakeoff."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from core.fingerprint import PROMPTS, tree_hash
from core.harness.report.storage import write
from core.router.edit_schemas import edit_schemas_hash
from tests.support.command import reflex
from tests.support.consent import OWN_SUITE, consent
from tests.support.report.synthetic import made, planted, suite

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from core.harness.report.document import Report
    from core.patchloop.trial import Trial


@dataclass(frozen=True)
class Workspace:
    """A project's directory, with a suite of its own under ``./suite``."""

    root: Path

    @classmethod
    def begin(cls, root: Path) -> Workspace:
        """Make one, with the configuration's defaults; passes on its suite count."""
        (root / "suite").mkdir()
        (root / "suite" / "suite.toml").write_text('name = "own"\n')
        (root / "stage0.toml").write_text(f"[reflex]\n{OWN_SUITE}")
        consent(root)
        made = cls(root)
        with mock.patch.dict(os.environ, made.environ, clear=True):
            consent(root)
        return made

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of a command that runs there."""
        return {"HOME": str(self.root), "PATH": "/usr/bin:/bin"}

    @property
    def reports(self) -> Path:
        """Where its reports lie."""
        return self.root / ".speckit" / "eval"

    def made(self, trials: list[Trial] | None = None, **values: Any) -> Report:
        """A report that fits this project."""
        given = planted() if trials is None else trials
        now = datetime.now(UTC)
        own = {
            "suite": suite(
                sorted({one.task for one in given}),
                name="own",
                root="./suite",
                hash=tree_hash(self.root / "suite"),
            ),
            "prompt_hash": tree_hash(PROMPTS),
            "schema_hash": edit_schemas_hash(),
            "created_at": now - timedelta(days=2, hours=1),
            "finished_at": now - timedelta(days=2),
        }
        return made(given, **own | values)

    def written(self, trials: list[Trial] | None = None, **values: Any) -> Path:
        """``made``, written where ``check`` looks."""
        return write(self.made(trials, **values), self.reports)[0]

    def reflex(self, *arguments: str | Path, **environ: str) -> CompletedProcess[str]:
        """Run ``code reflex …`` there, in an environment of nothing but ``environ``."""
        return reflex(self.root, *arguments, environ={**self.environ, **environ})
