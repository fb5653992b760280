"""978-A1: the reflex patch loop produces valid JSON, schema enforced, without a preamble."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from core.client.backend import ChatRequest
from core.patchloop.formats import EditFormat, schema
from core.patchloop.job import Job
from core.patchloop.prompt import opening
from core.router.implementer import Implementer
from core.stages import Mode
from tests.support.acceptance.workplace import EDIT_SCHEMA, PROMPTS, events, promoted, question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.engine.process import ServerProcess
    from core.standin.scripted_server import ScriptedServer

pytestmark = pytest.mark.engine
FILES = {"calc.py": "def less(a, b):\n    return a + b\n"}


def assert_bare_json(text: str, wanted: Mapping[str, Any]) -> None:
    """The text is one JSON document from its first character to its last, and meets the schema."""
    assert text[0] == "{"
    assert text[-1] == "}"
    assert "```" not in text.partition("{")[0] + text.rpartition("}")[2]
    jsonschema.validate(json.loads(text), wanted)


async def test_replies_are_the_schemas_json_whatever_the_prompt_asks(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """Prompts that beg for Markdown get bare JSON from the local model, and no help from the cloud.

    The recorded text is looked at as well: it is what came from the server, not what was fixed.
    """
    settings = await promoted(project, engine, scripted, 'capture_mode = "full_io"\n')
    async with Implementer.from_settings(settings) as implementer:
        answers = [
            await implementer.complete(
                question(prompt), schema=EDIT_SCHEMA, max_tokens=60, temperature=0
            )
            for prompt in PROMPTS
        ]
    for answer in answers:
        assert answer.mode is Mode.REFLEX
        assert_bare_json(answer.text, EDIT_SCHEMA)
        assert answer.data == json.loads(answer.text)
    calls = events(settings, "LLMCall")
    assert [call["response"]["text"] for call in calls] == [answer.text for answer in answers]
    assert all(call["json_compliant"] for call in calls)
    assert scripted.requests == 0


@pytest.mark.parametrize(
    "edit_format", [EditFormat.WHOLE_FILE, EditFormat.SEARCH_REPLACE, EditFormat.LINE_RANGE]
)
async def test_the_patch_loops_own_question_gets_bare_json(
    engine: ServerProcess, scripted: ScriptedServer, project: Path, edit_format: EditFormat
) -> None:
    """Each edit format's prompt and schema, as the loop sends them, end in bare JSON or in none.

    A model this small may run on until its reply is cut; such a reply is refused, never released.
    """
    job = Job("less() must subtract b from a.", FILES, tuple(FILES))
    wanted = schema(edit_format, job.editable)
    request = ChatRequest(
        opening(job.instruction, job.files, job.editable, edit_format),
        schema=wanted,
        max_tokens=120,
        temperature=0,
    )
    settings = await promoted(
        project,
        engine,
        scripted,
        'capture_mode = "full_io"\n[reflex.fallback]\nmax_failures = 1\n',
    )
    async with Implementer.from_settings(settings) as implementer:
        answer = await (await implementer.call(request)).answer()
    assert_bare_json(answer.text, wanted)
    local = [call for call in events(settings, "LLMCall") if call["mode"] == "reflex"]
    assert local
    for call in local:
        assert call["success"] == (call["error"] is None)
        assert call["error"] in {None, "cut_by_caller"}
        if call["success"]:
            assert_bare_json(call["response"]["text"], wanted)


async def test_prose_without_constraint_is_found_out(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """With ``json_schema = false`` the model writes prose: that is a failure, and is not fixed."""
    settings = await promoted(
        project, engine, scripted, "json_schema = false\n[reflex.fallback]\nmax_failures = 1\n"
    )
    async with Implementer.from_settings(settings) as implementer:
        answer = await implementer.complete(
            question(PROMPTS[1]), schema=EDIT_SCHEMA, max_tokens=40, temperature=0
        )
    first, *_ = events(settings, "LLMCall")
    assert (first["mode"], first["json_compliant"]) == ("reflex", False)
    assert answer.mode is Mode.CLOUD
    assert_bare_json(answer.text, EDIT_SCHEMA)
