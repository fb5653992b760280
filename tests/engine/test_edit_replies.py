"""The stand-in's edits do what they should, in every form the patch loop asks for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client.schema import parse as parse_reply
from core.harness.suites.loading import load_suite
from core.patchloop.applying import apply
from core.patchloop.attempt import same_program
from core.patchloop.auto import resolve
from core.patchloop.formats import EditFormat, parse, schema
from core.standin.answers import (
    Question,
    SolvedTask,
    SuiteAnswerer,
    edit_reply,
    suite_answerer,
)
from core.standin.sample import UnsampleableError

# Functions have a test of their own: they cannot say every change.
FORMATS = [
    one for one in EditFormat if one not in {EditFormat.AUTO, EditFormat.FENCE, EditFormat.FUNCTION}
]
LINES = st.lists(st.sampled_from(["a", "b", "b", "", "  c"]), min_size=1, max_size=8)
FILES = st.tuples(LINES, LINES).filter(lambda pair: pair[0] != pair[1])


@pytest.mark.parametrize("edit_format", FORMATS)
@given(FILES)
def test_the_edit_makes_the_new_file(
    edit_format: EditFormat, files: tuple[list[str], list[str]]
) -> None:
    """Valid by the schema, accepted by the applier, and exact, also where lines repeat."""
    before, after = ("".join(f"{line}\n" for line in lines) for lines in files)
    form = schema(edit_format, ["a.py"])
    data = parse_reply(edit_reply(form, {"a.py": before}, {"a.py": after}), form)
    applied = apply({"a.py": before}, parse(edit_format, data), ["a.py"])
    assert applied.files == {"a.py": after}


def test_files_that_stay_are_left_out() -> None:
    """Only what changes is named."""
    files = {"a.py": "1\n", "b.py": "2\n"}
    reply = edit_reply(schema(EditFormat.WHOLE_FILE, list(files)), files, {**files, "b.py": "3\n"})
    assert [edit["path"] for edit in json.loads(reply)["edits"]] == ["b.py"]


@pytest.mark.parametrize(
    "form", [{}, {"properties": {"edits": {"items": {"properties": {"x": 1}}}}}]
)
def test_another_schema_is_refused(form: dict[str, object]) -> None:
    """It cannot be answered by an edit."""
    with pytest.raises(UnsampleableError):
        edit_reply(form, {"a": "1"}, {"a": "2"})


@pytest.mark.parametrize("edit_format", FORMATS)
@pytest.mark.parametrize("success_rate", [0.0, 1.0])
def test_a_suite_is_answered_from_its_solutions(
    edit_format: EditFormat, success_rate: float
) -> None:
    """A good answer is the reference, a failing one a valid edit that is not."""
    suite = load_suite("reflex_patchloop_v1")
    answerer = suite_answerer(suite.name, success_rate=success_rate, seed=0)
    for task in suite.tasks[:12]:
        form = schema(edit_format, task.editable)
        said = answerer.answer(Question(f"You are…\n{task.prompt}\nGo.", form))
        assert said is not None
        applied = apply(task.workspace, parse(edit_format, parse_reply(said, form)), task.editable)
        solved = {**task.workspace, **task.solution}
        assert (applied.files == solved) is (success_rate == 1.0)


@pytest.mark.parametrize(
    "name", ["reflex_patchloop_v1", pytest.param("reflex_patchloop_v2", marks=pytest.mark.slow)]
)
def test_tasks_that_auto_asks_by_functions_are_solved_by_functions(name: str) -> None:
    """Functions that change and new ones, constants, imports; a failing answer is a valid edit."""
    asked = 0
    for task in load_suite(name).tasks:
        files = {path: task.workspace.get(path, "") for path in task.editable}
        if resolve(EditFormat.AUTO, files, "it fails") is not EditFormat.FUNCTION:
            continue
        asked += 1
        form = schema(EditFormat.FUNCTION, task.editable)
        for success_rate in (0.0, 1.0):
            answerer = suite_answerer(name, success_rate=success_rate, seed=0)
            said = answerer.answer(Question(task.prompt, form))
            assert said is not None
            edits = parse(EditFormat.FUNCTION, parse_reply(said, form))
            after = apply(task.workspace, edits, task.editable).files
            solved = {**task.workspace, **task.solution}
            assert same_program(solved, after) is (success_rate == 1.0)
    assert asked


def test_of_two_tasks_with_one_prompt_the_one_whose_file_is_shown_is_meant() -> None:
    """Also where a part of a long file is not shown."""
    files = [f"def f():\n    return {number}\n\n\ndef g():\n    return 0\n" for number in (1, 2)]
    tasks = [
        SolvedTask(str(nth), "Fix it.", {"a.py": text}, {"a.py": f"# {nth}\n{text}"})
        for nth, text in enumerate(files)
    ]
    answerer = SuiteAnswerer(tasks, edit_reply, success_rate=1.0, seed=0)
    form = schema(EditFormat.WHOLE_FILE, ["a.py"])
    for nth, text in enumerate(files):
        shown = text.replace("return 0", "pass  # not shown")
        for asked in (text, shown):
            said = answerer.answer(Question(f"Fix it.\n{asked}", form))
            assert said is not None
            assert json.loads(said)["edits"][0]["content"].startswith(f"# {nth}\n")


@pytest.mark.parametrize("edit_format", [EditFormat.SEARCH_REPLACE, EditFormat.LINE_RANGE])
def test_changes_that_lie_apart_do_not_take_the_file_with_them(edit_format: EditFormat) -> None:
    """What a reply may be long is no more than edits need."""
    lines = [f"line {number} of a file\n" for number in range(200)]
    before = "".join(lines)
    lines[3], lines[190] = "another\n", "yet another\n"
    reply = edit_reply(schema(edit_format, ["a.py"]), {"a.py": before}, {"a.py": "".join(lines)})
    assert len(json.loads(reply)["edits"]) == 2
    assert len(reply) < 300
