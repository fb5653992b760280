"""Model-written code runs here or nowhere: no network, no home, no environment, bounded, killed.

``choose_tier`` finds the sandbox that holds on this machine, ``Sandbox.run`` runs a command in it,
``run_tests`` says whether a workspace passes its tests.
"""

from __future__ import annotations

from core.harness.sandbox.box import Sandbox
from core.harness.sandbox.limits import Limits, Result, Tier
from core.harness.sandbox.selftest import Escape, SelfTest, choose_tier
from core.harness.sandbox.verdict import TestFailure, TestReport, run_tests

__all__ = [
    "Escape",
    "Limits",
    "Result",
    "Sandbox",
    "SelfTest",
    "TestFailure",
    "TestReport",
    "Tier",
    "choose_tier",
    "run_tests",
]
