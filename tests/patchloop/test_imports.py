"""A rewritten file keeps the imports that it still needs."""

from __future__ import annotations

import pytest

from core.errors import EditUnchanged
from core.patchloop.applying import apply
from core.patchloop.formats import WholeFile
from core.patchloop.imports import with_needed_imports

TYPED = "from typing import List\n\n\ndef first(of: List[int]) -> int:\n    return of[1]\n"
FIXED = "def first(of: List[int]) -> int:\n    return of[0]\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(TYPED, FIXED, "from typing import List\n" + FIXED, id="left out"),
        pytest.param(
            "from typing import Dict, List as L\nx = 1\n",
            "y: L = []\n",
            "from typing import List as L\ny: L = []\n",
            id="only the names in use",
        ),
        pytest.param("import os.path\n", "os.sep\n", "import os.path\nos.sep\n", id="a package"),
        pytest.param("from .a import b\n", "b()\n", "from .a import b\nb()\n", id="relative"),
        pytest.param(
            "import re\n",
            '"""Doc."""\nfrom __future__ import annotations\nre.S\n',
            '"""Doc."""\nfrom __future__ import annotations\nimport re\nre.S\n',
            id="after what must stand first",
        ),
        pytest.param("import re\n", '"""re"""', '"""re"""', id="not for a text"),
        pytest.param(
            "import re\nimport re\n", "# \x0cnote\nre.S", "import re\n# \x0cnote\nre.S", id="once"
        ),
    ],
)
def test_what_is_needed_stays(before: str, after: str, expected: str) -> None:
    """Above the code that uses it, and no more than that."""
    assert with_needed_imports(before, after) == expected


@pytest.mark.parametrize(
    "after",
    [
        "import re\nre.S\n",
        "from regex import compile as re\nre('a')\n",
        "def f(re):\n    return re.S\n",
        "re = 1\nprint(re)\n",
        "try:\n    import re\nexcept ImportError as re:\n    print(re)\n",
        "from everything import *\nre.S\n",
        "print('re')\n",
        "def f(:\n",
        "",
        "match x:\n    case {'a': 1, **re}:\n        print(re)\n",
    ],
)
def test_what_the_model_bound_or_dropped_is_its_own(after: str) -> None:
    """A name that it binds in any way, does not use, or cannot be seen in: the text is kept."""
    assert with_needed_imports("import re\n", after) == after


def test_a_rewritten_file_is_whole() -> None:
    """The change that is applied holds the import, and its diff does not take it away."""
    made = apply({"a.py": TYPED}, [WholeFile("a.py", FIXED)], ["a.py"])
    assert made.files["a.py"] == "from typing import List\n" + FIXED
    assert "-from typing" not in made.diff


def test_a_copy_without_its_imports_is_a_copy() -> None:
    """It changes nothing of what the file does."""
    copy = "def first(of: List[int]) -> int:\n    return of[1]\n"
    before = {"a.py": f"from typing import List\n{copy}"}
    with pytest.raises(EditUnchanged):
        apply(before, [WholeFile("a.py", copy)], ["a.py"])


def test_other_languages_are_left_alone() -> None:
    """Their files are as the model wrote them."""
    before = {"a.txt": "import re\n"}
    assert apply(before, [WholeFile("a.txt", "re.S\n")], ["a.txt"]).files == {"a.txt": "re.S\n"}
