"""The Markdown pages of the project, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
COMMAND_PAGES = [*PAGES, *sorted(ROOT.glob("integrations/**/*.md"))]
SHELL = frozenset({"sh", "bash", "console"})
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


@dataclass(frozen=True, slots=True)
class Line:
    """A command of a shell block, whole, with its line's number and what is shown below it."""

    block: Block
    number: int
    text: str
    shown: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """``docs/tutorial.md:12``."""
        return f"{self.block.page.relative_to(ROOT)}:{self.number}"


def lines(block: Block) -> list[Line]:
    """The commands of a shell block in their order; none of a block in another language."""
    if block.language not in SHELL:
        return []
    found: list[Line] = []
    is_going_on = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        text = line.strip()
        if is_going_on:
            whole = found[-1].text.removesuffix("\\") + text
            found[-1] = replace(found[-1], text=whole)
        elif block.language != "console":
            if text and not text.startswith("#"):
                found.append(Line(block, number, text))
        elif text.startswith("$ "):
            found.append(Line(block, number, text[2:]))
        elif found:
            found[-1] = replace(found[-1], shown=(*found[-1].shown, text))
        is_going_on = bool(found) and not found[-1].shown and found[-1].text.endswith("\\")
    return found


def commands(block: Block) -> list[str]:
    """The command lines of a shell block; of a console block those after the prompt."""
    text = block.text.replace("\\\n", " ")
    if block.language == "console":
        return re.findall(r"^ *\$ (.+)$", text, re.MULTILINE)
    return text.splitlines() if block.language in {"sh", "bash", "yaml"} else []
