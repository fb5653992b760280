"""What workers load first: the sandbox is attacked once a worker, not once a run."""

from __future__ import annotations

from core.harness.sandbox import selftest
from tests.support.sandbox.known import attack_once

selftest.attack = attack_once
