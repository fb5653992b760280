"""The grammar of Markdown replies: as strict as their validator, and sent where it belongs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.backend import Backend, ChatRequest
from core.client.options import Options
from core.errors import BadRequest, EditRejected
from core.patchloop.formats import EditFormat, parse_fenced
from core.patchloop.grammar import fence_for, fence_grammar
from core.patchloop.loop import repair
from core.router.fitting import fitted
from core.stages import Mode
from tests.support.patchloop.loop import GOOD, Answers, Wants42, job

ONE, TWO = ["m.py"], ["m.py", "a/n.py"]
FIELDS = {"grammar", "ebnf", "structured_outputs"}
pieces = st.lists(
    st.sampled_from(["```", "````", "python", "\n", "x = 1", "`", "### m.py", "### a/n.py", " "]),
    max_size=14,
).map("".join)


def as_regex(grammar: str) -> re.Pattern[str]:
    """A grammar without recursion as a regular expression."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines() if line)
    token = re.compile(
        r'"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|([a-z]+)|(\{\d+,\d+\}|[()|?*])| '
    )

    def expand(text: str) -> str:
        def one(found: re.Match[str]) -> str:
            literal, characters, name, operator = found.groups()
            if literal is not None:
                return re.escape(literal.replace('\\"', '"').replace("\\n", "\n"))
            if name:
                return f"(?:{expand(rules[name])})"
            return (characters or operator or "").replace("(", "(?:")

        return token.sub(one, text)

    return re.compile(expand(rules["root"]))


def accepted(reply: str, editable: list[str]) -> bool:
    """What the validator thinks of it."""
    try:
        return bool(parse_fenced(reply, editable))
    except EditRejected:
        return False


@pytest.mark.parametrize("editable", [ONE, TWO])
def test_what_stand_in_and_models_write_is_admitted(editable: list[str]) -> None:
    """Empty lines, single backticks and an empty file are; a word before or after is not."""
    admits = as_regex(fence_grammar(editable, info="python", fence="```")).fullmatch
    head = "### m.py\n" if editable is TWO else ""
    for body in ("x = 1\n\n    y = `2`\n", "", "``\n`a\n"):
        reply = f"{head}```python\n{body}```"
        assert admits(reply)
        assert accepted(reply, editable)
    for bad in (f"Sure:\n{head}```python\nx\n```", f"{head}```python\nx\n```\nDone.", f"{head}x"):
        assert not admits(bad)
        assert not accepted(bad, editable)


@given(pieces, st.sampled_from([ONE, TWO]), st.sampled_from(["```", "````"]))
def test_nothing_is_admitted_that_the_validator_refuses(
    reply: str, editable: list[str], fence: str
) -> None:
    """But for a file given twice."""
    if as_regex(fence_grammar(editable, info="python", fence=fence)).fullmatch(reply):
        twice = any(reply.count(f"### {path}\n") > 1 for path in editable)
        assert accepted(reply, editable) or twice


@given(st.lists(st.sampled_from(["a", "```", "````x", " ```", ""])).map("\n".join))
def test_a_fence_is_longer_than_any_in_the_file(text: str) -> None:
    """So that a reply may quote the file."""
    assert accepted(f"{fence_for([text])}\n{text}\n{fence_for([text])}", ONE)


async def test_the_loop_asks_with_it() -> None:
    """In ``fence`` alone; the prompt has the same fence, also where the file holds one."""
    ask = Answers(f"```python\n{GOOD}```")
    assert (await repair(job(edit_format=EditFormat.FENCE), ask, Wants42())).solved
    (request,) = ask.requests
    assert request.grammar
    assert '"```python"' in request.grammar
    assert request.schema is None

    text = '"""\n```\n"""\n'
    ask = Answers(f"````python\n{text}{GOOD}````")
    changed = job(edit_format=EditFormat.FENCE, files={"answer.py": text})
    assert (await repair(changed, ask, Wants42())).solved
    assert "one ````python block" in ask.requests[0].messages[-1]["content"]
    assert '"````python"' in str(ask.requests[0].grammar)

    ask = Answers("{}")
    await repair(job(attempts=1), ask, Wants42())
    assert ask.requests[0].grammar is None


def test_each_engine_finds_it_under_its_own_name() -> None:
    """A local server is sent it unless ``json_schema`` is off; a cloud never is."""
    request = ChatRequest((), grammar='root ::= "x"')
    local = Backend("reflex", Mode.REFLEX, "http://127.0.0.1:1/v1", "m", 1000)
    cloud = replace(local, name="cloud", mode=Mode.CLOUD)
    sent = Options(local).of(fitted(request, local, json_schema=True))
    assert sent["grammar"] == sent["ebnf"] == sent["structured_outputs"]["grammar"]
    for backend, json_schema in ((local, False), (cloud, True)):
        fit = fitted(request, backend, json_schema=json_schema)
        assert not FIELDS & Options(backend).of(fit).keys()


def test_a_server_that_refuses_a_field_is_not_sent_it_again() -> None:
    """The reply is validated all the same."""
    local = Backend("reflex", Mode.REFLEX, "http://127.0.0.1:1/v1", "m", 1000)
    options, request = Options(local), ChatRequest((), grammar='root ::= "x"')
    refusal = BadRequest("it says: ebnf is not permitted", status=422, own_words="it says")
    assert options.learn(refusal, options.of(request))
    assert FIELDS & options.of(request).keys() == FIELDS - {"ebnf"}
