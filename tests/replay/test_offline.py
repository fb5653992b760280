"""A call recorded in full_io comes back byte for byte, with the network denied."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.capsule import EventLog
from core.capsule.replay import find_call, kept_reply
from core.errors import CapsuleCorrupt, NotReplayable
from tests.support.capsule.calls import TEXT, llm_call, record
from tests.support.capsule.making import decision
from tests.support.command import reflex

if TYPE_CHECKING:
    from pathlib import Path

# Refuses whatever could reach another machine, and says so at the end if anything tried.
DENIED = """
import sys
tried = []
def deny(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        tried.append(event)
        raise PermissionError("the network is denied: " + event)
sys.addaudithook(deny)
{before}
from reflex_tui.cli.main import run
status = run({argv!r}, "code reflex")
loaded = sorted(m for m in ("httpx", "h11", "requests") if m in sys.modules)
sys.stdout.flush()
sys.exit(repr((tried, loaded)) if tried or loaded else status)
"""


def denied(project: Path, *argv: str, before: str = "") -> subprocess.CompletedProcess[bytes]:
    """``code reflex …`` in a process whose every socket operation fails."""
    script = DENIED.format(argv=list(argv), before=before)
    return subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, check=False
    )


def replayed(project: Path, *argv: str) -> subprocess.CompletedProcess[bytes]:
    """``code reflex …`` within this process."""
    done = reflex(project, *argv)
    streams = done.stdout.encode(), done.stderr.encode()
    return subprocess.CompletedProcess(argv, done.returncode, *streams)


def test_the_reply_comes_back_to_the_byte_with_the_network_denied(project: Path) -> None:
    """Control characters, CRLF and blanks included; nothing tried to connect or resolve."""
    record(project, decision("c1"), llm_call("c1"))
    done = denied(project, "replay", "c1")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == TEXT.encode()
    assert "call c1" in done.stderr.decode()


def test_the_denial_denies(project: Path) -> None:
    """The hook above would catch a connection: the test can fail."""
    record(project, llm_call("c1"))
    before = (
        "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\n"
        "except PermissionError: pass"
    )
    done = denied(project, "replay", "c1", before=before)
    assert done.returncode == 1
    assert b"socket.getaddrinfo" in done.stderr


def test_as_json_it_is_one_document_with_all_events(project: Path) -> None:
    """The text in JSON is the same text."""
    record(project, decision("c1"), llm_call("c1"))
    done = denied(project, "replay", "c1", "--json")
    assert done.returncode == 0, done.stderr.decode()
    document = json.loads(done.stdout)
    assert document["text"] == TEXT
    assert document["attempt"]["latency_ms"] == 145.0
    assert [body["event_type"] for body in document["decisions"]] == ["RoutingDecision"]


def test_a_failed_call_fails_again(project: Path) -> None:
    """What the server said is shown, why it did not count is said, and the status is 1."""
    failed = llm_call(
        "c1", success=False, error="not_compliant", error_message="no JSON", finish_reason=None
    )
    record(project, failed)
    done = replayed(project, "replay", "c1")
    assert done.returncode == 1
    assert done.stdout == TEXT.encode()
    assert b"no JSON" in done.stderr


def test_the_attempt_that_ended_the_call_is_given(project: Path) -> None:
    """A fallback's reply, not the failed attempt before it."""
    first = llm_call("c1", success=False, error="timeout", response=None)
    record(project, first, llm_call("c1", attempt=2, response={"text": "good"}))
    assert replayed(project, "replay", "c1").stdout == b"good"


def test_tool_calls_are_given_as_json(project: Path) -> None:
    """A reply without text is no empty one."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    record(project, llm_call("c1", response={"text": "", "tool_calls": [call]}))
    assert json.loads(denied(project, "replay", "c1").stdout) == [call]


@pytest.mark.parametrize(
    ("mode", "request_", "kept"),
    [
        ("none", "hmac-sha256:00", "keyed hashes of request and reply"),
        ("prompts_only", {"messages": []}, "the request and a keyed hash of the reply"),
    ],
)
def test_what_was_not_kept_is_said(project: Path, mode: str, request_: Any, kept: str) -> None:
    """Which mode it was, what it kept, and the line that keeps more."""
    record(project, llm_call("c1", capture_mode=mode, request=request_, response="hmac-sha256:11"))
    done = replayed(project, "replay", "c1")
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode()
    assert f"capture mode {mode} kept {kept}" in said
    assert 'capture_mode = "full_io"' in said


def test_a_prefix_must_be_of_one_call(project: Path) -> None:
    """Abbreviated ids work while they are unique; a whole id is never ambiguous."""
    directory = record(project, llm_call("ab1"), llm_call("ab12"), llm_call("c"))
    with EventLog(directory) as log:
        assert find_call(log, "c").call_id == "c"
        assert find_call(log, "ab12").call_id == "ab12"
        assert find_call(log, "ab1").call_id == "ab1"
        with pytest.raises(NotReplayable, match="2 calls begin with 'ab': ab1, ab12"):
            find_call(log, "ab")
        with pytest.raises(NotReplayable, match="no call"):
            find_call(log, "x")


def test_an_id_inside_a_prompt_is_no_call(project: Path) -> None:
    """Text and extra fields of a request that look like an id lead nowhere."""
    request = {"messages": [{"role": "user", "content": '"call_id":"zz"'}], "call_id": "zz"}
    directory = record(project, llm_call("c1", request=request))
    with EventLog(directory) as log, pytest.raises(NotReplayable, match="no call"):
        find_call(log, "zz")


def test_a_decision_alone_has_no_known_outcome(project: Path) -> None:
    """What was never recorded is not made up."""
    record(project, decision("c1"))
    done = replayed(project, "replay", "c1")
    assert done.returncode == 2
    assert b"how it ended was not recorded" in done.stderr


def test_a_changed_reply_is_refused(project: Path) -> None:
    """Evidence that was tampered with is not replayed."""
    directory = record(project, llm_call("c1", response={"text": "good"}))
    segment = next(directory.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"good"', b'"evil"'))
    with EventLog(directory) as log, pytest.raises(CapsuleCorrupt, match="hash"):
        find_call(log, "c1")


@given(text=st.text(), call_id=st.text(min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_any_id(
    tmp_path_factory: pytest.TempPathFactory, text: str, call_id: str
) -> None:
    """Whatever Unicode a reply or an id holds, it is found and is the same."""
    directory = record(tmp_path_factory.mktemp("p"), llm_call(call_id, response={"text": text}))
    with EventLog(directory) as log:
        reply = kept_reply(find_call(log, call_id).last)
    assert reply is not None
    assert reply.text == text
