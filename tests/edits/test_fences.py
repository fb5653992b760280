"""Replies in Markdown blocks: as strict as JSON, and what the stand-in writes is accepted."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import EditRejected
from core.patchloop.formats import WholeFile, parse_fenced
from core.standin.answers import fenced_reply

ONE = ["m.py"]
TWO = ["m.py", "n.py"]
lines = st.lists(st.sampled_from(["a = 1", "", "```", "````", "### x", "    b"]), max_size=6)


@pytest.mark.parametrize(
    ("reply", "editable", "files"),
    [
        ("```python\nx\n```", ONE, {"m.py": "x\n"}),
        ("\n```\nx\n\ny\n```\n\n", ONE, {"m.py": "x\n\ny\n"}),
        ("```python\r\nx\r\n```", ONE, {"m.py": "x\n"}),
        ("````\n```\nx\n```\n````", ONE, {"m.py": "```\nx\n```\n"}),
        ("### m.py\n```\nx\n```\n\n### n.py\n```\ny\n```", TWO, {"m.py": "x\n", "n.py": "y\n"}),
        ("# `m.py`:\n```\n```", ONE, {"m.py": ""}),
    ],
)
def test_what_is_read(reply: str, editable: list[str], files: dict[str, str]) -> None:
    """One block a file; a single file needs no heading."""
    assert parse_fenced(reply, editable) == tuple(WholeFile(*each) for each in files.items())


@pytest.mark.parametrize(
    ("reply", "editable", "complaint"),
    [
        ("", ONE, "must be a block"),
        ("Sure:\n```\nx\n```", ONE, "Line 1 of the reply must be a block"),
        ("```\nx\n```\nThat is all.", ONE, "Line 4"),
        ("```\nx\n", ONE, "does not end"),
        ("```\nx\n```\n```\ny\n```", ONE, "given twice"),
        ("```\nx\n```", TWO, "a heading with a file's path"),
        ("### m.py", TWO, "Line 2 of the reply must be a block"),
        ("### m.py\nx", TWO, "Line 2"),
        ("```\nx\0\n```", ONE, "NUL"),
        ("```\n\ud800\n```", ONE, "not a character"),
        ("x" * (1 << 21), ONE, "too long"),
    ],
)
def test_what_is_refused(reply: str, editable: list[str], complaint: str) -> None:
    """Anything besides, in words for the model."""
    with pytest.raises(EditRejected, match=complaint):
        parse_fenced(reply, editable)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else escapes."""
    with contextlib.suppress(EditRejected):
        assert parse_fenced(text, ONE)


@given(lines, st.booleans())
def test_the_stand_ins_blocks_are_exact(content: list[str], several: bool) -> None:  # noqa: FBT001
    """Also where the file itself holds fences and headings."""
    text = "".join(f"{line}\n" for line in content)
    reply = fenced_reply({"m.py": "old"}, {"m.py": text or "x\n"}, headings=several)
    assert parse_fenced(reply, TWO if several else ONE) == (WholeFile("m.py", text or "x\n"),)
