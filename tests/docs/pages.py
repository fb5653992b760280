"""The Markdown pages of the project, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
_FENCE = re.compile(r"^( *)```(\S*)(.*)\n((?s:.*?))^\1```$", re.MULTILINE)
_MARK = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, what else the fence says, its text and first line's number."""

    page: Path
    language: str
    marks: tuple[str, ...]
    text: str
    line: int

    @property
    def place(self) -> str:
        """``docs/tutorial.md:12``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            found[2],
            tuple(found[3].split()),
            found[4],
            text.count("\n", 0, found.start(4)) + 1,
        )
        for found in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What ``#…`` may name on the page, as GitHub makes it from the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {_MARK.sub("", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(block: Block) -> list[str]:
    """The command lines of a shell block; of a console block those after the prompt."""
    text = block.text.replace("\\\n", " ")
    if block.language == "console":
        return re.findall(r"^ *\$ (.+)$", text, re.MULTILINE)
    return text.splitlines() if block.language in {"sh", "bash", "yaml"} else []
