"""Links between pages lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.docs.pages import PAGES, ROOT, anchors, prose

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
LINKS = [
    (page, target)
    for page in PAGES
    for target in LINK.findall(prose(page))
    if "://" not in target and not target.startswith("mailto:")
]


@pytest.mark.parametrize(
    ("page", "target"), LINKS, ids=[f"{page.name}:{target}" for page, target in LINKS]
)
def test_a_link_leads_to_a_file_and_heading(page: Path, target: str) -> None:
    """Within the repository, and to an anchor that the page has."""
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    assert path.exists()
    assert path.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(path)


def test_the_index_leads_to_every_page() -> None:
    """No page of the documentation is hidden."""
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for page, target in LINKS if page == index}
    assert {page for page in PAGES if page.parent.name == "docs"} - {index} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title(page: Path) -> None:
    """A page whose beginning is lost reads as if it were whole."""
    lines = page.read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if line and not line.startswith("<!--"))
    assert first.startswith("# ")


def test_readme_leads_to_the_index() -> None:
    """It is where a newcomer begins."""
    assert (ROOT / "README.md", "docs/index.md") in LINKS
