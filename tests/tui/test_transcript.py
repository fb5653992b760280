"""An attempt as text: what was asked and answered, as far as it is stored."""

from __future__ import annotations

from reflex_tui.model.transcript import transcript
from tests.support.tui.making import REQUEST


def test_prompt_and_reply_are_text() -> None:
    """In order, under the name of who said it."""
    body = {"capture_mode": "full_io", "request": REQUEST, "response": {"text": '{"line": 12}'}}
    assert transcript(body) == [
        ("system", "You repair code. Answer with one JSON edit."),
        ("user", "calc.py line 12 adds where it should subtract. Fix it."),
        ("reply", '{"line": 12}'),
    ]


def test_what_is_not_stored_is_said() -> None:
    """With the setting that decides it."""
    body = {"capture_mode": "prompts_only", "request": REQUEST, "response": "hmac-sha256:00"}
    assert transcript(body)[-1] == ("reply", "not stored: capture_mode is prompts_only")
    hashed = {"capture_mode": "none", "request": "hmac-sha256:00", "response": "hmac-sha256:00"}
    assert transcript(hashed)[0] == ("prompt", "not stored: capture_mode is none")


def test_whatever_a_capsule_says_is_plain() -> None:
    """Control characters, parts, numbers in place of messages: nothing breaks, nothing is run."""
    odd = {"messages": [3, {"role": None, "content": [{"text": "a\x1b[2Jb"}, None]}]}
    body = {"capture_mode": "full_io", "request": odd, "response": None, "error": "timeout"}
    said = transcript(body)
    assert said[0][0] == "?"
    assert "\x1b" not in said[1][1]
    assert said[-1] == ("reply", "✖ timeout: no reply")
