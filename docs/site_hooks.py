"""Brings the pages that lie in the repository's root, where forges look for them, into the site."""
# ruff: noqa: INP001  loaded by MkDocs, no package

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parent.parent
BROUGHT = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "stage0.toml.sample")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the root's pages beside those of ``docs/``."""
    for name in BROUGHT:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links at where the pages lie in the site: all side by side."""
    return re.sub(r"\]\((?:\.\./|docs/)", "](", markdown)
