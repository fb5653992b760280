"""What is said to be installed for a missing part is what the package declares."""

from __future__ import annotations

import shlex
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.extras import how_to_install
from tests.support.docs.pages import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def names(requirements: list[str]) -> set[str]:
    """What they are about, each by its one name."""
    return {canonicalize_name(Requirement(one).name) for one in requirements}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_named_by_its_packages(extra: str) -> None:
    """A command for this environment, with each package of the extra and none of another."""
    python, *install = shlex.split(how_to_install(extra))
    assert python == sys.executable
    assert install[:3] == ["-m", "pip", "install"]
    assert names(install[3:]) == names(EXTRAS[extra])
    assert not any("extra" in one for one in install)


def test_an_unknown_extra_points_to_the_readme() -> None:
    """As in a checkout that was never installed."""
    assert "README.md" in how_to_install("none-such")
