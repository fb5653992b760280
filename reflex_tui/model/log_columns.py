"""The routing log's columns, and which fit a width: others give way before the reason is cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

LEAST_WHY = 28
_MILLISECONDS = 100


@dataclass(frozen=True, slots=True)
class Column:
    """A column by name; ``needs`` is its heading, ``wide`` its width from 100 cells on."""

    name: str
    heading: str
    width: int
    does: str
    is_figure: bool = False
    wide: int = 0


# In the order they are drawn; "why" takes what is left.
COLUMNS = (
    Column("time", "TIME", 12, "when the call was first decided", wide=14),
    Column("outcome", "OUTCOME", 18, "answered, or the last attempt's error"),
    Column("stage", "STAGE", 11, "the pipeline's stage"),
    Column("path", "PATH", 20, "who was asked, and how often"),
    Column("why", "WHY", 0, "the reason of the last decision"),
    Column("model", "MODEL", 24, "the model that was asked last"),
    Column("session", "SESSION", 14, "the agent's session, as the gateway knows it"),
    Column("waited", "WAITED", 10, "what the caller waited, retries included", is_figure=True),
    Column("ttft", "TTFT", 9, "the last attempt's time to first token", is_figure=True),
    Column("tokens", "TOKENS", 7, "tokens of the reply", is_figure=True),
    Column("call", "CALL", 6, "how the call's id begins", is_figure=True),
)
BY_NAME = {each.name: each for each in COLUMNS}
ALWAYS = ("time", "path", "why", "waited")
# What a user may leave out, those that give way last first.
OPTIONAL = ("call", "outcome", "ttft", "tokens", "stage", "model", "session")
LEFT_OUT = frozenset({"session"})
# Calls are put in order by names from A on, by all else from the greatest.
RISING = frozenset({"stage", "model"})


@dataclass(frozen=True, slots=True)
class LogColumns:
    """The columns of a width, each with its own width, in cells; ``dropped`` did not fit."""

    columns: tuple[tuple[Column, int], ...]
    dropped: tuple[str, ...] = ()

    def width(self, name: str) -> int:
        """The column's width; 0 where there is none."""
        return next((width for column, width in self.columns if column.name == name), 0)


@lru_cache(64)
def layout(width: int, hidden: frozenset[str] = LEFT_OUT) -> LogColumns:
    """The columns that fit into ``width`` cells, without those hidden."""
    taken = {name: _width(BY_NAME[name], width) for name in ALWAYS}
    room = width - sum(taken.values())
    dropped = []
    for name in OPTIONAL:
        if name in hidden:
            continue
        wanted = _width(BY_NAME[name], width)
        if room - wanted >= LEAST_WHY:
            taken[name] = wanted
            room -= wanted
        else:
            dropped.append(name)
    taken["why"] = max(0, room)
    return LogColumns(
        tuple((column, taken[column.name]) for column in COLUMNS if column.name in taken),
        tuple(dropped),
    )


def _width(column: Column, width: int) -> int:
    return column.wide if column.wide and width >= _MILLISECONDS else column.width
