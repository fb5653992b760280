"""What can be imported from where, and what that loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import core
from core import errors


def test_every_exception_is_importable_from_core() -> None:
    """An orchestrator catches what it names from one place; nothing is forgotten."""
    tree = ast.parse(Path(errors.__file__).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert defined <= set(core.__all__)
    for name in defined:
        assert getattr(core, name) is getattr(errors, name)
    assert set(core.__all__) <= {*dir(core), *defined, *core._HOMES}


def test_every_exception_is_in_the_tree() -> None:
    """The module's docstring shows all of them."""
    assert errors.__doc__
    for name in core.__all__:
        if isinstance(getattr(core, name), type) and issubclass(getattr(core, name), Exception):
            assert f"{name} " in errors.__doc__ + " " or f"{name}\n" in errors.__doc__


def test_parts_without_the_serve_extra_load_nothing_of_it() -> None:
    """Dialects, security and runs are usable without starlette, uvicorn and prometheus-client."""
    code = (
        "import sys, core.gateway.dialects.chat, core.gateway.runs, core.gateway.security;"
        "print(sorted({'starlette', 'uvicorn', 'prometheus_client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_client_for_this_machine_loads_no_httpx() -> None:
    """It is for proxies and certificates, and takes long to load."""
    code = (
        "import sys; from core.client.chat import ChatClient;"
        "from core.client.backend import Backend; from core.stages import Mode;"
        "ChatClient(Backend('reflex', Mode.REFLEX, 'http://127.0.0.1:9/v1', 'm', 1));"
        "print(sorted({'httpx', 'urllib.request', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
