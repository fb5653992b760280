"""A recorded request sent again, with evidence of its own and both replies shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.backend import ChatRequest
from core.router.evidence import _as_sent
from core.router.resend import request_of, resend
from core.settings import load_settings
from core.stages import Stage
from tests.support.capsule.calls import llm_call, record
from tests.support.command import reflex
from tests.support.router.world import QUESTION, SCHEMA, world

if TYPE_CHECKING:
    from pathlib import Path


async def replay(project: Path, *arguments: str) -> tuple[int, str, str]:
    """``code reflex replay …`` beside the servers; status, stdout, stderr."""
    done = await asyncio.to_thread(reflex, project, "replay", *arguments)
    return done.returncode, done.stdout, done.stderr


def keep_all(project: Path) -> None:
    """Set the capture mode in the project's file."""
    path = project / "stage0.toml"
    path.write_text(path.read_text().replace("[reflex]", '[reflex]\ncapture_mode = "full_io"'))


async def test_a_live_call_is_sent_again_and_recorded(project: Path) -> None:
    """Both sides with latency and tokens; the new call's events name the old one."""
    async with world(project, promoted=False) as here:
        keep_all(project)
        here.settings = load_settings(project / "stage0.toml")
        async with here.implementer() as implementer:
            answer = await implementer.complete(QUESTION, schema=SCHEMA, max_tokens=64)
        code, out, err = await replay(project, answer.call_id[:12], "--against", "reflex", "--json")
        assert code == 0, err
        document = json.loads(out)
        decision, call = here.events("RoutingDecision", "LLMCall")[-2:]
    assert document["recorded"]["backend"] == "cloud"
    assert document["now"]["backend"] == "reflex"
    assert json.loads(document["now"]["text"])["path"] == "a.py"
    assert document["now"]["latency_ms"] > 0
    assert document["now"]["completion_tokens"] > 0
    assert isinstance(document["same"], bool)
    assert call["call_id"] == decision["call_id"] == document["new_call_id"] != answer.call_id
    assert (decision["origin"], decision["reason"]) == ("replay", "replay")
    assert decision["detail"] == f"of call {answer.call_id}"
    assert call["origin"] == "replay"
    assert call["request"]["messages"] == QUESTION
    assert call["request"]["max_tokens"] == 64


async def test_the_schema_is_fitted_to_who_is_asked_now(project: Path) -> None:
    """To what the grammar of that server takes, whatever the recorded call was sent."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}
    request = request_of({"messages": QUESTION, "schema": schema})
    async with world(project, promoted=False) as here:
        for owner in ("test", "vllm"):
            here.reflex.script = replace(here.reflex.script, owned_by=owner)
            await resend(here.settings, request, "reflex", of="c1", stage=Stage.IMPLEMENT)
        other, vllm = here.events("LLMCall")
    assert other["schema_sent"].startswith("sha256:")
    assert (vllm["schema_sent"], vllm["request"]["schema"]) == (None, schema)


async def test_what_differs_is_shown_line_by_line(project: Path) -> None:
    """A person sees a table and a diff of the JSON, not of its white space."""
    request = {"messages": QUESTION, "schema": SCHEMA}
    async with world(project, promoted=False):
        recorded = {"text": '{"n":77777,"path":"a.py"}'}
        record(project, llm_call("c1", request=request, response=recorded))
        code, out, err = await replay(project, "c1", "--against", "cloud")
    assert code == 0, err
    assert "recorded" in out.splitlines()[0]
    assert "145 ms" in out
    assert '-  "n": 77777' in out
    assert '"path": "a.py"' in out
    assert '-  "path"' not in out


async def test_the_same_reply_is_said_to_be_the_same(project: Path) -> None:
    """Spaces and the order of keys make no difference to data."""
    schema = {
        "type": "object",
        "properties": {"a": {"const": 1}, "b": {"const": 2}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    request = {"messages": QUESTION, "schema": schema}
    async with world(project, promoted=False):
        record(project, llm_call("c1", request=request, response={"text": '{ "b": 2, "a": 1 }'}))
        code, out, _ = await replay(project, "c1", "--against", "reflex")
    assert code == 0
    assert "the replies are the same" in out


async def test_prompts_suffice_to_send_it_again(project: Path) -> None:
    """With prompts_only there is no old reply to show, and that is said."""
    request = {"messages": QUESTION}
    async with world(project, promoted=False):
        record(
            project,
            llm_call("c1", request=request, response="hmac-sha256:1", capture_mode="prompts_only"),
        )
        code, out, err = await replay(project, "c1", "--against", "reflex", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["recorded"]["text"] is None
    assert document["now"]["text"]
    assert document["same"] is None
    assert "prompts_only" in err


async def test_a_sick_backend_is_an_outcome(project: Path) -> None:
    """Status 1, the error beside the old reply, and the failure in the capsule."""
    async with world(project, promoted=False) as here:
        here.faults("status:500")
        record(project, llm_call("c1", request={"messages": QUESTION}))
        code, out, _ = await replay(project, "c1", "--against", "reflex")
        last = here.events("LLMCall")[-1]
    assert code == 1
    assert "server_error" in out
    assert (last["success"], last["error"]) == (False, "server_error")


@pytest.mark.parametrize(
    ("change", "against", "told"),
    [
        ({"capture_mode": "none", "request": "hmac-sha256:1"}, "reflex", "was not recorded"),
        ({"stage": Stage.PLAN}, "reflex", "only implement is a local server's work"),
        ({}, "nobody", "known: reflex, cloud"),
        ({}, "far", "not on this machine"),
    ],
)
async def test_what_may_not_be_asked_is_refused(
    project: Path, change: dict[str, Any], against: str, told: str
) -> None:
    """Before anything is recorded or sent, with what would be allowed."""
    far = '[reflex.backends.far]\nendpoint = "https://far.invalid/v1"\nmodel = "m"\n'
    async with world(project, far, promoted=False) as here:
        record(project, llm_call("c1", **{"request": {"messages": QUESTION}, **change}))
        code, out, err = await replay(project, "c1", "--against", against)
        assert (code, out) == (2, ""), err
        assert told in err
        assert len(here.events()) == 1


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(
    messages=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text()})),
    schema=st.none() | st.just(SCHEMA),
    max_tokens=st.none() | st.integers(1, 9),
    temperature=st.none() | st.floats(0, 2),
    extra=st.dictionaries(st.sampled_from(["tools", "stop", "top_p", "user"]), JSON),
)
def test_a_recorded_request_is_the_request(
    messages: Any,
    schema: Any,
    max_tokens: int | None,
    temperature: float | None,
    extra: dict[str, Any],
) -> None:
    """Nothing is lost between what was asked and what is sent again."""
    request = ChatRequest(
        messages, schema=schema, max_tokens=max_tokens, temperature=temperature, extra=extra
    )
    assert request_of(_as_sent(request)) == request
