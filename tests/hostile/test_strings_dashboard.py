"""What a server, a capsule, a report or a file says is text on every pane, and no more."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from core.settings import load_settings
from reflex_tui.app import ReflexApp
from reflex_tui.screens.dashboard import Dashboard
from tests.support.hostile.forged import bodies, forge
from tests.support.hostile.saying import saying
from tests.support.hostile.short import FULL
from tests.support.hostile.strings import MARK, harm, hostile_strings, hostile_values
from tests.support.report.synthetic import made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from textual.pilot import Pilot

STRINGS = hostile_strings(10_000 if FULL else 40)
_PATIENCE_S = 60
_FEW = 60 if FULL else 5
# What a click on our own parts means, and on Textual's scrollbars.
_OURS = {"tab", "key", "command", "offset", "line", "option", "window", "@mouse.down", "@mouse.up"}
_OURS |= {"chip", "column", "follow"}  # of the routing log


@pytest.fixture(params=["UTC", "America/New_York"] if FULL else ["America/New_York"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """West of Greenwich the year 1 begins in the year 0, which there is not."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@dataclass
class Eye:
    """Looks at what the terminal is given, and notes what should not be there."""

    pilot: Pilot[None]
    looks: int = 0
    seen_mark: bool = False
    wrong: set[str] = field(default_factory=set)

    async def look(self) -> None:
        """Look once, after everything has settled."""
        await self.pilot.pause()
        self.looks += 1
        for strip in self.pilot.app.screen._compositor.render_strips():
            self.seen_mark |= MARK[:14] in strip.text
            if found := harm(strip.text):
                self.wrong.add(f"{found} in {strip.text.strip()[:60]!a}")
            for segment in strip:
                style = segment.style
                if style and (style.link or set(style.meta) - _OURS):
                    self.wrong.add(f"{style.link} {style.meta} of {segment.text!a}")

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait for the watchers."""
        deadline = time.monotonic() + _PATIENCE_S
        while not so():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def press(self, *keys: str) -> None:
        """Press each key, and look after it."""
        for key in keys:
            await self.pilot.press(key)
            await self.look()

    async def command(self, name: str) -> None:
        """Run a slash command, look, and leave what it opened."""
        await self.pilot.press("slash")
        self.pilot.app.screen.query_one("CommandInput", Input).value = f"/speckit.reflex {name}"
        await self.pilot.press("enter")
        await self.look()
        await self.press("end", "escape")


def litter(project: Path, endpoint: str) -> int:
    """A workspace in which nothing means well; returns how many events its capsule has."""
    (project / "stage0.toml").write_text(
        f'[reflex]\nenabled = true\nendpoint = "{endpoint}"\nmodel = "m"\n'
        '[reflex.backends."[@click=app.quit]x[/]"]\n'
        'endpoint = "http://127.0.0.1:9/v1"\nmodel = "[bold red]MARK[/]"\n'
    )
    reports = project / ".speckit" / "eval"
    reports.mkdir(parents=True)
    chance = random.Random(2)
    honest = json.loads(made().model_dump_json())
    for number, words in enumerate(STRINGS[:_FEW]):
        report = json.loads(json.dumps({**honest, "trials": honest["trials"][:2]}))
        report["suite"]["name"] = report["arms"]["reflex"]["model"] = words
        report["stamps"], report["created_at"] = [words, words], words
        report["gate"]["verdict"] = chance.choice(("pass", "fail", words))
        report["gate"]["decides"] = words
        for criterion in report["gate"]["criteria"]:
            criterion |= {"state": chance.choice((words, [], {})), "note": words, "value": words}
        stem = words.replace("/", "_").replace("\0", "")[:40].encode(errors="replace").decode()
        (reports / f"reflex-bakeoff-{number:03}{stem}.json").write_text(json.dumps(report))
    (reports / "reflex-bakeoff-20260112T103016Z.json").write_text("[" * 100_000)
    return forge(project / ".speckit" / "capsule", bodies(hostile_values(STRINGS)))


@pytest.mark.usefixtures("_zone")
async def test_every_pane_and_screen(project: Path) -> None:
    """Every pane, page and detail over a hostile workspace, a page at a time."""
    with saying(STRINGS) as endpoint:
        count = litter(project, endpoint)
        app = ReflexApp(load_settings(cwd=project), theme_file=project / "theme")
        app.animation_level = "none"
        async with app.run_test(size=(150, 45), notifications=True) as pilot:
            eye = Eye(pilot)
            await eye.until(lambda: isinstance(app.screen, Dashboard) and app.screen.is_whole)
            await _look_at_health(eye)
            await _look_at_log(eye, count)
            await _look_at_bakeoff(eye)
            for name in ("models", "status", "check", "help", "no-such [bold]", "events [bold"):
                await eye.command(name)
            await _break_configuration(eye, project)
            assert app.is_running
            assert app.return_code is None
    assert not eye.wrong
    assert eye.seen_mark
    print(f"{count} events, {eye.looks} pictures")  # noqa: T201


async def _look_at_health(eye: Eye) -> None:
    await eye.press("1")
    for _ in range(300 if FULL else 6):
        await eye.press("r")
        await eye.pilot.pause(0.05)
    await eye.press("d", "c", "c")


async def _look_at_log(eye: Eye, count: int) -> None:
    app = eye.pilot.app
    await eye.press("2")
    routing = app.screen.query_one("RoutingPane")
    book = routing.newest  # type: ignore[attr-defined]
    await eye.until(lambda: len(book) > 0)
    pages = count // 30 + 2
    for page in range(pages):
        await eye.press("pageup")
        if not page % 6:
            await eye.press("enter")
            await app.workers.wait_for_complete()
            await eye.press("down", "tab", "end", "c", "escape")
    await eye.press("home", "end")
    for words in STRINGS[-_FEW:]:
        routing.filter_by(words.encode(errors="replace").decode())  # type: ignore[attr-defined]
        await eye.look()
    await eye.press("f", "left_square_bracket", "a", "escape", "escape")


async def _look_at_bakeoff(eye: Eye) -> None:
    app = eye.pilot.app
    await eye.press("3")
    pane = app.screen.query_one("BakeoffPane")
    await eye.until(lambda: bool(pane.reports))  # type: ignore[attr-defined]
    for _ in range(len(pane.reports)):  # type: ignore[attr-defined]
        await eye.press("down")
    for _ in range(_FEW // 3):
        await eye.press("up", "enter")
        await app.workers.wait_for_complete()
        await eye.press("c", "end", "escape")


async def _break_configuration(eye: Eye, project: Path) -> None:
    path = project / "stage0.toml"
    good = path.read_text()
    broken = '"\\u001b[2J[@click=app.quit]" = 1\n[reflex]\nmodel = "\\u202e[bold red]MARK[/]"\n'
    path.write_text(broken)
    dashboard = eye.pilot.app.screen
    await eye.until(lambda: eye.pilot.app.screen is not dashboard)
    await eye.look()
    path.write_text(good + "# again\n")
    os.utime(path)
    await eye.until(lambda: eye.pilot.app.screen is dashboard)
    await eye.look()
