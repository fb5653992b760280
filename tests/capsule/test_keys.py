"""The user's key, and seals that only it can make."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import GateDecisionEvent
from core.capsule.keys import keyed_hash, seal, seal_holds, user_key
from core.errors import CapsuleError, NoHome
from tests.support.capsule.making import QuickDisk

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))


def gate(**fields: Any) -> GateDecisionEvent:
    """An unsealed GateDecision."""
    values: dict[str, Any] = {
        "run_id": "r",
        "verdict": "pass",
        "backend": "reflex",
        "endpoint": "http://127.0.0.1:1/v1",
        "model": "m",
        "server_identity": "llamacpp 1",
        "suite": "s",
        "suite_hash": "sha256:0",
        "prompt_hash": "sha256:1",
        "thresholds": {"p95_latency_ms": 2000, "confidence": 0.95},
        "metrics": {
            "p95_latency": {
                "value": 1e22,
                "bound": None,
                "threshold": 2000,
                "note": "é \u2028",
                "verdict": "pass",
            }
        },
        "seal": "",
    }
    known = {
        name: value for name, value in values.items() if name in GateDecisionEvent.model_fields
    }
    return GateDecisionEvent.model_validate(known | fields)


def sealed(event: GateDecisionEvent, workspace: Path, key: bytes = KEY) -> GateDecisionEvent:
    """The event with its seal."""
    return event.model_copy(update={"seal": seal(event.body(), workspace, key)})


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """32 bytes in a file 0600 in a directory 0700, the same ever after."""
    before = os.umask(0)
    try:
        key = user_key(directory=tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert len(key) == 32
    assert key == user_key(directory=tmp_path / "a" / "b")
    assert key != user_key(directory=tmp_path / "other")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert modes == {0o700, 0o600}


def test_by_default_it_lies_with_the_users_data(tmp_path: Path, monkeypatch: Any) -> None:
    """The user's own data directory, outside every project."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    key = user_key()
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [key]


def test_processes_that_come_first_together_agree(tmp_path: Path) -> None:
    """Of twelve processes at once one makes the key, and all have the same."""
    script = """
import os, sys
from pathlib import Path
from core.capsule.keys import user_key
children = []
start, go = os.pipe()
for _ in range(12):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(start, 1)
        os.write(1, user_key(directory=Path(sys.argv[1])).hex().encode() + b"\\n")
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "k")],
        check=True,
        capture_output=True,
        text=True,
    )
    keys = done.stdout.split()
    assert (len(keys), len(set(keys))) == (12, 1)


def test_a_key_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Damaged, a link, or in an impossible place: a typed error with what to do."""
    user_key(directory=tmp_path / "damaged")
    (path,) = (tmp_path / "damaged").iterdir()
    path.write_bytes(b"short")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / path.name).symlink_to(path)
    (tmp_path / "file").write_text("")
    kinds = {"damaged": CapsuleError, "link": CapsuleError, "file": NoHome}
    for place, kind in kinds.items():
        with pytest.raises(kind) as caught:
            user_key(directory=tmp_path / place)
        assert caught.value.remedy
    path.unlink()
    assert len(user_key(directory=tmp_path / "damaged")) == 32


def test_another_users_key_is_refused(tmp_path: Path) -> None:
    """A key that somebody else put there proves nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    user_key(directory=tmp_path)
    (path,) = tmp_path.iterdir()
    os.chown(path, 12345, 12345)
    with pytest.raises(CapsuleError, match="another user"):
        user_key(directory=tmp_path)


def test_keyed_hashes_compare_values_not_their_order() -> None:
    """Equal JSON has one hash, by this key only; text that is no Unicode has one too."""
    one = keyed_hash(KEY, {"a": 1, "b": [True, "\ud800"]})
    assert one == keyed_hash(KEY, {"b": [True, "\ud800"], "a": 1})
    assert one.startswith("hmac-sha256:")
    assert len(one) == len("hmac-sha256:") + 64
    assert one != keyed_hash(KEY, {"a": 1, "b": [True, "?"]})
    assert one != keyed_hash(bytes(32), {"a": 1, "b": [True, "\ud800"]})


def test_without_a_home_there_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says so, and makes no directory called ~ where one happens to be."""
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoHome, match="no home directory"):
        user_key()
    assert list(tmp_path.iterdir()) == []


def test_a_seal_survives_the_log(tmp_path: Path) -> None:
    """Sealed, appended and read again, it holds; it is not a keyed hash of the same."""
    event = sealed(gate(), tmp_path)
    with EventLog(tmp_path / "capsule", disk=QuickDisk()) as log:
        log.append(event)
        record = log.last("GateDecision", where=lambda body: seal_holds(body, tmp_path, KEY))
    assert record is not None
    assert record.body["seal"] == event.seal
    assert event.seal != keyed_hash(KEY, [{}, str(tmp_path)])


def test_a_seal_holds_for_nothing_else(tmp_path: Path) -> None:
    """Another field, another workspace, another key, none at all: not believed."""
    body = sealed(gate(), tmp_path).body()
    assert seal_holds(body, tmp_path, KEY)
    (tmp_path / "sub").mkdir()
    assert seal_holds(body, tmp_path / "sub" / "..", KEY)
    assert not seal_holds(body, tmp_path / "sub", KEY)
    assert not seal_holds(body, tmp_path, bytes(32))
    for name in set(body) - {"seal"}:
        assert not seal_holds({**body, name: "planted"}, tmp_path, KEY)
        assert not seal_holds({k: v for k, v in body.items() if k != name}, tmp_path, KEY)
    assert not seal_holds({**body, "extra": 1}, tmp_path, KEY)
    for planted in ("", None, 7, "\ud800", "hmac-sha256:" + "0" * 64):
        assert not seal_holds({**body, "seal": planted}, tmp_path, KEY)


def test_what_cannot_be_hashed_is_told_and_not_believed(tmp_path: Path) -> None:
    """A value that is nested without end has no hash, and a body that holds it no seal."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CapsuleError, match="cannot be hashed"):
        keyed_hash(KEY, deep)
    with pytest.raises(CapsuleError, match="cannot be hashed"):
        keyed_hash(KEY, object())
    assert not seal_holds({"seal": "hmac-sha256:0", "deep": deep}, tmp_path, KEY)
