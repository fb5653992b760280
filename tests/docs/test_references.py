"""The reference pages are what the code makes them."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

import pytest

from core import errors
from core.capsule import events
from core.router.lapses import LAPSES, MARKS
from core.settings.model import Document
from core.stages import Reason
from reflex_tui.cli.completion import outline
from reflex_tui.cli.parser import build_parser
from tests.support.docs.pages import ROOT

if TYPE_CHECKING:
    from types import ModuleType


def _generator() -> ModuleType:
    spec = spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE: dict[str, str] = _generator().pages()


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_up_to_date(name: str) -> None:
    """When this fails: ``make docs``."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == MADE[name], "run: make docs"


def test_every_key_is_on_its_page() -> None:
    """Each field of each table, by name and with its default."""
    text = MADE["configuration.md"]
    document = Document().model_dump()
    for table in (document["reflex"], document["cloud"], document["reflex"]["fallback"]):
        for key, value in table.items():
            if not isinstance(value, dict):
                assert f"| `{key}` |" in text
    assert "| `timeout_ms` | whole number, ≥ 1, ≤ 600000 | `1500` |" in text
    assert "| `p95_latency_ms` | number, > 0, ≤ 600000 | `2000` |" in text


def test_every_command_is_on_its_page() -> None:
    """With each of its options."""
    text = MADE["cli.md"]
    for command in outline(build_parser("code reflex")).walk()[1:]:
        _, heading, rest = text.partition(f"# `code reflex {command.name}`\n")
        assert heading
        section = rest.partition("\n## ")[0]
        for one in command.options:
            if one.flags[-1] not in {"--help", "--json", "--config"}:
                assert f"`{', '.join(one.flags)}" in section


def test_every_event_is_on_its_page() -> None:
    """With each field that it is written with."""
    text = MADE["events.md"]
    for model in events.Event.__subclasses__():
        if model.__module__ == events.__name__:
            _, heading, rest = text.partition(f"\n## {model.event_type}\n")
            assert heading
            section = rest.partition("\n## ")[0]
            assert all(f"| `{field}` |" in section for field in model.model_fields)


def test_every_reason_detail_mark_and_error_is_on_its_page() -> None:
    """Whoever looks up a word that an event or a message used finds it."""
    text = MADE["troubleshooting.md"]
    unseen = {Reason.HEALTHY_AND_THRESHOLDS_MET, Reason.BAKEOFF, Reason.SHADOW, Reason.REPLAY}
    codes = {
        each.code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.ReflexError)
    } - {"error"}
    for name in (*(set(Reason) - unseen), *LAPSES, *MARKS, *codes):
        assert f"\n| `{name}` | " in text


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_manual_page_can_be_set() -> None:
    """Without a warning, and with every command in it."""
    set_page = subprocess.run(
        ["groff", "-k", "-ww", "-man", "-Tutf8", "-P-cbou"],
        input=MADE["speckit-reflex.1"].encode(),
        capture_output=True,
        check=True,
    )
    assert not set_page.stderr
    text = set_page.stdout.decode()
    for command in outline(build_parser("code reflex")).walk()[1:]:
        assert f"\n   {command.name}\n" in text
