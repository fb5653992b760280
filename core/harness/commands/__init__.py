"""Checks in any language: a task's own command, run in the sandbox and judged by what it says.

- ``toolchain`` finds what the command needs of this machine (virtual environment,
  ``node_modules``, crates, Go modules), to be shown read-only; it runs nothing of the project's.
- ``running`` lays the task's work tree out in the sandbox, offline, and runs compile step and
  check.
- ``results`` reads JUnit XML, TAP, cargo's and Go's output: all of it hostile, bounded and at worst
  a failed check.
- ``accepted`` remembers which further places the user lets a suite's checks read.

Unlike the judge of Python tests, a command runs tests and code in one process, so code that sets
out to forge its result may do so. Tests that must pass are named by the suite and every protected
file is laid anew for each run, which leaves forging as the only way round them.
"""
