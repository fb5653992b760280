"""The API key is in requests to the cloud alone, the prompt only where the mode allows."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from core.capsule import EventLog
from core.capsule.index import EventFilter, Index
from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.errors import BackendError, CapsuleError, ConfigError, Misconfigured
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Mode
from reflex_tui.cli.main import run
from tests.support.behaviours import MODEL
from tests.support.capsule.filling import index_file
from tests.support.faultserver import FaultServer
from tests.support.hostile.canary import (
    ECHOES,
    FAULTS,
    KEY,
    KEY_PART,
    KEY_VARIABLE,
    MODES,
    PROMPT,
    PROMPT_PART,
    REPLY,
    Turncoat,
    ask,
    files_below,
    scene,
    told_by,
)
from tests.support.hostile.short import FULL

FAULTS_TRIED = FAULTS if FULL else FAULTS[:: len(FAULTS) // 8]
COMMANDS = (
    ["events", "-n", "1000"],
    ["events", "-n", "1000", "--json"],
    ["events", "verify"],
    ["status"],
    ["status", "--json"],
    ["health"],
    ["models"],
    ["enable"],
    ["check"],
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The key is in the environment, and every logger says all it has to say."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setenv("REFLEX_TRUSTED_ENDPOINTS", "")
    for name in ("", "core", "httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)


def turns() -> list[tuple[str, str]]:
    """What reflex and the cloud do, call by call: each behaviour at least once on each."""
    behaviours = [*ECHOES, *FAULTS_TRIED]
    shifted = [*behaviours[7:], *behaviours[:7]]
    unhealthy = [(reflex, cloud) for reflex, cloud in zip(behaviours, shifted, strict=True)]
    # Behind a reflex that fails at once, so that the cloud is asked whatever its turn.
    return [*unhealthy, *zip_longest([], behaviours, fillvalue="closes")]


@pytest.mark.parametrize(
    "mode",
    [pytest.param(one, marks=pytest.mark.slow) if one != "full_io" else one for one in MODES],
)
async def test_key_and_prompt_over_every_fault(
    project: Path,
    mode: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Servers that fail in every way and echo what they were sent leave no trace of it."""
    async with scene(project, mode) as world:
        for reflex, cloud in turns():
            await world.call(reflex, cloud)
        with EventLog(world.settings.state_dir / "capsule") as log, Index(log) as index:
            index.update()
            assert index.count(EventFilter()) == log.head()[0]
            calls = [r.body for r in log.read() if r.event_type == "LLMCall"]
        sent = list(world.sent_to_reflex())
        told = [*world.told, caplog.text]
        shown = [
            await asyncio.to_thread(shown_by, command, project, capsys) for command in COMMANDS
        ]

    files = files_below(project, *homes())
    assert index_file(world.settings.state_dir / "capsule") in files
    for text in (*told, *shown):
        assert KEY_PART not in text, around(text, KEY_PART)
    for content in (*files.values(), *sent):
        assert KEY_PART.encode() not in content
    assert PROMPT_PART not in caplog.text
    holding = {path.name for path, content in files.items() if PROMPT_PART.encode() in content}
    if mode == "none":
        assert not holding
        assert not any(PROMPT_PART in text for text in shown)
    else:
        # Small words about a failure are copied into the index; the log itself is the one place.
        assert holding <= {"events-000001.jsonl", "index.sqlite", "index.sqlite-wal"}
        assert sum(PROMPT in json.dumps(body["request"]) for body in calls) == len(calls)
    answers = sum(REPLY.encode() in content for content in files.values())
    assert (answers > 0) == (mode == "full_io")
    print(f"{mode}: {len(calls)} requests, {len(files)} files, {len(told)} errors and logs")  # noqa: T201


def shown_by(command: list[str], project: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command writes, to either stream."""
    run([*command, "--config", str(project / "stage0.toml")], "code reflex")
    return "".join(capsys.readouterr())


def homes() -> list[Path]:
    """The user's own directories."""
    return [Path(os.environ[f"XDG_{name}_HOME"]) for name in ("CONFIG", "DATA", "STATE")]


def around(text: str, part: str) -> str:
    """Where a hit is, for the failed assertion."""
    at = text.find(part)
    return text[max(0, at - 300) : at + 60]


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}é", f"two {KEY}"])
async def test_a_key_that_cannot_be_sent(
    project: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a line break in it is refused without being shown."""
    async with scene(project, "full_io") as world:
        monkeypatch.setenv(KEY_VARIABLE, key)
        async with Implementer.from_settings(world.settings) as implementer:
            world.reflex.behaviour = "closes"
            ended = await ask(implementer)
    assert isinstance(ended, Misconfigured)
    assert not any(KEY_PART in text for text in told_by(ended))


def test_a_project_that_may_not_have_the_key(project: Path) -> None:
    """A project's file that wants the key sent elsewhere is told no, and not the key."""
    path = project / "stage0.toml"
    path.write_text(
        f'[cloud]\nendpoint = "http://127.0.0.1:9/v1"\napi_key_env = "{KEY_VARIABLE}"\n'
    )
    with pytest.raises(ConfigError) as caught:
        Implementer.from_settings(load_settings(path))
    assert KEY_VARIABLE in str(caught.value)
    assert not any(KEY_PART in text for text in told_by(caught.value))


@pytest.mark.parametrize("behaviour", ["hangs", "reply_hangs", "error_hangs", "hangs_in_head"])
async def test_a_call_that_is_given_up(project: Path, behaviour: str) -> None:
    """The caller's own cancellation carries frames of ours, and none of them holds the key."""
    async with scene(project, "full_io") as world:
        world.reflex.behaviour, world.cloud.behaviour = "closes", behaviour
        call = asyncio.ensure_future(ask(world.implementer))
        await world.cloud_server.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
    assert not any(KEY_PART in text for text in told_by(caught.value))


async def test_a_capsule_that_cannot_be_written(project: Path) -> None:
    """The evidence's own failure tells of the disk alone."""
    async with scene(project, "full_io") as world:
        capsule = world.settings.state_dir / "capsule"
        capsule.rename(capsule.with_name("before"))
        capsule.write_text("in the way")
        ended = await ask(world.implementer)
    assert isinstance(ended, CapsuleError)
    assert not any(KEY_PART in text for text in told_by(ended))


@pytest.mark.parametrize("behaviour", ["error_401", "error_429_header", "status_line", "not_http"])
async def test_through_a_proxy(
    behaviour: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where httpx makes the connection, its frames and its own logs stay as silent."""
    turncoat = Turncoat(behaviour)
    async with FaultServer(turncoat) as proxy:
        for name in set(os.environ) & {"no_proxy", "NO_PROXY"}:
            monkeypatch.delenv(name)
        monkeypatch.setenv("http_proxy", proxy.endpoint.removesuffix("/v1"))
        cloud = Backend("cloud", Mode.CLOUD, "http://cloud.example/v1", MODEL, 500, KEY)
        async with ChatClient(cloud) as client:
            with pytest.raises(BackendError) as caught:
                await client.complete(ChatRequest([{"role": "user", "content": PROMPT}]))
    assert proxy.chats[0].headers["authorization"] == f"Bearer {KEY}"
    for text in (*told_by(caught.value), caplog.text):
        assert KEY_PART not in text, around(text, KEY_PART)


@pytest.mark.slow
async def test_a_bakeoff(project: Path) -> None:
    """Progress and reports repeat what the servers said, and not the key that one was sent."""
    async with scene(project, "full_io") as world:
        prompt_ones = [name for name in ECHOES if "hangs" not in name]
        for turncoat in (world.cloud, world.reflex):
            turncoat.turns = itertools.cycle(prompt_ones)
        command = "bakeoff --tasks c* --attempts 2 --seed 1 --no-early-stop --allow-unsandboxed"
        words = [str(Path(sys.executable).with_name("code")), "reflex", *command.split()]

        def run_it() -> subprocess.CompletedProcess[str]:
            return subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)

        done = await asyncio.to_thread(run_it)
        assert len(world.cloud_server.chats) > 10
    files = files_below(project, *homes())
    reports = [path for path in files if path.name.startswith("reflex-bakeoff-")]
    assert reports, done.stderr
    assert any(b"[api key]" in files[path] for path in reports)
    assert KEY_PART not in done.stdout + done.stderr
    assert not [path for path, content in files.items() if KEY_PART.encode() in content]
