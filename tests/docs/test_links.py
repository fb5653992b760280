"""Links between pages lead somewhere."""

from __future__ import annotations

import re

from tests.support.docs.pages import PAGES, ROOT, anchors, prose

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
LINKS = [
    (page, target)
    for page in PAGES
    for target in LINK.findall(prose(page))
    if "://" not in target and not target.startswith("mailto:")
]


def test_links_lead_to_files_and_headings() -> None:
    """Within the repository, and to anchors that their pages have."""
    for page, target in LINKS:
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), (page.name, target)
        assert path.is_relative_to(ROOT), (page.name, target)
        assert not anchor or anchor in anchors(path), (page.name, target)


def test_the_index_leads_to_every_page() -> None:
    """No page of the documentation is hidden."""
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for page, target in LINKS if page == index}
    assert {page for page in PAGES if page.parent.name == "docs"} - {index} <= linked


def test_each_page_begins_with_its_title() -> None:
    """A page whose beginning is lost reads as if it were whole."""
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").splitlines()
        first = next(line for line in lines if line and not line.startswith("<!--"))
        assert first.startswith("# "), page


def test_readme_leads_to_the_index() -> None:
    """It is where a newcomer begins."""
    assert (ROOT / "README.md", "docs/index.md") in LINKS
