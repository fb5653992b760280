"""Latencies as columns of blocks, with failures marked and the limit drawn through."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from textual.content import Content

from reflex_tui.widgets.spark import bars

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FAILED = "×"
_THICKEST = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: values in ms (None: the call failed), up to ``top``, coloured ``style``.

    ``limit`` is drawn as a line where there is more than one row, and columns over it stand out.
    """

    values: Sequence[float | None]
    top: float
    style: str
    limit: float | None = None

    def lines(self, width: int, rows: int) -> list[Content]:
        """``rows`` lines of ``width`` cells, highest first; few values make thicker columns."""
        thick = 1 if rows == 1 else max(1, min(_THICKEST, width // max(1, len(self.values))))
        newest = self.values[-(width // thick) :] if width > 0 else []
        shown = [value for value in newest for _ in range(thick)]
        blank = width - len(shown)
        drawn = bars(shown, self.top, width, rows)
        at = self._limit_row(rows)
        return [
            self._styled(drawn[index], shown, blank, level=rows - 1 - index, ruled=index == at)
            for index in range(rows)
        ]

    def _limit_row(self, rows: int) -> int | None:
        if self.limit is None or rows < 2 or self.limit > self.top:  # noqa: PLR2004
            return None
        return min(rows - 1, rows - max(1, round(self.limit / self.top * rows)))

    def _styled(
        self, drawn: str, shown: Sequence[float | None], blank: int, *, level: int, ruled: bool
    ) -> Content:
        def cells() -> Iterator[tuple[str, str]]:
            for index, cell in enumerate(drawn):
                value = shown[index - blank] if index >= blank else 0.0
                if value is None and level == 0:
                    yield FAILED, "bold $error"
                elif cell != " ":
                    over = self.limit is not None and value is not None and value >= self.limit
                    yield cell, "$warning" if over else self.style
                elif ruled:
                    yield "╌", "$rule"
                elif level == 0:
                    yield "·" if index < blank else " ", "$rule"
                else:
                    yield " ", ""

        runs = groupby(cells(), key=lambda cell: cell[1])
        return Content.assemble(*(("".join(cell for cell, _ in run), style) for style, run in runs))
