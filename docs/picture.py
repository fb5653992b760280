"""Records the README's moving picture: ``python docs/picture.py``, some seven minutes.

A real run in a demo's workspace: the real dashboard, router, gate, sandbox and evidence over two
scripted servers, so that it needs no GPU and no key. Calls go to the cloud; a bakeoff fills and
passes; the promotion shows the line it changes; reflex answers; its server is killed, and the cloud
answers at once. Each scene is a screenshot of the dashboard as it then was, and ``story.svg`` shows
one after another. The servers' speeds are what the script below says, not measurements.
"""
# ruff: noqa: INP001  a script beside the pages, no package

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING

from core.demo.workspace import SUITE, configure, make_workspace
from core.harness.report.storage import newest, read, rederive
from core.settings import load_settings
from core.standin.scripted_server import start_scripted
from core.start import python_module
from reflex_tui.app import ReflexApp
from reflex_tui.cli.verdict_lines import about, gate_lines
from reflex_tui.screens.bakeoff_start import BakeoffStart, CostSection
from reflex_tui.screens.promote import PromoteScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from core.engine.process import ServerProcess

STORY = Path(__file__).with_name("story.svg")
SIZE = (112, 36)
ROWS = 6
SCENE_S = 3.4
PATIENCE_S = 600.0
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_RUN = re.compile(
    r'<text(?P<before>[^>]*? )x="(?P<x>[\d.]+)"(?P<between>[^>]*? )textLength="(?P<length>[\d.]+)"'
    r"(?P<after>[^>]*)>(?P<text>[^<]*)</text>"
)
_FELL = re.compile(r"server_unhealthy|not_listening|→ cloud ")
_CAPTION_PX = 58


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture of the story: its sentence, the dashboard's SVG, how long it stands (s)."""

    caption: str
    svg: str
    seconds: float = SCENE_S


class Recorder:
    """Drives the dashboard and keeps what it showed."""

    def __init__(self, app: ReflexApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.scenes: list[Scene] = []

    def shown(self) -> str:
        """Everything on the screen as text."""
        strips = self.app.screen._compositor.render_strips()  # noqa: SLF001  as screenshots do
        return "\n".join(strip.text for strip in strips)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the dashboard work until it holds."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    await self.pilot.pause(0.05)
        except TimeoutError:
            sys.stderr.write(f"not seen in time; the screen shows:\n{self.shown()}\n")
            raise
        await self.pilot.pause(0.3)

    def rows(self, mode: str) -> int:
        """How many calls of ``mode`` alone, none of a bakeoff, the routing log shows answered."""
        return len(re.findall(rf"answered +{mode} +(?!bakeoff| )", self.shown()))

    async def sees(self, text: str) -> None:
        """Wait until ``text`` is on the screen."""
        await self.until(lambda: text in self.shown())

    def keep(self, caption: str, seconds: float = SCENE_S) -> None:
        """Keep the screen as it is."""
        self.app.clear_notifications()
        picture = compact(self.app.export_screenshot(title="Reflex"))
        self.scenes.append(Scene(caption, picture, seconds))
        sys.stderr.write(f"kept: {caption}\n")


def compact(svg: str) -> str:
    """The same picture without blanks at either end of a run of text, which some viewers drop."""

    def shifted(run: re.Match[str]) -> str:
        text = unescape(run["text"])
        inner = text.strip("\xa0")
        if not inner:
            return ""
        cell = float(run["length"]) / len(text)
        x = float(run["x"]) + cell * (len(text) - len(text.lstrip("\xa0")))
        return (
            f'<text{run["before"]}x="{x:.1f}"{run["between"]}textLength="{cell * len(inner):.1f}"'
            f"{run['after']}>{escape(inner)}</text>"
        )

    return _RUN.sub(shifted, svg)


def traffic(config: Path) -> subprocess.Popen[bytes]:
    """The demo's calls of all stages, until the process is killed."""
    return subprocess.Popen(
        [*python_module("core.demo.traffic"), str(config), "48"], stdin=subprocess.PIPE
    )


async def record(config: Path, reflex: ServerProcess, running: ExitStack) -> list[Scene]:
    """Play the story and return its scenes."""
    calls = running.enter_context(traffic(config))
    running.callback(calls.kill)
    app = ReflexApp(load_settings(config))
    app.animation_level = "none"
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        at = Recorder(app, pilot)
        await at.until(lambda: app.dashboard.is_whole)
        await pilot.press("2")
        await at.until(lambda: at.rows("cloud") >= ROWS)
        at.keep("A local model runs, but it has earned nothing yet: the cloud answers every call.")
        calls.kill()
        await pilot.press("3")
        await at.sees("Press n")
        await pilot.press("n")
        await at.until(lambda: isinstance(app.screen, BakeoffStart))
        await at.until(lambda: not app.screen.query_one(CostSection).looking)
        await at.sees("all 68 tasks")
        at.keep("A bakeoff puts the same repair tasks to both. First it says what that will cost.")
        await pilot.press("enter")
        desk = app.dashboard.bakeoff
        for done, words in (
            (9, "Reflex first: each patch is run in a sandbox, with the tests."),
            (30, "It fills: solved or not, how fast, how well the replies comply."),
        ):
            await at.until(
                lambda done=done: desk.pane.live is not None and desk.pane.live.done >= done
            )
            at.keep(words)
        await at.until(lambda: not desk.running)
        await pilot.pause(1)
        print_gate(newest(config.parent / ".speckit" / "eval").path)
        at.keep("It passes as soon as the evidence is enough: latency, parity, compliance.")
        await pilot.press("p")
        await at.until(lambda: isinstance(app.screen, PromoteScreen))
        await at.sees("enabled = true")
        at.keep("Promoting shows the one line of stage0.toml that changes, and who answers then.")
        await pilot.press("enter")
        await at.sees("✓ written")
        await pilot.press("escape")
        calls = running.enter_context(traffic(config))
        running.callback(calls.kill)
        await pilot.press("2")
        await at.until(lambda: at.rows("reflex") >= ROWS)
        at.keep("From the next call on the local model answers Implement; other stages stay.")
        reflex.stop()
        await at.until(lambda: bool(_FELL.search(at.shown())))
        await pilot.pause(2.5)
        at.keep(
            "Its server is killed. The call in flight and all after it go to the cloud at once."
        )
        await pilot.press("1")
        await pilot.pause(1.5)
        at.keep("The health pane says so, and which command starts it again.", SCENE_S + 1)
    return at.scenes


def print_gate(path: Path | None) -> None:
    """What the README quotes of the report."""
    assert path is not None
    report = read(path)
    gate = rederive(report)
    words = [f"✓ {gate.summary}", about(report), "", *gate_lines(gate)]
    sys.stdout.write("\n".join(words) + "\n")


def together(scenes: list[Scene]) -> str:
    """One SVG that shows a scene after another, without end, in any browser and on GitHub."""
    box = _VIEW_BOX.search(scenes[0].svg)
    assert box is not None
    width, height = float(box[1]), float(box[2])
    total = sum(scene.seconds for scene in scenes)
    rules, frames, begin = [], [], 0.0
    for number, scene in enumerate(scenes):
        first, last = 100 * begin / total, 100 * (begin + scene.seconds) / total
        begin += scene.seconds
        before = "" if number == 0 else f"0%,{first - 0.001:.3f}%{{visibility:hidden}}"
        after = "" if number == len(scenes) - 1 else f"{last:.3f}%,100%{{visibility:hidden}}"
        rules.append(
            f"@keyframes scene{number}{{{before}{first:.3f}%,{last - 0.001:.3f}%"
            f"{{visibility:visible}}{after}}}"
            f".scene{number}{{visibility:hidden;"
            f"animation:scene{number} {total:.1f}s step-end infinite}}"
        )
        caption = f"{number + 1}/{len(scenes)}  {escape(scene.caption)}"
        frames.append(
            f'<g class="scene{number}"><text class="caption" x="16" y="36">{caption}</text>'
            f'<svg y="{_CAPTION_PX}" width="{width}" height="{height}">{scene.svg}</svg></g>'
        )
    style = (
        ".caption{font:600 21px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#e6e9ef}"
        "@media (prefers-reduced-motion:reduce){g{animation:none!important}"
        f".scene{len(scenes) - 3}{{visibility:visible!important}}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + _CAPTION_PX}">'
        f"<title>Reflex: from the cloud to a local model that earned it, and back</title>"
        f"<style>{style}{''.join(rules)}</style>"
        f'<rect width="100%" height="100%" rx="10" fill="#14161b"/>{"".join(frames)}</svg>\n'
    )


def main() -> None:
    """Record, and write ``story.svg``."""
    with ExitStack() as running:
        state = running.enter_context(tempfile.TemporaryDirectory())
        os.environ["XDG_STATE_HOME"] = state
        workspace = make_workspace()
        reflex = running.enter_context(
            start_scripted(
                model="qwen2.5-coder-7b",
                ttft_ms=60,
                tokens_per_s=320,
                suite=SUITE,
                success_rate=1.0,
                log=workspace / "reflex.log",
            )
        )
        cloud = running.enter_context(
            start_scripted(
                model="cloud-model",
                ttft_ms=420,
                tokens_per_s=160,
                suite=SUITE,
                success_rate=0.95,
                log=workspace / "cloud.log",
            )
        )
        config = configure(
            workspace,
            engine=reflex.endpoint,
            engine_model=reflex.model,
            cloud=cloud.endpoint,
            cloud_model=cloud.model,
        )
        text = config.read_text(encoding="utf-8").replace("enabled = true", "enabled = false")
        config.write_text(text, encoding="utf-8")
        scenes = asyncio.run(record(config, reflex, running))
    STORY.write_text(together(scenes), encoding="utf-8")


if __name__ == "__main__":
    main()
