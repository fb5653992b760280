"""Model-written code runs here or nowhere: no network, no home, no environment, bounded, killed.

``choose_tier`` finds the sandbox that holds on this machine, ``Sandbox.run`` runs a command in it,
``run_tests`` says whether a workspace passes its tests.

- ``layout`` says what of the host is shown: an interpreter and the system's libraries, read-only.
- ``tiers`` and ``inside/namespaces`` enclose; ``inside/entry`` shuts the last doors (``landlock``,
  ``seccomp``) behind itself and becomes the program.
- ``process`` watches a run from outside and kills it; ``cgroup`` counts memory where it can.
- ``selftest`` attacks each tier (``bait``, ``inside/attacks``) and takes the first that blocks all.
- ``instrument`` reads and rewrites tests, ``inside/runner`` runs them. The code under test is in
  another process (``inside/remote`` and what it imports), or beside them and watched
  (``inside/judge``, ``inside/integrity``). ``verdict`` reads the report and decides.

What is below ``inside`` is sent into the sandbox as code and imports the standard library only.
Everything that comes back is hostile: it is cut, parsed strictly, and at worst a failed trial.
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
