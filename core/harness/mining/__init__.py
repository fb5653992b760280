"""Suites from the user's own code: tasks found in its history, and mutants of its present source.

- ``repository`` reads commits and files, through objects only: nothing of a repository's
  configuration runs, and no work tree is touched.
- ``layout`` says which paths are source and which are tests, and finds the check command.
- ``history`` makes a candidate of a commit, ``instruction`` its task of the commit's message.
- ``mutants`` (by Python's syntax tree) and ``line_mutants`` (other languages) break one function.
- ``verifying`` runs candidates in the sandbox, each twice, and says why one is dropped.
- ``making`` works through them within a budget; ``writing`` writes the suite, whole or not at all.

A candidate is kept when its tests fail before and pass after, both times alike. What model-written
code may see later is the task's own work tree: no history, and never a later state of the code.
"""
