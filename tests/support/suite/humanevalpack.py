"""A task in the form of HumanEvalPack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.suite.making import write

if TYPE_CHECKING:
    from pathlib import Path

DECLARATION = "from typing import List\n\n\ndef total(numbers: List[int]) -> int:\n"
ROW: dict[str, Any] = {
    "task_id": "Python/0",
    "prompt": f'{DECLARATION}    """ Sum of the numbers.\n    >>> total([1, 2])\n    3\n    """\n',
    "declaration": DECLARATION,
    "canonical_solution": "    return sum(numbers)\n",
    "buggy_solution": "    return sum(numbers[1:])\n",
    "bug_type": "missing logic",
    "failure_symptoms": "incorrect output",
    "entry_point": "total",
    "import": "",
    "test_setup": "",
    "test": "\n\ndef check(total):\n    assert total([]) == 0\n    assert total([4]) == 4\n\n"
    "check(total)",
    "example_test": "def check(total):\n    pass\n",
    "signature": "total(numbers: List[int]) -> int",
    "docstring": "",
    "instruction": "Write a function.",
}


def dump(path: Path, *rows: dict[str, Any]) -> Path:
    """A JSON Lines file."""
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))
