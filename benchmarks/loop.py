"""What the patch loop as it ships makes of a small model: solved at which rung, tokens and time.

Serves a model with the embedded engine and puts tasks to it through ``core.patchloop``, with the
tests in the sandbox as a bakeoff runs them. Temperature 0 and long timeouts, so that the machine's
speed changes seconds and never a result. Each trial is one line of ``DIR/trials.jsonl``, written
when it ends; a run that is started again goes on with what is missing, and a changed prompt,
schema, suite or model is another run. At the end: a table, and ``loop.json``, ``loop.md`` in DIR;
with ``--table`` the same of what is done so far. A suite is asked level by level.

    python benchmarks/loop.py MODEL.gguf [--humanevalfix FILE.jsonl] [--suite NAME] [--tasks GLOB]
        [--neighbours CHARACTERS] [--most N] [--formats code,fence] [--attempts N] [--threads N]
        [--candidates K [--apart]] [--at-once N] [--no-drafts] [--out DIR] [--table]

Of HumanEvalFix only the tasks 0, 7, 14, … are asked: prompts are tuned on those. The others are
kept for the day when somebody wants to know whether a gain is real. Its files are one function
long; ``--neighbours`` makes them longer with other tasks' right functions, before and behind.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import sys
import time
import urllib.request
from collections import Counter, deque
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from table import machine

from core.client.backend import Backend
from core.client.chat import ChatClient
from core.engine.local import start_engine
from core.errors import BackendError
from core.fingerprint import PROMPTS, tree_hash
from core.harness.bakeoff.checker import Checks
from core.harness.sandbox import Tier, choose_tier
from core.harness.suites.loading import load_suite
from core.patchloop.formats import EditFormat
from core.patchloop.job import Job
from core.patchloop.loop import repair
from core.router.edit_schemas import edit_schemas_hash
from core.router.evidence import Outcome
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from core.client.backend import ChatRequest
    from core.harness.suites.loading import Suite, Task
    from core.patchloop.loop import Repair

TUNED_EVERY = 7
PATIENCE_MS = 1_800_000
CONTEXT = 8192
SHOWN_CHARACTERS = 8000


@dataclass(frozen=True)
class Question:
    """One trial to make: a task in a format, and what its result depends on."""

    suite: str
    task: Task
    edit_format: EditFormat
    conditions: str

    @property
    def key(self) -> str:
        """The same for the same trial on any day."""
        return f"{self.conditions}:{self.suite}:{self.task.id}:{self.edit_format.value}"


class Asker:
    """Asks the engine, and keeps what it said and counted; cancelled calls count as begun."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self.replies: list[str] = []
        self.begun = 0
        self.prompt_tokens = self.completion_tokens = 0

    async def __call__(self, request: ChatRequest) -> Outcome:
        """As ``core.patchloop.loop.Ask``."""
        since = time.perf_counter()
        self.begun += 1
        try:
            reply = await self._client.complete(request)
        except BackendError as error:
            self.replies.append(getattr(error, "text", "") or error.message)
            return Outcome(1000 * (time.perf_counter() - since), error=error)
        self.replies.append(reply.text)
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        return Outcome(reply.latency_ms, reply=reply)


def questions(given: argparse.Namespace) -> Iterator[Question]:
    """All trials of a run, task by task."""
    conditions = hashlib.sha256()
    for part in (
        f"{given.model.name}:{given.model.stat().st_size}",
        tree_hash(PROMPTS),
        edit_schemas_hash(),
        str(given.attempts),
        *([f"candidates {given.candidates} {given.apart}"] if given.candidates > 1 else []),
    ):
        conditions.update(part.encode())
    for name, tasks in _suites(given):
        for task in tasks:
            for edit_format in given.formats:
                yield Question(name, task, edit_format, conditions.hexdigest()[:16])


def _suites(given: argparse.Namespace) -> Iterator[tuple[str, Sequence[Task]]]:
    if given.humanevalfix:
        tasks = load_suite(given.humanevalfix).tasks
        tuned = [task for task in tasks if int(task.id.removeprefix("python-")) % TUNED_EVERY == 0]
        tuned.sort(key=lambda task: int(task.id.removeprefix("python-")))
        name = "humanevalfix"
        if given.neighbours:
            tuned = [_among(task, tuned, given.neighbours) for task in tuned]
            name = f"humanevalfix+{given.neighbours}"
        yield name, tuned[: given.most]
    if given.suite:
        suite: Suite = load_suite(given.suite).select(given.tasks)
        yield suite.name, sorted(suite.tasks, key=lambda task: task.level)


def _among(task: Task, others: Sequence[Task], characters: int) -> Task:
    """The task with its one file made ``characters`` long, or a little more, by neighbours."""
    (path,) = task.editable
    at = others.index(task)
    texts = [task.workspace[path]]
    for nth, other in enumerate([*others[at + 1 :], *others[:at]]):
        if sum(map(len, texts)) >= characters:
            break
        texts.insert(0 if nth % 2 else len(texts), other.solution[path])
    return replace(task, workspace={**task.workspace, path: "\n\n".join(texts)})


async def run(given: argparse.Namespace) -> int:
    """Make what is missing, and tell what there is."""
    given.out.mkdir(parents=True, exist_ok=True)
    trials = given.out / "trials.jsonl"
    asked = list(questions(given))
    done = _done(trials)
    missing = [one for one in asked if one.key not in done]
    if missing and not given.table:
        chosen = await choose_tier()
        if chosen.tier is Tier.NONE:
            print(f"no sandbox for the model's code: {chosen.reason}", file=sys.stderr)
            return 1
        async with AsyncExitStack() as stack:
            server = await asyncio.to_thread(
                start_engine,
                gguf=given.model,
                n_threads=given.threads,
                n_parallel=given.at_once * given.candidates,
                n_ctx=CONTEXT * given.at_once * given.candidates,
                drafts=given.drafts,
            )
            stack.callback(server.stop)
            backend = Backend("reflex", Mode.REFLEX, server.endpoint, server.model, PATIENCE_MS)
            client = await stack.enter_async_context(ChatClient(backend))
            checks = await stack.enter_async_context(Checks(chosen.sandbox()))
            waiting = deque(missing)

            async def work() -> None:
                while waiting:
                    question = waiting.popleft()
                    row = await _trial(question, client, checks, given, server.endpoint)
                    done[question.key] = row
                    with trials.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
                    print(_line(row), flush=True)

            await asyncio.gather(*(work() for _ in range(given.at_once)))
    rows = [done[one.key] for one in asked if one.key in done]
    summaries = _summaries(rows)
    text = _markdown(summaries, given.model.name) + _candidates(rows)
    told = {"model": given.model.name, "machine": machine(), "summaries": summaries}
    (given.out / "loop.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (given.out / "loop.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


async def _trial(
    question: Question,
    client: ChatClient,
    checks: Checks,
    given: argparse.Namespace,
    endpoint: str,
) -> dict[str, Any]:
    task = question.task
    check, failing = await checks.of(task)
    asker = Asker(client)
    job = Job(
        instruction=task.prompt,
        files=task.workspace,
        editable=task.editable,
        failing=failing,
        edit_format=question.edit_format,
        attempts=given.attempts,
        candidates=given.candidates,
    )
    slots = max(1, given.candidates - 1)

    async def most_replies() -> int:
        return 1 if given.apart else slots

    before = await asyncio.to_thread(_prompts_read, endpoint)
    since = time.perf_counter()
    result = await repair(job, asker, check, most_replies=most_replies)
    seconds = time.perf_counter() - since
    return {
        "key": question.key,
        "suite": question.suite,
        "task": task.id,
        "level": task.level,
        "format": question.edit_format.value,
        "solved": result.solved,
        "seconds": round(seconds, 1),
        "drafts": given.drafts,
        "threads": given.threads,
        "at_once": given.at_once,
        "attempts": _attempts(result, asker.replies if given.candidates == 1 else None),
        "calls": asker.begun,
        "prompt_tokens": asker.prompt_tokens,
        "prompt_tokens_read": await asyncio.to_thread(_prompts_read, endpoint) - before,
        "completion_tokens": asker.completion_tokens,
        "diff": result.diff,
    }


def _prompts_read(endpoint: str) -> int:
    """The prompt tokens that the engine has computed so far, those of cancelled calls too."""
    with urllib.request.urlopen(f"{endpoint.removesuffix('/v1')}/metrics", timeout=600) as answer:
        found = re.search(
            r"^llamacpp:prompt_tokens_total (\d+)", answer.read().decode(), re.MULTILINE
        )
    return int(found[1]) if found else 0


def _attempts(result: Repair, replies: Sequence[str] | None) -> list[dict[str, Any]]:
    """An attempt's row; of several replies there are figures, and no text."""
    rows = []
    for attempt, reply in zip(result.attempts, replies or [""] * len(result.attempts), strict=True):
        row = asdict(attempt)
        wanted = "rung edit_format failure detail compliant"
        counts = "prompt_tokens completion_tokens cached_tokens"
        kept = {name: row[name] for name in (*wanted.split(), *counts.split())}
        for name in ("ttft_ms", "latency_ms"):
            kept[name] = None if row[name] is None else round(row[name])
        several = [asdict(one) for one in attempt.candidates]
        for one in several:
            came = one["latency_ms"] < math.inf
            one["latency_ms"] = round(one["latency_ms"]) if came else None
        told = {"candidates": several} if several else {"reply": reply[:SHOWN_CHARACTERS]}
        rows.append(kept | told)
    return rows


def _done(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return {row["key"]: row for row in rows}


def _candidates(rows: Sequence[Mapping[str, Any]]) -> str:
    """What several replies at once took and gave; nothing where one was asked for at a time."""
    told = [one for row in rows for one in row["attempts"] if "candidates" in one]
    if not told:
        return ""
    replies = [one for attempt in told for one in attempt["candidates"]]
    sums = {
        name: sum(row[name] for row in rows)
        for name in ("calls", "prompt_tokens_read", "completion_tokens", "seconds")
    }
    return (
        f"\n{sum(row['solved'] for row in rows)} of {len(rows)} solved in {len(told)} attempts, "
        f"{sum(one['passed'] for one in replies)} of "
        f"{sum(one['compliant'] is not None for one in replies)} replies that came passed; "
        f"{sums['calls']} requests, prompt tokens read {sums['prompt_tokens_read']}, tokens "
        f"{sums['completion_tokens']} (of calls that were not cancelled), {sums['seconds']:.0f} s\n"
    )


def _line(row: Mapping[str, Any]) -> str:
    attempts = row["attempts"]
    how = " ".join(f"{one['rung']}:{one['failure'] or 'passed'}" for one in attempts)
    state = "solved" if row["solved"] else "failed"
    return f"{row['format']:>8} {row['task']:<28} {state} {row['seconds']:>6.1f} s  {how}"


def _summaries(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, int, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["suite"], row["level"], row["format"]), []).append(row)
    return [
        {"suite": suite, "level": level, "format": edit_format} | _summary(group)
        for (suite, level, edit_format), group in sorted(groups.items())
    ]


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    attempts = [one for row in rows for one in row["attempts"]]
    solved = [row["attempts"][-1]["rung"] for row in rows if row["solved"]]
    failures = [one["failure"] for one in attempts if one["failure"]]
    tokens = sum(one["completion_tokens"] or 0 for one in attempts)
    decoding_ms = sum(one["latency_ms"] - (one["ttft_ms"] or 0) for one in attempts)
    return {
        "tasks": len(rows),
        "solved_first": sum(row["solved"] and len(row["attempts"]) == 1 for row in rows),
        "solved": len(solved),
        "solved_at": {rung: solved.count(rung) for rung in dict.fromkeys(solved)},
        "by_format": _by_format(rows),
        "failures": {kind: failures.count(kind) for kind in sorted(set(failures))},
        "replies": len(attempts),
        "completion_tokens": tokens,
        "tokens_per_reply": round(tokens / len(attempts), 1) if attempts else None,
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "tokens_per_s": round(1000 * tokens / decoding_ms, 1) if decoding_ms else None,
    }


def _by_format(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Tasks solved by a reply in each format, and those asked for one; ``auto`` asks in several.

    Rows of earlier runs do not say, and are not counted.
    """
    asked: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for row in rows:
        names = [one.get("edit_format", "") for one in row["attempts"]]
        asked.update(set(names) - {""})
        if row["solved"]:
            won[names[-1]] += 1
    return {name: [won[name], count] for name, count in sorted(asked.items())}


def _markdown(summaries: Sequence[Mapping[str, Any]], model: str) -> str:
    lines = [
        f"Model: `{model}`, embedded engine, temperature 0, default attempts unless said.",
        "",
        (
            "| suite | level | format | solved at first | solved | at rung | in which format "
            "| replies that failed | tokens a reply | seconds a task | tokens/s |"
        ),
        "| --- | --: | --- | --: | --: | --- | --- | --- | --: | --: | --: |",
    ]
    for one in summaries:
        rungs, kinds = (
            ", ".join(f"{name} {count}" for name, count in one[part].items()) or "–"
            for part in ("solved_at", "failures")
        )
        cells = (
            one["suite"],
            one["level"],
            f"`{one['format']}`",
            one["solved_first"],
            f"{one['solved']} of {one['tasks']}",
            rungs,
            _solved_in(one),
            kinds,
            one["tokens_per_reply"] or "–",
            f"{one['seconds'] / one['tasks']:.0f}",
            one["tokens_per_s"] or "–",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _solved_in(summary: Mapping[str, Any]) -> str:
    """Solved by format, where that says more than the format that was wanted."""
    found = summary["by_format"]
    if not found.keys() - {summary["format"]}:
        return "–"
    return ", ".join(f"`{name}` {won} of {asked}" for name, (won, asked) in found.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("model", type=Path, help="the model file, GGUF")
    parser.add_argument("--humanevalfix", type=Path, help="HumanEvalPack's Python file or folder")
    parser.add_argument(
        "--neighbours",
        type=int,
        default=0,
        metavar="CHARACTERS",
        help="make HumanEvalFix's files this long with right functions of other tasks",
    )
    parser.add_argument("--most", type=int, help="how many of HumanEvalFix's tasks")
    parser.add_argument("--suite", default="", help="a suite of the package, or a path")
    parser.add_argument("--tasks", default="*", help="those of --suite, as a glob")
    parser.add_argument(
        "--formats",
        type=lambda text: [EditFormat(name) for name in text.split(",")],
        default=[EditFormat.CODE, EditFormat.FENCE],
        help="edit formats, with commas; default code,fence",
    )
    parser.add_argument("--attempts", type=int, default=3, help="per trial; default %(default)s")
    parser.add_argument(
        "--candidates", type=int, default=1, help="replies at once; default %(default)s"
    )
    parser.add_argument(
        "--apart", action="store_true", help="a request for each candidate, as where none shares"
    )
    parser.add_argument("--threads", type=int, default=2, help="that compute")
    parser.add_argument(
        "--at-once", type=int, default=1, help="trials in parallel: less for each, more in all"
    )
    parser.add_argument("--no-drafts", dest="drafts", action="store_false", help="token by token")
    parser.add_argument("--table", action="store_true", help="only tell what is done so far")
    parser.add_argument("--out", type=Path, default=Path("build/loop"), help="where results go")
    given = parser.parse_args()
    if not (given.humanevalfix or given.suite):
        parser.error("nothing to ask: give --humanevalfix or --suite")
    return given


if __name__ == "__main__":
    sys.exit(asyncio.run(run(_arguments())))
