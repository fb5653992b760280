"""What other code may rely on: see "What is stable" in CONTRIBUTING.md."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import core
from core import errors


@pytest.mark.parametrize("package", ["core", "core.capsule", "core.harness"])
def test_what_is_exported_is_there(package: str) -> None:
    """Each name of ``__all__``, which is imported on first use."""
    module = import_module(package)
    assert module.__all__
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError):
        _ = module.no_such_name


def test_every_error_can_be_imported_from_core() -> None:
    """As the same class; what else that module uses cannot."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.ReflexError)]
    assert len(ours) > 25
    assert all(getattr(core, kind.__name__) is kind for kind in ours)
    assert not hasattr(core, "StrEnum")


def test_importing_core_loads_nothing_heavy() -> None:
    """Also when an error is asked for."""
    code = "import sys; from core import BackendError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httpx", "pydantic", "textual"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("old", "name", "now"),
    [
        ("core.policy", "PolicySnapshot", "core.settings.policy"),
        ("core.router.probing", "probe", "core.router.health"),
    ],
)
def test_an_import_path_of_the_last_version_still_works(old: str, name: str, now: str) -> None:
    """With a warning that says where the name is now."""
    module = import_module(old)
    with pytest.warns(DeprecationWarning, match=now):
        assert getattr(module, name) is getattr(import_module(now), name)
    with pytest.raises(AttributeError):
        _ = module.no_such_name
