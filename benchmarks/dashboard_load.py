"""What the dashboard is measured over: a capsule of any size, and a process that appends to it.

The capsule's lines are whole records (hash, chain, segments); only the syncs are left out.
``python benchmarks/dashboard_load.py CAPSULE SECONDS`` appends 1,000 events a second, durably.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import LLMCallEvent, RoutingDecisionEvent
from core.capsule.record import GENESIS, complete_line
from core.clock import rfc3339
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

CLOSED_PORT = 9  # nothing listens at "discard"
SEGMENT_BYTES = 64 << 20
ENDPOINT = "http://127.0.0.1:3009/v1"
_POLICY = "sha256:" + "ab" * 32
_KEYED = "hmac-sha256:" + "0f" * 32
_COMMON = '"role":"Implementer","mode":"%s","model":"%s","stage":"implement","backend":"%s"'
_LOCAL, _REMOTE = "qwen2.5-coder-7b-instruct", "gpt-5-mini"
_GATE = '"thresholds_not_met","detail":"no_bakeoff"'


def events(count: int, seed: int = 0) -> Iterator[bytes]:
    """``count`` events' fields, a decision and then its call; a tenth goes to the cloud."""
    chance = random.Random(seed)
    for number in range((count + 1) // 2):
        call_id = f"{(number * 2654435761) % (1 << 32):08x}{number:024x}"
        cloud = chance.random() < 0.1
        mode, model = ("cloud", _REMOTE) if cloud else ("reflex", _LOCAL)
        common = _COMMON % (mode, model, mode)
        reason = _GATE if cloud else '"healthy_and_thresholds_met","detail":null'
        shared = (
            f'"endpoint":"{ENDPOINT}","call_id":"{call_id}","origin":"live","run_id":"run-1",'
            f'"policy_hash":"{_POLICY}"'
        )
        yield (
            f'{{"event_type":"RoutingDecision",{common},"reason":{reason},"latency_ms":0.4,'
            f'"is_fallback":false,"failure_count":0,{shared}'
        ).encode()
        if 2 * number + 1 == count:
            return
        total = round(chance.lognormvariate(6.0, 0.4) * (3 if cloud else 1), 1)
        good = chance.random() > 0.01
        told = (
            f'"ttft_ms":{total * 0.15:.1f},"success":true,"json_compliant":true,"error":null,'
            '"completion_tokens":34'
            if good
            else '"ttft_ms":null,"success":false,"json_compliant":null,"error":"timeout",'
            '"completion_tokens":null'
        )
        yield (
            f'{{"event_type":"LLMCall",{common},"request":"{_KEYED}","response":"{_KEYED}",'
            f'"latency_ms":{total},"fallback_reason":null,{told},"finish_reason":"stop",'
            f'"prompt_tokens":812,"cached_tokens":790,"attempt":1,"capture_mode":"none",{shared}'
        ).encode()


def make(directory: Path, count: int, *, end: datetime | None = None, hours: float = 24.0) -> None:
    """Write ``count`` events over the ``hours`` that end at ``end`` (now) into ``directory``."""
    directory.mkdir(parents=True, mode=0o700)
    start = (end or datetime.now(UTC)) - timedelta(hours=hours)
    step = timedelta(hours=hours) / count
    prev, segment, written = GENESIS, 1, 0
    file = _segment(directory, segment)
    for seq, fields in enumerate(events(count), 1):
        if written >= SEGMENT_BYTES:
            file.close()
            segment, written = segment + 1, 0
            file = _segment(directory, segment)
        line, prev = complete_line(fields, seq, rfc3339(start + seq * step), prev)
        written += file.write(line)
    file.close()


def _segment(directory: Path, number: int) -> BinaryIO:
    path = directory / f"events-{number:06d}.jsonl"
    path.touch(mode=0o600)
    return path.open("wb")


def make_workspace(root: Path, count: int) -> None:
    """A project whose server is down, with that many events."""
    (root / "stage0.toml").write_text(
        f'[reflex]\nenabled = true\nendpoint = "http://127.0.0.1:{CLOSED_PORT}/v1"\n',
        encoding="utf-8",
    )
    (root / ".speckit").mkdir(mode=0o700)
    make(root / ".speckit" / "capsule", count)


def flood(workspace: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Another process that appends 1,000 events a second."""
    capsule = workspace / ".speckit" / "capsule"
    return subprocess.Popen([sys.executable, __file__, str(capsule), str(seconds)])


async def _append(capsule: Path, seconds: float, a_second: int = 1000) -> None:
    """Decisions and calls, fifty at a time, each durable."""
    end = time.monotonic() + seconds
    number = 0
    step_s = 50 / a_second
    due = time.monotonic()
    with EventLog(capsule) as log:
        while time.monotonic() < end:
            pairs = [f"{number + each:032x}" for each in range(25)]
            number += 25
            await asyncio.gather(*(log.append_async(_decision(each)) for each in pairs))
            await asyncio.gather(*(log.append_async(_call(each)) for each in pairs))
            due += step_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def _decision(call_id: str) -> RoutingDecisionEvent:
    return RoutingDecisionEvent(
        run_id="run-2",
        policy_hash=_POLICY,
        mode=Mode.REFLEX,
        reason="healthy_and_thresholds_met",
        latency_ms=0.4,
        stage=Stage.IMPLEMENT,
        backend="reflex",
        endpoint=ENDPOINT,
        model=_LOCAL,
        failure_count=0,
        call_id=call_id,
    )


def _call(call_id: str) -> LLMCallEvent:
    return LLMCallEvent(
        run_id="run-2",
        policy_hash=_POLICY,
        mode=Mode.REFLEX,
        model=_LOCAL,
        request=_KEYED,
        response=_KEYED,
        latency_ms=410.0,
        ttft_ms=61.0,
        success=True,
        attempt=1,
        stage=Stage.IMPLEMENT,
        backend="reflex",
        endpoint=ENDPOINT,
        call_id=call_id,
        capture_mode="none",
    )


if __name__ == "__main__":
    asyncio.run(_append(Path(sys.argv[1]), float(sys.argv[2])))
