"""Without a configuration: the lines to paste, and where they go."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.router.condition import Cause
from core.settings import Settings, Source
from core.settings.read import load_settings, parse
from reflex_tui.model.first_config import example, first_config
from reflex_tui.model.slash import parse as slash
from reflex_tui.watch.announcements import CommandWanted, ConfigBroken, ViewSeen
from tests.support.tui.bench import dashboard
from tests.support.tui.making import routing_view, settings, unhealthy

ROOT = Path("/home/ada/src/acme/api")


def unconfigured() -> Settings:
    """The built-in defaults of a repository without a file."""
    return replace(settings(), source=Source(None, ROOT, trusted=True))


def test_the_example_is_a_configuration() -> None:
    """What is offered to be pasted can be used as it is."""
    document, _ = parse("\n".join(example()), "stage0.toml")
    assert document.reflex.endpoint == "http://127.0.0.1:8000/v1"


def test_what_a_server_calls_its_model_is_written_so_that_it_can_be_read() -> None:
    """A name with quotes and backslashes, from outside, makes no other key."""
    for odd in ('a"\nenabled = true\n\\', "🦙-7b", "模型"):
        lines = example("http://127.0.0.1:9/v1", odd)
        assert set(tomllib.loads("\n".join(lines))["reflex"]) == {"endpoint", "model"}


@pytest.mark.parametrize(
    "size",
    [
        (80, 24),
        pytest.param((120, 48), marks=pytest.mark.slow),
        pytest.param((160, 48), marks=pytest.mark.slow),
    ],
)
async def test_where_nothing_is_configured_the_lines_and_their_place_are_shown(
    size: tuple[int, int],
) -> None:
    """Beside the commands that start a server; ``c`` copies them after those."""
    seen = replace(routing_view(unhealthy()), settings=unconfigured())
    async with dashboard(size=size) as bench:
        await bench.tell(ViewSeen(seen))
        shown = bench.shown()
        assert str(ROOT / "stage0.toml") in shown
        assert all(each in shown for each in example())
        assert "c: copy command 1 of 4 (again: next)" in shown
        await bench.press("c", "c", "c", "c")
        assert bench.app.clipboard == "\n".join(example())
        assert "Copied the lines, 4 of 4" in bench.told()


def test_what_the_server_serves_is_what_to_write() -> None:
    """It answers and serves another model: its own id is in the lines."""
    missing = replace(unhealthy(Cause.MODEL_MISSING), models=("served-model",))
    seen = replace(routing_view(missing), settings=unconfigured())
    assert 'model = "served-model"' in first_config(seen)
    assert f'endpoint = "{missing.endpoint}"' in first_config(seen)
    assert not first_config(routing_view(missing))
    assert not first_config(replace(routing_view(), settings=unconfigured()))


@pytest.mark.slow
async def test_status_and_help_name_the_place() -> None:
    """Also where all is well."""
    async with dashboard(unconfigured()) as bench:
        for page in ("status", "help"):
            await bench.tell(CommandWanted(slash(page)))
            if page == "help":
                await bench.press("end")  # a page longer than the screen scrolls
                await bench.pilot.pause()
            sheet = [line.split("│")[1] for line in bench.shown().splitlines() if "│" in line]
            words = " ".join(" ".join(sheet).split())
            assert f"yours would be {ROOT / 'stage0.toml'}" in words


async def test_a_broken_file_gets_a_good_one_beside_it(tmp_path: Path) -> None:
    """What is wrong, what the table takes, and lines that can be copied."""
    file = tmp_path / "stage0.toml"
    file.write_text("[reflex]\nenabeld = true\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert "[reflex] takes: enabled, endpoint, model" in caught.value.remedy
    async with dashboard() as bench:
        await bench.tell(ConfigBroken(caught.value))
        await bench.pilot.pause()
        assert "[reflex] takes: enabled" in bench.shown()
        assert all(each in bench.shown() for each in example())
        assert "Copy the lines" in bench.offered()
        await bench.press("c")
        assert bench.app.clipboard == "\n".join(example())
