"""What is drawn cheaply looks as what Textual draws: containers' background, and dimmed text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tui.bench import dashboard

if TYPE_CHECKING:
    import pytest
    from rich.segment import Segment
    from textual.app import App


def drawn(app: App[None]) -> list[Segment]:
    """All that is on the screen."""
    return [each for strip in app.screen._compositor.render_strips() for each in strip]


async def test_containers_have_the_themes_background() -> None:
    """Also after the theme was changed, whatever was drawn before."""
    async with dashboard() as bench:
        other = None
        for theme in ("reflex-dark", "reflex-light"):
            bench.app.theme = theme
            for pane in "123":
                await bench.press(pane)
                grounds = {each.style.bgcolor for each in drawn(bench.app) if each.style}
                named = {ground.get_truecolor().hex for ground in grounds if ground}
                assert bench.app.current_theme.background in named
                assert other not in named
            other = bench.app.current_theme.background


async def test_without_colours_containers_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR: what is left is grey, the background too."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard() as bench:
        for pane in "123":
            await bench.press(pane)
            for each in drawn(bench.app):
                if each.style and each.style.bgcolor:
                    red, green, blue = each.style.bgcolor.get_truecolor()
                    assert red == green == blue


async def test_the_palette_tells_its_dimmed_text_in_colours() -> None:
    """A terminal's own way of dimming is for no theme's background."""
    async with dashboard() as bench:
        await bench.press("ctrl+p")
        await bench.pilot.pause(0.3)
        seen = drawn(bench.app)
        assert any("ause" in each.text or "elp" in each.text for each in seen)
        assert not any(each.style and each.style.dim for each in seen)
