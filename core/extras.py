"""What to install for a part that is not there: an extra's own packages, by name.

The package is on no index yet, so ``pip install 'speckit-reflex[…]'`` would find nothing. What an
extra consists of is on every index, and is asked of the installed package itself.
"""

from __future__ import annotations

import re
import sys

_DISTRIBUTION = "speckit-reflex"
_EXTRA = re.compile(r"""(?: and )?\bextra == ['"]([\w-]+)['"]""")


def how_to_install(extra: str) -> str:
    """The command that adds ``extra`` to the environment that runs this."""
    from importlib.metadata import PackageNotFoundError, requires  # costs every start 15 ms

    try:
        declared = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a checkout that was not installed
        declared = []
    wanted = []
    for each in declared:
        requirement, _, marker = each.partition(";")
        named = _EXTRA.search(marker)
        if named and named[1] == extra:
            left = _EXTRA.sub("", marker).strip().strip("()")
            wanted.append(f"{requirement.strip()}; {left}" if left else requirement.strip())
    if not wanted:
        return f"Install Reflex with its extra {extra}, as README.md says"
    quoted = " ".join(f'"{one}"' for one in wanted)
    return f"{sys.executable} -m pip install {quoted}"
