"""The Markdown a person reads: verdict first, and nothing of a stranger's becomes markup."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.figures import duration, percent
from core.harness.report.markdown import render
from core.harness.report.neutral import WIDTH, chart, code, fence
from core.patchloop.trial import FailureKind, Trial
from core.plain import plain
from tests.support.report.strategies import clean_texts, trials
from tests.support.report.synthetic import (
    HOSTILE,
    LIMITS,
    arm,
    attempt,
    candidates,
    environment,
    made,
    planted,
    run_settings,
    suite,
    task_ids,
)

# As GitHub: tables, links made of bare addresses, and HTML that is let through.
RENDERER = MarkdownIt("gfm-like", {"html": True})
OURS = frozenset(
    {"h1", "h2", "h3", "p", "code", "pre", "strong", "blockquote", "details", "summary"}
    | {"table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
)


class _Tags(HTMLParser):
    """All tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(RENDERER.render(page))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_verdict_stands_first_and_then_what_limits_it() -> None:
    """One line with the reason, the models, the stamps, the gate's table."""
    page = render(made(planted(64, lost=20), stamps=["scripted"]))
    lines = page.splitlines()
    assert lines[0] == "# ✖ fail: success parity 68.8 % is under 85 %"
    assert "Candidate `qwen2.5-coder-7b-instruct`, baseline `gpt-5-mini`" in lines[2]
    assert lines[4].startswith("> **scripted**: ")
    assert "| ✓ | P95 latency | 159 ms | ≤ 163 ms | < 2.00 s | pass |" in page
    assert "proves at least" in page
    assert "| test | tests fail | 40 | 0 |" in page
    assert "### `cloud` alone: 20" in page
    assert "+HOURS = 24" in page
    assert "`qwen2.5-coder-7b-instruct` at `http://127.0.0.1:3009/v1`, `sglang 0.5.2`" in page


def test_an_inconclusive_verdict_says_what_would_decide_it() -> None:
    """In calls or tasks."""
    page = render(made(planted(20)))
    assert page.startswith("# ◐ inconclusive")
    assert "Needed for a verdict: P95 latency: about 50 more first calls at this rate" in page


def test_what_an_equal_model_would_get_is_said() -> None:
    """With this suite and this cloud; nothing where the cloud is no yardstick."""
    page = render(made(planted(64, cloud_lost=6)))
    said = re.findall(
        r"^With 64 tasks of which this cloud solves 90\.6 %, .* about (\d+)", page, re.MULTILINE
    )
    assert 75 < int(said[0]) < 95
    weaker = render(made(planted(64, cloud_lost=26)))
    (less,) = re.findall(r"in about (\d+) of 100 first runs", weaker)
    assert int(less) < 45
    assert "of 100 first runs" not in render(made(planted(64, cloud_lost=40)))
    points = replace(LIMITS, confidence=0.0)
    assert "of 100 first runs" not in render(made(planted(64), thresholds=points))


def test_each_kind_has_its_parity_and_a_hidden_failure_is_warned_of() -> None:
    """The whole passes, and one kind clearly does not, which is warned of."""
    ids = task_ids(160)
    tags: dict[str, tuple[str, ...]] = {}
    tags |= {task: ("language:go" if at < 12 else "language:py",) for at, task in enumerate(ids)}
    tags[ids[0]] = ("language:go", "<b>odd</b>")
    page = render(made(planted(160, lost=9), suite=suite(ids, tags=tags)))
    assert page.startswith("# ✓ pass")
    assert "> ▲ All tasks together pass, but it clearly fails at `language:go`." in page
    (go,) = [line for line in page.splitlines() if line.startswith("| `language:go` |")]
    assert go.split(" | ")[1:5] == ["12", "3", "12", "25 %"]
    assert go.endswith("| clearly below |")
    (py,) = [line for line in page.splitlines() if line.startswith("| `language:py` |")]
    assert py.split(" | ")[1:5] == ["148", "148", "148", "100 %"]
    assert float(py.split("≥ ")[1].split(" ")[0]) > 90
    assert "clearly below" not in py
    assert "b" not in _Tags(page).tags
    # Where the whole fails there is nothing hidden; without tags there is no such part.
    failed = render(made(planted(160, lost=60), suite=suite(ids, tags=tags)))
    assert "| clearly below |" in failed
    assert "All tasks together pass" not in failed
    assert "By kind" not in render(made(planted(160)))


def test_the_command_runs_the_same_again() -> None:
    """With every option that matters, quoted for a shell."""
    own = suite(["task-000"], root="./my suite", glob="cache-*", tasks=9)
    page = render(made(planted(1), suite=own))
    command = next(line for line in page.splitlines() if line.startswith("code reflex bakeoff"))
    assert "--suite './my suite' --arms reflex,cloud --tasks 'cache-*'" in command
    assert command.endswith("--edit-format auto --concurrency 1 --seed 7")
    assert "one task of 9, one trial each" in page
    unsafe = render(made(planted(1), stamps=["unsandboxed"]))
    assert "--seed 7 --allow-unsandboxed\n" in unsafe


@pytest.mark.parametrize("name", [*HOSTILE, "qwen-7b", "\N{GRINNING FACE}"])
def test_the_configuration_it_needs_is_toml(name: str) -> None:
    """Ready to be pasted: servers, models, deadlines, candidates and thresholds, also odd ones."""
    own = {"reflex": arm("reflex", model=name), "cloud": arm("cloud", backend='v"llm')}
    settings_then = run_settings(candidates=4, json_schema=False)
    page = render(made(planted(1), arms=own, settings=settings_then))
    (block,) = re.findall(r"^(`{3,})toml\n(.*?)^\1$", page, re.MULTILINE | re.DOTALL)
    configuration = tomllib.loads(block[1])
    reflex = configuration["reflex"]
    assert reflex["model"] == plain(name, 256)
    assert (reflex["candidates"], reflex["json_schema"], reflex["timeout_ms"]) == (4, False, 1500)
    assert reflex["thresholds"]["confidence"] == 0.95
    assert reflex["backends"]['v"llm']["endpoint"] == "https://api.openai.com/v1"
    assert "only validated (json_schema = false)" in page


def test_what_the_suite_has_but_nobody_was_asked_is_told() -> None:
    """Tasks of a public suite that cannot be used, each with why; no such part without any."""
    own = suite(["task-000"], left_out=("knapsack: no Python", "<b>x</b>: uses pytest"))
    page = render(made(planted(1), suite=own))
    assert "<summary>2 left out</summary>" in page
    assert "- `knapsack: no Python`" in page
    assert "- `<b>x</b>: uses pytest`" in page
    assert "Left out" not in render(made(planted(1)))


def test_candidates_and_false_alarms_have_their_parts() -> None:
    """When there were several replies at once; when both arms are one model."""
    row = candidates((False, 300), (True, 200), (False, None))
    own = Trial("a", "reflex", 0, (attempt(200, candidates=row),), solved=True)
    page = render(made([own], settings=run_settings(candidates=3)))
    assert "| first attempts solved | 0 | 1 of 1 |" in page
    assert "| `reflex` | first reply alone | any of 3 |" in page
    both = [replace(one, arm=name) for one in planted(20, lost=5) for name in ("cloud", "cloud-b")]
    both = list({(one.task, one.arm): one for one in both}.values())
    arms = {name: arm(name) for name in ("cloud", "cloud-b")}
    assert "shuffled between both arms 2,000 times" in render(made(both, arms=arms, stamps=["aa"]))


def test_a_report_of_nothing_is_still_a_page() -> None:
    """A run that was stopped before its first trial ended."""
    page = render(made([], stamps=["partial"]))
    assert page.startswith("# ◐ inconclusive")
    assert "**partial**" in page
    assert "No attempt failed." in page


def test_more_than_one_format_has_a_table() -> None:
    """What ``auto`` came to, and what was solved so; one alone stands with the settings."""

    def formatted(*names: str) -> str:
        named = [
            replace(one, attempts=(attempt(edit_format=names[at // 2 % len(names)]),))
            for at, one in enumerate(planted(4))
        ]
        return render(made(named))

    page = formatted("code", "function")
    assert "| `code` | 2 of 2 (100 %) | 2 of 2 (100 %) |" in page
    assert "| `function` | 2 of 2 (100 %) | 2 of 2 (100 %) |" in page
    assert "edits `auto` (asked as `code`, `function`)," in page
    page = formatted("code")
    assert "Solved by edit format" not in page
    assert "edits `auto` (asked as `code`)," in page
    assert "edits `auto`," in render(made(planted(4)))
    page = formatted("<i>", "code")
    assert "| `other` | 2 of 2 (100 %) |" in page
    assert "i" not in _Tags(page).tags


@given(st.data())
def test_nothing_from_outside_becomes_markup(data: st.DataObject) -> None:
    """Rendered with HTML let through: no tag but ours, no control character, every table whole."""
    word = st.sampled_from(HOSTILE).map(lambda text: text.encode(errors="replace").decode())
    name = word.map(lambda text: text.strip() or "x")

    def draw() -> str:
        return data.draw(name)

    def record(key: str) -> object:
        hostile = {field: draw() for field in ("model", "endpoint", "label", "server_identity")}
        return arm(key, **hostile)

    keys = data.draw(st.lists(name, min_size=2, max_size=2, unique=True))
    tasks = data.draw(st.lists(name, min_size=1, max_size=3, unique=True))
    bad = attempt(50, FailureKind.TEST, detail=draw(), edit_format=draw()[:20])
    report = made(
        [
            Trial(task, keys[index % 2], 0, (bad, attempt(60)), solved=True, diff=draw())
            for index, task in enumerate(tasks)
        ]
        + [
            Trial(task, keys[1 - index % 2], 0, (bad,), solved=False)
            for index, task in enumerate(tasks)
        ],
        arms={key: record(key) for key in keys},
        suite=suite(
            tasks, name=draw(), version=draw(), hash=draw(), root=draw(), glob=draw()
        ).model_copy(update={"left_out": (draw(), draw())}),
        environment=environment(cpu=draw(), platform=draw(), python=draw()),
        settings=run_settings(edit_format=draw()),
        run_id=draw(),
        prompt_hash=draw(),
        schema_hash=draw(),
        capsule_head=draw(),
        reused_from=draw(),
    )
    page = render(report)
    assert all(line.isprintable() for line in page.splitlines())
    assert _Tags(page).tags <= OURS
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


@given(trials())
def test_any_trials_make_a_page(made_up: list[Trial]) -> None:
    """Whatever was observed, however odd."""
    assert render(made(made_up)).startswith("# ")


@given(st.sampled_from(HOSTILE) | st.text() | st.text("`\\ <a|"))
def test_a_code_span_holds_its_text_alone(text: str) -> None:
    """Whatever it is, it comes out as one ``code`` element, all of it."""
    parsed = _Tags(f"x {code(text)} y")
    assert parsed.tags <= {"p", "code"}
    shown = plain(text, 200).strip().replace("|", "\N{BROKEN BAR}") or "–"
    assert " ".join(parsed.text.split()) == " ".join(f"x {shown} y".split())


@given(clean_texts | st.text("`\n a~"))
def test_a_fence_is_closed_by_us_alone(text: str) -> None:
    """Whatever runs of backticks the text has."""
    parsed = _Tags("\n".join([*fence(text, "diff"), "", "after"]))
    assert parsed.tags == {"pre", "code", "p"}
    assert parsed.text.endswith("after\n")


def test_the_chart_shows_each_arm_and_the_threshold() -> None:
    """One axis for all, an arm's most frequent latency at full height, lost calls beside it."""
    top, reflex, cloud, axis = chart(
        {"reflex": [100, 100, 200, math.inf], "cloud": [8000]}, threshold_ms=2000
    )
    assert top.endswith("threshold 2.00 s ▾")
    assert reflex.index("█") == 14
    assert reflex.endswith("1 got no reply")
    assert cloud.index("█") == 14 + WIDTH - 1
    assert axis.split() == ["100", "ms", "8.00", "s"]
    assert reflex[top.index("▾")] == cloud[top.index("▾")] == " "


@given(st.lists(st.floats(0, 1e12) | st.just(math.inf), max_size=20), st.floats(1e-3, 1e6))
def test_the_chart_takes_any_latencies(latencies: list[float], threshold: float) -> None:
    """Zero, ∞, a single one, or all the same; nothing finite makes no chart."""
    lines = chart({"reflex": latencies}, threshold)
    assert bool(lines) == any(map(math.isfinite, latencies))
    assert all(len(line) <= 14 + WIDTH + 40 for line in lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (100, "100 %"), (99.99, "99.9 %"), (92.24, "92.2 %"), (0, "0 %")],
)
def test_a_share_is_never_rounded_up_to_all(value: float | None, shown: str) -> None:
    """99.99 % compliance is not 100 %."""
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (math.inf, "∞"), (0.5, "0.5 ms"), (61.4, "61 ms"), (1310, "1.31 s")],
)
def test_durations_are_short(value: float | None, shown: str) -> None:
    """In the unit that fits."""
    assert duration(value) == shown
