"""Stores orders as JSON."""

import json
from datetime import date, datetime
from decimal import Decimal


def _encode(value):
    if isinstance(value, date):
        return {"$date": f"{value:%Y-%m-%d}"}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(entry):
    if "$date" in entry:
        return date.fromisoformat(entry["$date"])
    if "$time" in entry:
        return datetime.fromisoformat(entry["$time"])
    return entry


def dump_order(order):
    """JSON text of an order: dicts, lists, plain values, dates, times and Decimals."""
    return json.dumps(order, default=_encode)


def load_order(text):
    """The order that ``dump_order`` was given."""
    return json.loads(text, object_hook=_decode)
