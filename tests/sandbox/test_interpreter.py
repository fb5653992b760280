"""An interpreter below the home directory: the sandbox shows it and nothing that lies beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.harness.sandbox import Tier, layout
from core.harness.sandbox.selftest import attack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies a Linux interpreter")

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("test", "idlelib", "site-packages", "dist-packages", "config-*")
# Run by the copied interpreter: what its sandbox is, what that shows, and what it can import.
SCRIPT = """
import asyncio, json, pathlib, sys, tempfile
from core.errors import SandboxError
from core.harness.sandbox import Sandbox, choose_tier
from core.harness.sandbox.selftest import available_tiers
async def main():
    chosen = await choose_tier()
    lost = [(e.name, e.note) for e in chosen.escapes if not e.held]
    code = (
        "import asyncio, ctypes, json, os, sqlite3, sys, unittest\\n"
        "print(json.dumps([p for p in sys.argv[1:] if os.path.lexists(p)]))"
    )
    seen = "refused"
    with tempfile.TemporaryDirectory() as work:
        try:
            box = chosen.sandbox()
            argv = [box.python, "-I", "-B", "-c", code, *sys.argv[1:]]
            result = await box.run(argv, workspace=pathlib.Path(work))
            seen = json.loads(result.stdout) if result.exit_status == 0 else result.stderr
        except SandboxError as error:
            seen = str(error)
    print(json.dumps([str(chosen.tier), chosen.reason, lost, seen, box.python]))
asyncio.run(main())
"""


def _linked(source: str, target: str) -> None:
    """As ``shutil.copy2``, without a copy where the system allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copy_interpreter(prefix: Path) -> Path:
    """A copy of the base interpreter that this test runs on, without what it does not need."""
    program = Path(layout.interpreter())
    library = Path(os.__file__).parent
    target = prefix / "bin" / program.name
    target.parent.mkdir(parents=True)
    shutil.copy2(program, target)
    for path in program.parent.parent.glob("lib/libpython*.so*"):
        (prefix / "lib").mkdir(exist_ok=True)
        shutil.copy2(path, prefix / "lib" / path.name)
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(library, prefix / "lib" / library.name, ignore=ignored, copy_function=_linked)
    packages = prefix / "lib" / library.name / "site-packages"
    packages.mkdir()
    (packages / "credentials.py").write_text("TOKEN = 'secret'")
    return target


def tried(home: Path, program: Path, secrets: list[Path], **environ: str) -> Any:
    """What ``SCRIPT`` says when ``program`` runs it for the user whose home is ``home``."""
    for path in secrets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    paths = [str(ROOT), *(each for each in sys.path if each.endswith("site-packages"))]
    done = subprocess.run(
        [program, "-B", "-c", SCRIPT, *map(str, secrets)],
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(paths)}
        | {"LD_LIBRARY_PATH": str(program.resolve().parent.parent / "lib")}
        | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["local", pytest.param("uv", marks=pytest.mark.slow), "pyenv"])
def test_interpreter_below_the_home_directory(
    tier: Tier, tmp_path: Path, kind: str, *, torture: bool
) -> None:
    """The standard library works; keys, data, state and packages beside it are not there."""
    assert tier
    if kind == "pyenv" and not torture:
        pytest.skip("as uv's, without the links")
    home = (tmp_path / "home").resolve()
    prefix = {
        "local": home / ".local",
        "uv": home / ".local/share/uv/python/cpython-3-linux",
        "pyenv": home / ".pyenv/versions/3",
    }[kind]
    program = copy_interpreter(prefix)
    if kind == "uv":
        (home / ".local/share/uv/python/cpython").symlink_to(prefix)
        (home / ".local/bin").mkdir()
        (home / ".local/bin/python3").symlink_to("../share/uv/python/cpython/bin/" + program.name)
        program = home / ".local/bin/python3"
    tmp_path.chmod(0o755)
    secrets = [
        *(home / ".local/share/speckit-reflex/capsule.key", home / ".local/share/other/token"),
        *(home / ".config/speckit-reflex/stage0.toml", home / ".local/state/app/history"),
        *(home / ".ssh/id_ed25519", home / "notes", prefix / "bin/token", prefix / "secret"),
        *(prefix / "lib/secret", *prefix.glob("lib/python3*/site-packages/credentials.py")),
    ]
    chosen, reason, lost, seen, used = tried(home, program, secrets)
    assert used.startswith(str(prefix))
    assert (chosen != "none", lost) == (True, []), reason
    assert seen == []


def test_user_directories_inside_the_standard_library_are_refused(
    tier: Tier, tmp_path: Path
) -> None:
    """Where showing the interpreter would show the user's data, nothing runs."""
    assert tier
    program = copy_interpreter(tmp_path / ".local")
    data = next((tmp_path / ".local/lib").glob("python3*")) / "data"
    secret = data / "speckit-reflex/capsule.key"
    chosen, reason, *_, seen, _ = tried(tmp_path, program, [secret], XDG_DATA_HOME=str(data))
    assert chosen == "none"
    assert f"would show {secret.parent}" in reason
    assert seen != [str(secret)]


async def test_bait_finds_a_prefix_shown_as_a_whole(
    tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The self-test notices when more than the interpreter is shown."""
    prefix = Path(layout.interpreter()).parent.parent
    if prefix.is_relative_to("/usr"):
        pytest.skip("the system's own interpreter")
    monkeypatch.setattr(layout, "interpreter_paths", lambda: (str(prefix),))
    held = {escape.name: escape.held for escape in await attack(tier)}
    assert held["user_files"] is False
