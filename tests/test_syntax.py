"""Python source as a syntax tree."""

from __future__ import annotations

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.syntax import NOT_PYTHON, parse


@pytest.mark.slow
def test_threads_that_parse_at_once_do_not_disturb_each_other() -> None:
    """With ``ast.parse`` alone one of these ends in a SystemError on CPython 3.11.7."""
    rows = (f"{'(' * (n % 30)}{n}, [a, b]{')' * (n % 30)},\n" for n in range(400))
    text = f"x = [\n{''.join(rows)}]\n"
    thresholds = gc.get_threshold()

    def let_others_run(*_: object) -> None:
        time.sleep(0.001)

    gc.callbacks.append(let_others_run)
    gc.set_threshold(100)
    try:
        with ThreadPoolExecutor(4) as threads:
            trees = list(threads.map(lambda _: parse(text), range(8)))
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(let_others_run)
    assert len({ast.dump(tree) for tree in trees}) == 1


@pytest.mark.parametrize("text", ["def f(:", "\0", "x = 0b2", "(" * 9999, "-" * 100_000 + "1"])
def test_what_is_no_python_is_told_by_its_errors(text: str) -> None:
    """Broken, binary, or nested without end."""
    with pytest.raises(NOT_PYTHON):
        parse(text)
