"""``code reflex launch``: an agent over a gateway of its own, set up for its process alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from core.agents.launching import Launched, launch
from core.agents.profiles import AGENTS, Access
from core.agents.session_summary import Summary, summarize
from core.capsule import EventLog
from core.errors import ConfigError
from core.stages import Stage
from reflex_tui.cli.launch import summary_lines
from reflex_tui.cli.main import run
from reflex_tui.cli.parser import UsageError, build_parser
from tests.support.router.world import World, world

if TYPE_CHECKING:
    from pathlib import Path

# What each agent's base URL and key are read from, as the agent itself does.
_AGENT = """\
    #!{python}
    import json, os, sys, urllib.request
    found = {{"pid": os.getpid(), "words": sys.argv[1:], "base": os.environ["OPENAI_API_BASE"]}}
    def ask(**headers):
        body = {{"model": "x", "messages": [{{"role": "user", "content": "Hello"}}]}}
        request = urllib.request.Request(
            os.environ["OPENAI_API_BASE"] + "/chat/completions",
            json.dumps(body).encode(),
            {{"content-type": "application/json", **headers}},
        )
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)["model"]
        except urllib.error.HTTPError as error:
            return error.code
    key = "Bearer " + os.environ["OPENAI_API_KEY"]
    found["answers"] = [
        ask(authorization=key), ask(authorization=key, **{{"X-Speckit-Stage": "plan"}}), ask()
    ]
    with open("found.json", "w") as file:
        json.dump(found, file)
    {then}
"""


def installed(project: Path, name: str, then: str = "sys.exit(7)") -> dict[str, str]:
    """A PATH with a program of this agent's name; it asks thrice, and writes what it found."""
    directory = project / "bin"
    directory.mkdir()
    program = directory / AGENTS[name].program
    program.write_text(dedent(_AGENT).format(python=sys.executable, then=then))
    program.chmod(0o755)
    return {**os.environ, "PATH": str(directory)}


async def launched(w: World, project: Path, *words: str, then: str = "sys.exit(7)") -> Launched:
    """How aider ended, which stands for all: they differ by their set-up."""
    environ = installed(project, "aider", then)
    return await launch(w.settings, "aider", words, stage=Stage.IMPLEMENT, environ=environ)


async def test_its_calls_are_routed_and_summed_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Implement by reflex, plan by the cloud; the token is asked for; the status is its own."""
    monkeypatch.chdir(project)
    async with world(project, "price_input_per_million = 2\nprice_output_per_million = 8\n") as w:
        ended = await launched(w, project, "--message", "Fix it.")
        with EventLog(w.settings.state_dir / "capsule") as log:
            summary = summarize(log, ended.runs, w.settings.cloud, after=ended.after)
        found = json.loads((project / "found.json").read_text())
    assert ended.status == 7
    assert found["words"] == ["--message", "Fix it."]
    assert found["answers"] == ["local", w.cloud.script.model, 401]
    assert (summary.local, summary.cloud, summary.failed) == (1, 1, 0)
    assert 0 < summary.local_tokens < summary.tokens
    assert summary.saved_usd
    assert not summary.damage
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(found["base"] + "/models")


async def test_a_reply_that_failed_first_counts_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a fallback that the cloud answered."""
    monkeypatch.chdir(project)
    async with world(project) as w:
        w.faults("status:500")
        ended = await launched(w, project)
        with EventLog(w.settings.state_dir / "capsule") as log:
            summary = summarize(log, ended.runs, w.settings.cloud, after=ended.after)
    assert (summary.local, summary.cloud, summary.fallbacks) == (0, 2, 1)


async def test_what_killed_it_is_passed_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would say it."""
    monkeypatch.chdir(project)
    async with world(project) as w:
        ended = await launched(w, project, then="os.kill(os.getpid(), 9)")
    assert ended.status == 137


async def test_sigterm_reaches_the_agent(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends the launcher ends the agent, which may clean up; then the gateway goes."""
    monkeypatch.chdir(project)
    waits = "os.kill(os.getppid(), 15); import time; time.sleep(60)"
    async with world(project) as w:
        ended = await launched(w, project, then=waits)
    assert ended.status == 143


async def test_a_signal_that_comes_early_reaches_the_agent_as_well(project: Path) -> None:
    """One sent while the agent is being started is not lost."""
    environ = installed(project, "aider", "import time; time.sleep(60)")
    start = asyncio.create_subprocess_exec

    async def ended_before(*words: Any, **options: Any) -> asyncio.subprocess.Process:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)  # its handler runs in the event loop
        return await start(*words, **options)

    async with world(project) as w:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(asyncio, "create_subprocess_exec", ended_before)
            ended = await launch(w.settings, "aider", (), stage=Stage.IMPLEMENT, environ=environ)
    assert ended.status == 143


async def test_a_signal_after_the_agents_end_harms_nobody(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nobody left to pass it on to."""
    monkeypatch.chdir(project)
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    environ = installed(project, "aider", "pass")
    start = asyncio.create_subprocess_exec

    async def ended_at_once(*words: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*words, **options)
        wait = process.wait

        async def waited() -> int:
            status = await wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)  # its handler runs in the event loop
            return status

        process.wait = waited  # type: ignore[method-assign]
        return process

    async with world(project) as w:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(asyncio, "create_subprocess_exec", ended_at_once)
            ended = await launch(w.settings, "aider", (), stage=Stage.IMPLEMENT, environ=environ)
    assert (ended.status, faults) == (0, [])


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ({"HTTPS_PROXY": "http://p"}, "127.0.0.1"),
        ({"http_proxy": "http://p", "NO_PROXY": "a,b", "no_proxy": "b"}, "b,a,127.0.0.1"),
        ({"NO_PROXY": "a"}, None),
    ],
)
async def test_no_proxy_is_asked_for_the_gateway(
    project: Path, given: dict[str, str], listed: str | None
) -> None:
    """It could not reach it, and would be sent the token; other hosts keep their way."""
    program = project / "aider"
    program.write_text('#!/bin/sh\nprintf %s "$no_proxy $NO_PROXY" > seen\n')
    program.chmod(0o755)
    async with world(project) as w:
        with contextlib.chdir(project):
            environ = {"PATH": str(project), **given}
            await launch(w.settings, "aider", (), stage=Stage.IMPLEMENT, environ=environ)
    assert (project / "seen").read_text() == (f"{listed} {listed}" if listed else " a")


def test_evidence_that_cannot_be_read_leaves_the_agents_status(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, as damage is; a script goes by what the agent ended with."""

    async def ended(*_: object, **__: object) -> Launched:
        (project / ".speckit").symlink_to(project)  # no link is followed there
        return Launched(7, (), 0, ())

    monkeypatch.chdir(project)
    monkeypatch.setattr("core.agents.launching.launch", ended)
    assert run(["launch", "aider"], "code reflex") == 7
    assert "evidence damaged" in capsys.readouterr().err


async def test_one_that_is_not_installed_names_how(project: Path) -> None:
    """Before a gateway is begun."""
    async with world(project) as w:
        with pytest.raises(ConfigError, match="Codex is not installed") as caught:
            await launch(
                w.settings, "codex", (), stage=Stage.IMPLEMENT, environ={"PATH": str(project)}
            )
    assert "@openai/codex" in caught.value.remedy


def test_without_a_name_it_lists_what_is_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words and as JSON."""
    monkeypatch.setenv("PATH", installed(project, "pi")["PATH"])
    assert run(["launch"], "code reflex") == 0
    said = capsys.readouterr().out
    assert str(project / "bin" / "pi") in said
    assert "npm i -g @openai/codex" in said
    assert run(["launch", "--json"], "code reflex") == 0
    paths = {each["name"]: each["path"] for each in json.loads(capsys.readouterr().out)["agents"]}
    assert [name for name, path in paths.items() if path] == ["pi"]


def test_an_agent_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names there are."""
    assert run(["launch", "emacs"], "code reflex") == 2
    assert "'claude', 'codex'" in capsys.readouterr().err


@pytest.mark.parametrize("name", AGENTS)
def test_each_is_told_address_and_token(name: str) -> None:
    """By environment, options or a file, and by nothing that outlives the process."""
    setup = AGENTS[name].setup(Access("http://127.0.0.1:9", "secret-token"))
    words = " ".join((*setup.environ.values(), *setup.arguments, setup.file or ""))
    assert "http://127.0.0.1:9" in words
    assert "secret-token" in setup.environ.values() or "secret-token" in words
    assert "secret-token" not in " ".join(setup.arguments)  # which every user of the machine sees
    assert (setup.file is None) == ("{file}" not in setup.arguments)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_their_own_credential_is_left_alone(name: str) -> None:
    """Where it goes through to the cloud."""
    setup = AGENTS[name].setup(Access("http://127.0.0.1:9", None))
    assert not setup.unset
    assert set(setup.environ) <= {"ANTHROPIC_BASE_URL"}


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (Summary(events=1), "reflex: no call came through the gateway"),
        (Summary(local=3, cloud=1), "reflex: 4 calls: 3 stayed local (75 %), 1 by the cloud"),
        (
            Summary(cloud=2, failed=1, fallbacks=1),
            (
                "reflex: 3 calls: 0 stayed local (0 %), 2 by the cloud, "
                "1 of them after reflex had failed, 1 failed"
            ),
        ),
    ],
)
def test_the_summary_is_one_sentence(summary: Summary, said: str) -> None:
    """And says first what a user wants to know."""
    assert summary_lines(summary)[0] == said


def test_damaged_evidence_is_said() -> None:
    """In the last line, where else its check stands."""
    assert "damaged" in summary_lines(Summary(damage="line 3 is not a record"))[-1]


@pytest.mark.parametrize("before", ["", "--stage plan", "--json", "--config other.toml"])
def test_the_agent_s_words_follow_any_option(before: str) -> None:
    """What stands after ``--`` is the agent's, whatever the command itself was given before."""
    argv = ["launch", "pi", *before.split(), "--", "--json", "-p", "hi", "--", "x"]
    given = build_parser("code reflex", argv).parse_args(argv)
    assert given.arguments == ["--json", "-p", "hi", "--", "x"]
    assert given.json == (before == "--json")


def test_words_of_no_agent_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what stands after ``--`` is the agent's, and a command without words takes none."""
    assert run(["launch", "--", "pi"], "code reflex") == 2
    assert "none is named before --" in capsys.readouterr().err
    for argv in (["health", "--json", "--", "x"], ["--json", "health", "x"]):
        with pytest.raises(UsageError, match="takes no argument"):
            build_parser("code reflex", argv).parse_args(argv)
