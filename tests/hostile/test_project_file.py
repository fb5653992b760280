"""A project's file that means harm: refused in a clear line, and nothing leaves the machine."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.hostile.commands import commands
from tests.support.hostile.guarded import Line, guarded
from tests.support.hostile.short import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hostile.guarded import Ended

# Nothing is looked at for these: one makes its own configuration, one takes no file, one writes it.
_ON_THEIR_OWN = {"demo", "trust", "init"}
_MOST_S = 0.1

SYNTAX: dict[str, bytes] = {
    "key of 40 KB": b"a" + b".a" * 20_000 + b" = 1\n",
    "key of 4 KB": b"reflex" + b".a" * 2000 + b" = 1\n",
    "line of 1 MB": b"# " + b"x" * (1 << 20),
    "file of 1 MB": b"# x\n" * (1 << 18),
    "arrays 30,000 deep": b"reflex = " + b"[\n" * 30_000,
    "tables 1,000 deep": b"reflex = " + b"{a=" * 1000 + b"1" + b"}" * 1000,
    "header 2,000 deep": b"[reflex" + b".a" * 2000 + b"]\n",
    "blanks in a string": b'x = """\n' + (b"[" + b" " * 4000 + b"x\n") * 16 + b'"""\n[y]\nz = 1\n',
    "blanks before a key": b"[reflex]\n" + (b" " * 4000 + b"#\n") * 16 + b"bad = 1\n",
    "quotes in a string": b'x = """\n' + (b'"a" . ' * 600 + b"\n") * 16 + b'"""\n[reflex]\nb = 1\n',
    "NUL": b"[reflex]\nmodel = \x00\n",
    "NUL escaped": b'[reflex]\nmodel = "a\\u0000b"\n',
    "byte order mark": b"\xef\xbb\xbf[reflex]\nenabled = maybe\n",
    "UTF-16": "[reflex]\nenabled = true\n".encode("utf-16"),
    "not UTF-8": b"[reflex]\nmodel = '\xff\xfe'\n",
    "half a surrogate": b'[reflex]\nmodel = "\\ud800"\n',
    "carriage returns": b"[reflex]\renabled = true\r",
    "CRLF and a fault": b"[reflex]\r\nenabled = flase\r\n",
    "escapes in a key": b'"\\u001b]52;c;ZXZpbA==\\u0007" = 1\n',
    "escapes in a table": b'[reflex."\\u001b[2J\\n\\u202e"]\nx = 1\n',
    "escapes in a value": b'[reflex]\ncapture_mode = "\\u001b[2J\\n\\u0085\\u202e"\n',
    "markup in a value": b'[reflex]\nendpoint = "[@click=app.quit]x[/]"\n',
    "a number of 4,000 digits": b"[reflex]\ntimeout_ms = " + b"9" * 4000 + b"\n",
    "a hexadecimal number of 4,000 digits": b"[reflex]\ntimeout_ms = 0x" + b"f" * 4000 + b"\n",
    "infinity": b"[reflex.fallback]\nrecovery_s = inf\n",
    "not a number": b"[reflex.thresholds]\np95_latency_ms = nan\n",
    "a date": b"reflex = 1979-05-27\n",
    "a table array": b"[[reflex]]\nenabled = true\n",
    "a key twice": b"[reflex]\nenabled = true\nenabled = false\n",
    "a backend named cloud": b'[reflex.backends.cloud]\nendpoint = "http://[::1]"\nmodel = "m"\n',
    "2,500 backends": b"\n".join(b"[reflex.backends.b%d]" % n for n in range(2500)),
    "an unknown order": b'[reflex.fallback]\norder = ["\\u001b[2J"]\n',
}

ENDPOINTS = (
    "http://evil.example/v1",
    "https://evil.example:443",
    "http://127.0.0.1.evil.example/v1",
    "http://localhost.evil.example/v1",
    "http://127.0.0.1@evil.example/v1",
    "http://127.0.0.1:80@evil.example/v1",
    "http://evil.example#@127.0.0.1/v1",
    "http://evil.example?@127.0.0.1/v1",
    "http://evil.example\\\\@127.0.0.1/v1",
    "http://127.0.0.1\\\\.evil.example/v1",
    "http://127.0.0.1\\t.evil.example/v1",
    "http://127.0.0.1 .evil.example/v1",
    "http://127.0.0.1%2eevil.example/v1",
    "http://2130706433/v1",
    "http://0x7f000001/v1",
    "http://127.1/v1",
    "http://0/v1",
    "http://0.0.0.0/v1",
    "http://[::]/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://[fe80::1%25lo]/v1",
    "http://169.254.169.254/latest",
    "http://10.0.0.1/v1",
    "http://①②⑦.⓪.⓪.①/v1",
    "http://\uff11\uff12\uff17.0.0.1.example/v1",
    "http://loc\u0430lhost/v1",
    "http://127.0.0.1:99999/v1",
    "http://127.0.0.1:0/v1",
    "http://127.0.0.1:-1/v1",
    "http:///v1",
    "http://",
    "http:127.0.0.1",
    "//evil.example/v1",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:25/_HELO",
    "javascript:alert(1)",
    "http://xn--/v1",
    "http://" + "a" * 2000 + ".example/v1",
    "http://" + "a." * 900 + "example/v1",
)


COMMANDS = [
    command for command in commands() if command.takes_config and command.name not in _ON_THEIR_OWN
]


def named(config: str | Path, cwd: Path) -> list[Line]:
    """Every command that goes by a configuration, given this one."""
    return [Line(command.argv("--config", str(config)), cwd) for command in COMMANDS]


def found(cwd: Path, **env: str) -> list[Line]:
    """The same without naming one."""
    return [Line(command.argv(), cwd, env) for command in COMMANDS]


def check_all(cases: dict[str, list[Line]]) -> None:
    """Each case's command lines are refused in a clear line; in the full form, quickly too.

    In the short form each case is tried with a few of the commands, by turns.
    """
    if not FULL:
        cases = {what: lines[n % 5 :: 5] for n, (what, lines) in enumerate(cases.items())}
    warm = found(Path("/"), SPECKIT_CONFIG="/no/such/file")  # each command imports its own
    ended = guarded([*warm, *(line for lines in cases.values() for line in lines)])[len(warm) :]
    whats = [what for what, lines in cases.items() for _ in lines]
    wrong = {
        (what, one.argv[0]): (refused(one), one.err[-600:])
        for what, one in zip(whats, ended, strict=True)
        if refused(one)
    }
    assert not wrong
    slowest, what = max((one.seconds, what) for what, one in zip(whats, ended, strict=True))
    count = f"{len(cases)} cases, {len(ended)} commands"
    print(f"{count}: slowest {1000 * slowest:.0f} ms, {what}")  # noqa: T201
    if FULL:
        assert slowest < _MOST_S


def refused(ended: Ended) -> str:
    """What is wrong with how a command refused a file; empty when nothing is."""
    lines = ended.err.splitlines()
    faults = {
        "its status is not 2": ended.status != 2,
        "there is a traceback": "Traceback" in ended.told,
        "it wrote to standard output": bool(ended.out),
        "it does not say what is wrong first": not ended.err.startswith("error: "),
        "it says too much": len(lines) > 3 or len(ended.err) > 2400,
        "it holds control characters": not all(map(str.isprintable, lines)),
        "it reached out": bool(ended.outward),
    }
    return ", ".join(fault for fault, so in faults.items() if so)


@pytest.mark.slow
def test_broken_files(tmp_path: Path) -> None:
    """Whatever a file holds that is no configuration."""
    cases = {}
    for number, (what, content) in enumerate(SYNTAX.items()):
        path = tmp_path / f"{number}.toml"
        path.write_bytes(content)
        cases[what] = named(path, tmp_path)
    check_all(cases)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))


PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": _fifo,
    "a link to itself": _loop,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to endless zeros": lambda path: path.symlink_to("/dev/zero"),
    "a socket": _socket,
    "a directory": Path.mkdir,
}


@pytest.mark.slow
def test_what_is_no_file(tmp_path: Path) -> None:
    """Pipes, devices, links and directories, named or lying in the project."""
    cases = {}
    for what, make in PLACES.items():
        project = tmp_path / what
        (project / ".git").mkdir(parents=True)
        make(project / "stage0.toml")
        cases[f"{what}, named"] = named("stage0.toml", project)
        cases[f"{what}, found"] = found(project)
    check_all(cases)


PATHS = (
    "/etc/passwd",
    "/dev/zero",
    "/dev/null",
    "/proc/self/mem",
    "/proc/self/environ",
    "/",
    "",
    ".",
    "~nobody/x",
    "~no-such-user/x",
    "missing/\x1b[2J\n.toml",
    "x" * 300,
    "x/" * 3000,
    "\udcff\udcfe",
)


@pytest.mark.slow
def test_paths(project: Path) -> None:
    """A path that is none, is too long, or leads where no configuration is."""
    cases = {f"--config {place!a:.40}": named(place, project) for place in PATHS}
    cases |= {
        f"$SPECKIT_CONFIG {place!a:.40}": found(project, SPECKIT_CONFIG=place)
        for place in PATHS
        if place
    }
    check_all(cases)


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    """Somebody removed it meanwhile."""
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [
        sys.executable,
        "-c",
        "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])",
    ]
    code = Path(sys.executable).with_name("code")
    done = subprocess.run(
        [*command, str(code), "reflex", "status"],
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the working directory")


CONTACTS = ("health", "models", "status", "enable")


def test_endpoints_elsewhere(tmp_path: Path) -> None:
    """Nothing is connected or resolved, however the address is written."""
    cases = {}
    for number, endpoint in enumerate(ENDPOINTS):
        path = tmp_path / f"{number}.toml"
        path.write_text(f'[reflex]\nenabled = true\nendpoint = "{endpoint}"\n', encoding="utf-8")
        cases[endpoint[:40]] = [Line([name, "--config", str(path)], tmp_path) for name in CONTACTS]
    check_all(cases)


CLOUDS = (
    '[cloud]\nendpoint = "http://evil.example/v1"\n',
    '[cloud]\napi_key_env = "CANARY_SECRET"\n',
    '[cloud]\nendpoint = "http://evil.example/v1"\napi_key_env = "CANARY_SECRET"\n',
    '[cloud]\nendpoint = "http://127.0.0.1:9/v1"\napi_key_env = "CANARY_SECRET"\n',
    '[reflex.backends.evil]\nendpoint = "http://evil.example/v1"\nmodel = "m"\n',
)
CALL = """
import asyncio, json, os, sys
from core import Implementer, Stage, load_settings
from core.errors import ReflexError

async def call():
    async with Implementer.from_settings(load_settings()) as implementer:
        await implementer.complete([{"role": "user", "content": "x"}], stage=Stage.PLAN)

reached = []
sys.addaudithook(
    lambda event, args: reached.append(event)
    if event in {"socket.connect", "socket.getaddrinfo"} else None
)
for project in sys.argv[1:]:
    os.chdir(project)
    try:
        asyncio.run(call())
    except ReflexError as error:
        print(error.code, reached)
"""


def test_a_cloud_that_a_project_chose(tmp_path: Path) -> None:
    """No call goes to it, no key leaves the environment, and each command that would says so."""
    projects = [tmp_path / str(number) for number in range(len(CLOUDS))]
    for project, text in zip(projects, CLOUDS, strict=True):
        (project / ".git").mkdir(parents=True)
        (project / "stage0.toml").write_text(text)
    secret = "canary-secret-value"
    done = subprocess.run(
        [sys.executable, "-c", CALL, *projects],
        env={**os.environ, "CANARY_SECRET": secret, "OPENAI_API_KEY": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["untrusted_endpoint []"] * len(projects)
    shown = (["status"], ["status", "--json"], ["bakeoff"])
    env = {"CANARY_SECRET": secret}
    ended = guarded([Line([*argv], project, env) for project in projects for argv in shown])
    assert not any(one.outward for one in ended)
    assert not any(secret in one.told for one in ended)
    assert not any(refused(one) for one in ended if one.argv == ["bakeoff"])


@pytest.mark.skipif(not FULL, reason="REFLEX_TORTURE=1 measures it")
def test_how_soon_a_new_process_refuses(project: Path) -> None:
    """From the shell's point of view, Python's own start included."""
    (project / "stage0.toml").write_text('[reflex]\nendpoint = "http://evil.example/v1"\n')
    code = Path(sys.executable).with_name("code")
    took = []
    for _ in range(20):
        started = time.perf_counter()
        done = subprocess.run(
            [code, "reflex", "health"], cwd=project, capture_output=True, check=False
        )
        took.append(1000 * (time.perf_counter() - started))
        assert done.returncode == 2
    print(f"a new process: median {statistics.median(took):.0f} ms, {min(took):.0f} at best")  # noqa: T201
