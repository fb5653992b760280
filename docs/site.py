"""Lays out the pages for the site, below ``build/site``: ``make site`` builds it from there.

Forges look for some pages in the repository's root; in the site all lie side by side, and links
point at where they lie there.
"""
# ruff: noqa: INP001  a script beside the pages, no package

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAID_OUT = ROOT / "build" / "site"
FROM_ROOT = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "stage0.toml.sample")


def main() -> None:
    """Copy every page and picture, with links as they are in the site."""
    shutil.rmtree(LAID_OUT, ignore_errors=True)
    LAID_OUT.mkdir(parents=True)
    docs = ROOT / "docs"
    for page in [*docs.glob("*.md"), *docs.glob("*.svg"), *(ROOT / name for name in FROM_ROOT)]:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".md":
            text = re.sub(r"\]\((?:\.\./|docs/)", "](", text)
        (LAID_OUT / page.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
