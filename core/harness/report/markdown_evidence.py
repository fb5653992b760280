"""The later pages of a report: what failed, which tasks, how to run it again."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from core.figures import percent
from core.harness.report.derived import solved
from core.harness.report.document import CLOUD, REFLEX
from core.harness.report.neutral import code, details, fence, table
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.report.document import Report
    from core.harness.report.summary import ArmSummary
    from core.patchloop.trial import Trial

_KINDS = {
    FailureKind.TRANSPORT: "no connection, or it broke off",
    FailureKind.REFUSED: "the server refused the request",
    FailureKind.TOO_LONG: "the prompt is longer than the server's context",
    FailureKind.BUSY: "the server's queue was full",
    FailureKind.TIMEOUT: "no reply in time",
    FailureKind.ONLY_REASONING: "the reply held only reasoning, no answer",
    FailureKind.FORMAT: "the reply was not in the format asked for",
    FailureKind.APPLY: "the edit could not be applied",
    FailureKind.COMPILE: "the edited files do not compile",
    FailureKind.UNCHANGED: "the reply was a copy of the files",
    FailureKind.TEST: "tests fail",
    FailureKind.LINT: "lint finds errors",
    FailureKind.SANDBOX: "the sandbox stopped the tests, or the check broke",
}
_MOST_DIFFS = 40
_MOST_DIFF = 8_192


def failures(figures: Mapping[str, ArmSummary]) -> list[str]:
    """Failed attempts by what first went wrong."""
    rows = [
        [kind.value, words, *(str(one.failures.get(kind, 0)) for one in figures.values())]
        for kind, words in _KINDS.items()
        if any(kind in one.failures for one in figures.values())
    ]
    if not rows:
        return ["## Failures", "", "No attempt failed.", ""]
    total = ["", "all attempts", *(f"{one.calls:,}" for one in figures.values())]
    head = ["kind", "what it means", *map(code, figures)]
    return ["## Failures", "", *table(head, [*rows, total], "ll" + "r" * len(figures)), ""]


def formats(figures: Mapping[str, ArmSummary]) -> list[str]:
    """What was solved in which edit format; nothing where all were asked in the same one."""
    names = _formats_asked(figures)
    if len(names) < 2:  # noqa: PLR2004
        return []
    rows = [[code(name), *(_won_in(one, name) for one in figures.values())] for name in names]
    words = (
        "Trials solved by a reply in the format, of those that were asked for one. A trial may be "
        "asked in two formats."
    )
    head = ["format", *map(code, figures)]
    lines = table(head, rows, "l" + "r" * len(figures))
    return ["## Solved by edit format", "", words, "", *lines, ""]


def _formats_asked(figures: Mapping[str, ArmSummary]) -> list[str]:
    return list(dict.fromkeys(name for one in figures.values() for name in one.by_format))


def _won_in(one: ArmSummary, name: str) -> str:
    if name not in one.by_format:
        return "–"
    won, asked = one.by_format[name]
    return f"{won:,} of {asked:,} ({percent(100 * won / asked)})"


def one_arm_only(report: Report, *, diffs: bool = True) -> list[str]:
    """Tasks that one arm of the pair solved at least once and the other never."""
    rows = _by_task(report)
    lines: list[str] = []
    left = _MOST_DIFFS if diffs else 0
    for winner, loser in (report.pair, report.pair[::-1]):
        alone = [
            task
            for task, trials in rows.items()
            if _won(report, trials, winner)
            and not _won(report, trials, loser)
            and _of(trials, loser)
        ]
        if not alone:
            continue
        lines += [f"### {code(winner)} alone: {len(alone)}", "", ", ".join(map(code, alone)), ""]
        solved_by = {task: _won(report, rows[task], winner)[0].diff for task in alone}
        shown = [(task, diff) for task, diff in solved_by.items() if diff][:left]
        left -= len(shown)
        blocks = [
            line
            for task, diff in shown
            for line in (f"{code(task)}:", "", *fence(diff, "diff", _MOST_DIFF), "")
        ]
        lines += details(f"How it solved {_some(len(shown), len(alone))}", blocks) if shown else []
    return ["## Tasks that only one arm solved", "", *lines] if lines else []


def tasks(report: Report) -> list[str]:
    """Every task with how often each arm solved it."""
    rows = []
    for task, trials in _by_task(report).items():
        cells = [
            f"{len(_won(report, trials, name))} of {tried}"
            if (tried := len(_of(trials, name)))
            else "–"
            for name in report.arms
        ]
        rows.append([code(task), str(report.suite.levels.get(task, "–")), *cells])
    head = ["task", "level", *map(code, report.arms)]
    lines = table(head, rows, "lr" + "r" * len(report.arms))
    return ["## Tasks", "", *details(f"All {len(rows)} tasks", lines)]


def left_out(report: Report) -> list[str]:
    """Tasks of a public suite that nobody was asked, each with why."""
    if not report.suite.left_out:
        return []
    words = "The suite has these as well, but they cannot be used here, so no arm was asked."
    lines = [f"- {code(one, 400)}" for one in report.suite.left_out]
    return ["## Left out", "", words, "", *details(f"{len(lines)} left out", lines)]


def reproduce(report: Report) -> list[str]:
    """The command that runs the same again, and the configuration it needs."""
    words = ["code", "reflex", "bakeoff", *_arguments(report)]
    line = " ".join(shlex.quote(plain(word, 500)) for word in words)
    return [
        "## Run it again",
        "",
        *fence(line, "sh"),
        "",
        "With the same servers (see below) and this in `stage0.toml`:",
        "",
        *fence(_configuration(report), "toml"),
        "",
    ]


def fingerprint(report: Report, figures: Mapping[str, ArmSummary]) -> list[str]:
    """What the verdict is about: it lapses when any of this changes."""
    limits, settings, where = report.thresholds, report.settings, report.environment
    rows = [
        ["suite", f"{code(report.suite.name)} {code(report.suite.version)}"],
        ["suite hash", code(report.suite.hash)],
        ["prompt hash", code(report.prompt_hash)],
        ["reply schema hash", code(report.schema_hash)],
    ]
    for name, arm in report.arms.items():
        server = f"{code(arm.model)} at {code(arm.endpoint)}, {code(arm.server_identity)}"
        rows.append([f"arm {code(name)}", f"{server}, {arm.timeout_ms / 1000:g} s"])
    judged = (
        f"P95 < {limits.p95_latency_ms / 1000:g} s, parity ≥ {limits.success_parity_percent:g} %, "
        f"compliance ≥ {limits.json_schema_compliance_percent:g} %, "
        f"confidence {limits.confidence:g}"
    )
    run = (
        f"attempts {settings.attempts}, trials {settings.trials}, "
        f"candidates {settings.candidates}, edits {code(settings.edit_format)}"
        f"{_resolved(report, figures)}, "
        f"{settings.concurrency} trials in parallel, seed {settings.seed}"
        + (f", shard {settings.shard}" if settings.shard else "")
        + ("" if settings.json_schema else ", replies only validated (json_schema = false)")
    )
    rows += [
        ["thresholds", judged],
        ["run", run],
        ["sandbox", f"{code(report.sandbox.tier)}, {report.sandbox.escapes_held} attacks blocked"],
        ["machine", f"{code(where.cpu)}, {where.cpus} processors, {where.memory_mb:,} MiB"],
        ["system", f"{code(where.platform)}, Python {code(where.python)}"],
        ["speckit-reflex", code(where.reflex_version)],
        [
            "started, finished",
            f"{report.created_at:%Y-%m-%d %H:%M:%S}, {report.finished_at:%H:%M:%S} UTC",
        ],
        ["run id", code(report.run_id)],
        ["capsule head", code(report.capsule_head)],
    ]
    if report.reused_from:
        rows.append(["cloud trials from", code(report.reused_from)])
    return ["## Fingerprint", "", *table(["", ""], rows, "ll"), ""]


def _resolved(report: Report, figures: Mapping[str, ArmSummary]) -> str:
    """What ``auto`` came to."""
    names = _formats_asked(figures)
    if not names or names == [report.settings.edit_format]:
        return ""
    return f" (asked as {', '.join(map(code, names))})"


def _some(number: int, whole: int) -> str:
    return "them" if number == whole else f"{number} of them"


def _configuration(report: Report) -> str:
    """The lines of ``stage0.toml`` that a verdict depends on."""
    limits = report.thresholds
    tables: dict[str, dict[str, object]] = {}
    for arm in report.arms.values():
        tables[_table_name(arm.backend)] = {
            "endpoint": plain(arm.endpoint, 500),
            "model": plain(arm.model, 256),
            "timeout_ms": round(arm.timeout_ms),
        }
    if REFLEX in tables:
        own = {"candidates": report.settings.candidates, "json_schema": report.settings.json_schema}
        tables[REFLEX] |= own
    tables["reflex.thresholds"] = {
        "p95_latency_ms": limits.p95_latency_ms,
        "success_parity_percent": limits.success_parity_percent,
        "json_schema_compliance_percent": limits.json_schema_compliance_percent,
        "confidence": limits.confidence,
    }
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in rows.items())])
        for name, rows in tables.items()
    )


def _table_name(backend: str) -> str:
    if backend in {REFLEX, CLOUD}:
        return backend
    return f"reflex.backends.{_toml(plain(backend, 80))}"


def _toml(value: object) -> str:
    """A printable text, a number or a truth value, which JSON writes as TOML does."""
    return json.dumps(value, ensure_ascii=False)


def _arguments(report: Report) -> list[str]:
    settings = report.settings
    words = ["--suite", report.suite.root or report.suite.name]
    words += ["--aa"] if "aa" in report.stamps else ["--arms", ",".join(report.arms)]
    if report.suite.glob != "*":
        words += ["--tasks", report.suite.glob]
    words += [
        *("--trials", str(settings.trials)),
        *("--attempts", str(settings.attempts)),
        *("--candidates", str(settings.candidates)),
        *("--edit-format", settings.edit_format),
        *("--concurrency", str(settings.concurrency)),
        *("--seed", str(settings.seed)),
    ]
    words += ["--allow-unsandboxed"] if "unsandboxed" in report.stamps else []
    return [*words, "--shard", settings.shard] if settings.shard else words


def _by_task(report: Report) -> dict[str, list[Trial]]:
    rows: dict[str, list[Trial]] = {task: [] for task in report.suite.selected}
    for one in report.trials:
        rows[one.task].append(one)
    return rows


def _of(trials: Sequence[Trial], arm: str) -> list[Trial]:
    return [one for one in trials if one.arm == arm]


def _won(report: Report, trials: Sequence[Trial], arm: str) -> list[Trial]:
    return [one for one in _of(trials, arm) if solved(report, one)]
