"""What a reader would have, or have done, before a command: reports, shards, a collector, Dask."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.docs.play.running import Shell, Unlike, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.play.ground import Ground

_DATED = r"(?:\.speckit/eval/)?reflex-bakeoff-\d+T\d+Z\.json"
_SLOW_MS = 1000
_EARLIER = ("main.json", "reflex-baseline.json")


def prepare(ground: Ground, command: str) -> str:
    """Make what the command wants; returns it with the reader's own names filled in."""
    if re.match(r"code reflex implement '", command):
        ground.set_scene(command)
    if re.match(r"code reflex check", command) or re.search(_DATED, command):
        _report(ground)
    for name in _EARLIER:
        if name in command:
            shutil.copy(ground.root / ground.newest_report(), ground.root / name)
    if attested := re.search(r"--attestation (\S+)", command):
        (ground.root / attested[1]).write_text(_done(ground, "code reflex report attest"))
    if "--resume" in command:
        _stopped(ground)
    if " merge " in command:
        _shards(ground)
    ground.let_serve(local=not re.match(r"code reflex (engine|demo)\b", command))
    return _filled_in(ground, command)


def _filled_in(ground: Ground, command: str) -> str:
    if re.search(_DATED, command):
        command = re.sub(_DATED, str(ground.newest_report()), command)
    if re.search(r"\b(replay|outcome) (CALL_ID|3f2a)\b", command):
        command = re.sub(r"CALL_ID|3f2a", ground.newest_call()[:12], command)
    return command.replace("sha256:…", ground.head()) if "sha256:…" in command else command


def _done(ground: Ground, command: str) -> str:
    """Run what the reader has run before; what it wrote."""
    ended = within(command, ground.root)
    if ended.status:
        raise Unlike(f"before it, {command} ended with {ended.status}:\n{ended.output}")
    return ended.output


def _report(ground: Ground) -> None:
    """Of the default suite, and the newest there is."""
    if not ground.ends_with_a_report():
        _done(ground, "code reflex bakeoff")


def _stopped(ground: Ground) -> None:
    """A run of the default suite that Ctrl-C ended after its first trial."""
    assert ground.local
    quick = ground.local.script
    ground.local.script = replace(quick, ttft_ms=_SLOW_MS)  # so that it is not over before
    shell = Shell("code reflex bakeoff", ground.root, on_terminal=False)
    shell.wait_for(r"\n *1/\d+ ")
    ended = shell.stop()
    ground.local.script = quick
    if ended.status != 130:
        raise Unlike(f"the run to be resumed ended with {ended.status}:\n{ended.output}")


def _shards(ground: Ground) -> None:
    """The shards that other machines have run."""
    directory = ground.root / "shards"
    made = [json.loads(path.read_text())["settings"] for path in directory.glob("*.json")]
    seed = made[0]["seed"] if made else 7
    parts = int(made[0]["shard"].partition("/")[2]) if made else 2
    for part in range(1, parts + 1):
        if f"{part}/{parts}" not in {one["shard"] for one in made}:
            line = f"code reflex bakeoff --shard {part}/{parts} --seed {seed} --out shards"
            _done(ground, line)
    for number, path in enumerate(sorted(directory.glob("*.json")), 1):
        shutil.copy(path, ground.root / f"shard-{number}.json")


@contextmanager
def collector(port: int = 4318) -> Iterator[None]:
    """An OTLP/HTTP collector that takes everything; nothing but its status is looked at."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Taking) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def is_open(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
