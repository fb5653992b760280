"""Exported records as a Parquet file, for DuckDB, Polars and pandas (extra ``parquet``).

One row a record, one column a field of any event; a field that is a list or an object is JSON text.
What has no column, or does not fit its column's type, is in ``other``, again as JSON: records come
from other versions too, and nothing of them is lost.
"""

from __future__ import annotations

import types
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from core.capsule import events
from core.errors import ConfigError
from core.extras import how_to_install
from core.figures import finite
from core.plain import is_unicode, plain_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

ROWS_A_GROUP = 20_000
_OF_THE_LOG: dict[str, type] = {
    "seq": int,
    "time": datetime,
    "event_type": str,
    "schema_version": int,
    "prev": str,
    "hash": str,
}


def columns() -> dict[str, type]:
    """Each column's name and type: int, float, bool, str, or datetime in UTC."""
    found = dict(_OF_THE_LOG)
    for event in vars(events).values():
        if isinstance(event, type) and issubclass(event, events.Event):
            for name, field in event.model_fields.items():
                kind = _scalar(field.annotation)
                found[name] = kind if found.get(name, kind) is kind else str
    return {**found, "left_out": str, "other": str}


def write(path: Path, bodies: Iterable[Mapping[str, Any]]) -> int:
    """Write a row for each of ``bodies`` and return how many there were.

    Raises:
        ConfigError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    try:
        import pyarrow  # noqa: ICN001  an extra, and heavy
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            "--parquet needs the package pyarrow, which is not installed",
            remedy=how_to_install("parquet"),
        ) from error
    kinds = columns()
    schema = pyarrow.schema([(name, _arrow(pyarrow, kind)) for name, kind in kinds.items()])
    count, left = 0, iter(bodies)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := [_row(body, kinds) for body in islice(left, ROWS_A_GROUP)]:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _row(body: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """The record by columns; what fits none goes into ``other``."""
    row: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name, value in body.items():
        fitted = _fitted(value, kinds[name]) if name in kinds and name != "other" else None
        if fitted is None and value is not None:
            other[name] = value
        else:
            row[name] = fitted
    return {**row, "other": plain_json(other) if other else None}


def _fitted(value: Any, kind: type) -> Any:
    """``value`` as its column takes it, None when it does not."""
    if kind is str:
        if not isinstance(value, str):
            return plain_json(value)
        return value if is_unicode(value) else None
    if kind is datetime:
        return _moment(value)
    if kind is float:
        return finite(value)
    if kind is int:
        return value if type(value) is int and -(1 << 63) <= value < 1 << 63 else None
    return value if type(value) is kind else None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _scalar(annotation: Any) -> type:
    """The column's type for a field's annotation; text for what is no plain scalar."""
    inner = [each for each in _alternatives(annotation) if each is not type(None)]
    only = inner[0] if len(inner) == 1 else None
    return only if only in {bool, int, float} else str


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in {Union, types.UnionType}:
        yield from get_args(annotation)
    else:
        yield annotation


def _arrow(library: Any, kind: type) -> pa.DataType:
    named = {
        bool: library.bool_(),
        int: library.int64(),
        float: library.float64(),
        datetime: library.timestamp("ms", tz="UTC"),
    }
    return named.get(kind, library.string())
