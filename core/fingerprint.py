"""Content hashes of directories: how a gate pass notices a changed suite, prompt or schema."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).parent
PROMPTS = _PACKAGE / "patchloop" / "prompts"
SCHEMAS = _PACKAGE / "patchloop" / "schemas"
SUITES = _PACKAGE / "harness" / "suites"


def tree_hash(root: Path) -> str:
    """``sha256:…`` over relative paths and contents, the same on every machine.

    Bytecode and hidden files do not count; ``root`` may also be one file. An absent directory has
    a hash of its own, so that a suite which was deleted differs from the one that was judged.
    """
    if root.is_file():
        return f"sha256:{hashlib.sha256(root.read_bytes()).hexdigest()}"
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if hidden or not path.is_file():
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{relative.as_posix()}\0{content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def suite_root(suite: str, workspace: Path) -> Path:
    """Where a suite lies: a built-in one by its name, any other by its path."""
    built_in = SUITES / suite
    return built_in if "/" not in suite and built_in.is_dir() else workspace / suite
