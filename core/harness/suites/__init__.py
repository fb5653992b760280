"""Suites of repair tasks: the package's own, a user's, or a clone of a public benchmark.

``find`` loads one by name or path and hands it to the reader of its format: ``native`` (this
package's own), ``quixbugs``, ``exercism`` or ``humanevalpack``, of which the last three share
``public``. All read through ``reading``: no links, regular files only, limits on size and number.
``trees`` keeps the work trees that tasks of the user's own code are checked in.
The result is a ``model.Suite`` in memory, with a hash over all of it, that no run can change.
"""
